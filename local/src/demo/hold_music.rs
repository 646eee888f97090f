//! The scenario of the slow tool: a file is uploaded, plays while the caller waits, and is found again in the recording.

use std::error::Error;
use std::time::{Duration, Instant};

use music::import;
use shared::audio::mulaw;
use shared::audio::wav::HEADER_BYTES;
use shared::hold_music::id_of;
use shared::ids::MusicId;
use shared::session::Event;
use shared::time::{CallTime, Samples};
use url::Url;

use super::verdict::{self, Evidence, Verdict, find};

const FILE: &[u8] = include_bytes!("../../assets/music/arpeggio.mp3");
const TOOL: &str = "get_weather";
const PATIENCE: Duration = Duration::from_secs(30);
/// So much of it without a break is no chance.
const ENOUGH: Samples = Samples::from_millis(1_500);
const LONGEST_SILENCE: Samples = Samples::from_millis(2_000);
/// Of 16-bit amplitudes.
const AUDIBLE: u16 = 60;

/// What the file becomes.
fn piece() -> Result<Vec<u8>, music::ImportError> {
    import(FILE.to_vec(), Instant::now() + PATIENCE).map(|import| import.mulaw)
}

pub(super) fn id() -> Result<MusicId, music::ImportError> {
    piece().map(|piece| id_of(&piece))
}

/// As anybody may upload one.
pub(super) async fn upload(origin: &Url) -> Result<(), Box<dyn Error + Send + Sync>> {
    let url = origin.join("hold-music/files?title=Arpeggio")?;
    let request = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?.post(url);
    let answer = request.header("content-type", "audio/mpeg").body(FILE).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    if status.is_success() { Ok(()) } else { Err(format!("the music is refused with {status}: {text}").into()) }
}

pub(super) fn judge(evidence: &Evidence) -> Verdict {
    Verdict::new(
        vec![
            ("the call went as Twilio wants it", verdict::call(evidence)),
            ("the agent greeted the caller", verdict::greeting(evidence)),
            ("the tool was slow", slow_tool(evidence)),
            ("music played while it ran", played(evidence)),
            ("it is the uploaded piece, byte for byte", heard(evidence)),
            ("the caller was never left in silence", silence(evidence)),
            ("the agent hung up after its last words", verdict::ending(evidence)),
            ("the recording is whole", verdict::recording(evidence)),
        ],
        evidence,
    )
}

fn slow_tool(evidence: &Evidence) -> Result<String, String> {
    let took_ms = find(evidence, |event| match event {
        Event::ToolFinished { name, took_ms, error: None, .. } if name == TOOL => Some(*took_ms),
        _ => None,
    });
    match took_ms.ok_or("no `tool_finished` event without an error")? {
        took_ms @ 5_000.. => Ok(format!("{TOOL} took {took_ms} ms")),
        took_ms => Err(format!("{TOOL} took {took_ms} ms only")),
    }
}

/// When a thing is told that happens once.
fn at(evidence: &Evidence, wanted: impl Fn(&Event) -> bool) -> Option<CallTime> {
    let record = evidence.record.as_ref()?;
    record.events.iter().find(|timed| wanted(&timed.event)).map(|timed| timed.at)
}

fn played(evidence: &Evidence) -> Result<String, String> {
    let asked = at(evidence, |event| matches!(event, Event::ToolStarted { name, .. } if name == TOOL));
    let began = at(evidence, |event| matches!(event, Event::HoldStarted)).ok_or("no `hold_started` event")?;
    let ended = at(evidence, |event| matches!(event, Event::HoldStopped)).ok_or("no `hold_stopped` event")?;
    let answered = at(evidence, |event| matches!(event, Event::ToolFinished { name, .. } if name == TOOL));
    match (asked, answered) {
        (Some(asked), Some(answered)) if asked < began && began < answered && answered <= ended => {
            Ok(format!("for {} ms", ended.since(began).as_millis()))
        }
        _ => Err(format!("from {began:?} to {ended:?}, the tool from {asked:?} to {answered:?}")),
    }
}

/// What the caller was sent, as µ-law.
fn agents_channel(evidence: &Evidence) -> Result<Vec<u8>, String> {
    let file = evidence.recording.as_deref().ok_or("there is no recording")?;
    let stereo = file.get(HEADER_BYTES..).unwrap_or_default();
    Ok(stereo.iter().skip(1).step_by(2).copied().collect())
}

fn heard(evidence: &Evidence) -> Result<String, String> {
    let piece = piece().map_err(|error| error.to_string())?;
    let longest = longest_run(&agents_channel(evidence)?, &piece);
    if longest >= ENOUGH {
        Ok(format!("{} ms without a break", longest.as_millis()))
    } else {
        Err(format!("{} ms of it", longest.as_millis()))
    }
}

/// The longest stretch of the piece, which goes round, in this sound.
fn longest_run(sound: &[u8], piece: &[u8]) -> Samples {
    const PROBE: usize = 64;
    let twice = piece.repeat(2);
    let runs = sound.windows(PROBE).enumerate().step_by(PROBE * 10).flat_map(|(at, probe)| {
        let places = twice.windows(PROBE).enumerate().filter(move |(_, window)| *window == probe);
        places.map(move |(place, _)| (at, place))
    });
    let run = |(at, place): (usize, usize)| {
        let pairs = sound.iter().skip(at).zip(piece.iter().cycle().skip(place % piece.len()));
        pairs.take_while(|(one, other)| one == other).count()
    };
    Samples(runs.filter(|(at, _)| sound.get(*at..at + PROBE).is_some_and(is_lively)).map(run).max().unwrap_or(0) as u64)
}

/// Silence is a part of many pieces.
fn is_lively(sound: &[u8]) -> bool {
    sound.iter().any(|&code| mulaw::decode(code).unsigned_abs() > AUDIBLE)
}

fn silence(evidence: &Evidence) -> Result<String, String> {
    let from = at(evidence, |event| matches!(event, Event::ToolStarted { name, .. } if name == TOOL));
    let to = at(evidence, |event| matches!(event, Event::HoldStopped));
    let (from, to) = from.zip(to).ok_or("there was no wait")?;
    let sound = agents_channel(evidence)?;
    let place = |time: CallTime| usize::try_from(Samples::from(time).0).unwrap_or(usize::MAX).min(sound.len());
    let longest = longest_silence(sound.get(place(from)..place(to)).unwrap_or_default());
    let told = format!("{} ms at most", longest.as_millis());
    if longest <= LONGEST_SILENCE { Ok(told) } else { Err(told) }
}

/// In steps of 20 ms.
fn longest_silence(sound: &[u8]) -> Samples {
    const STEP: usize = 160;
    let (longest, _) = sound.chunks(STEP).fold((0, 0), |(longest, run), step| {
        let run = if is_lively(step) { 0 } else { run + 1 };
        (run.max(longest), run)
    });
    Samples(longest * STEP as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_piece_is_found_wherever_it_begins_and_nothing_else_is_taken_for_it() {
        let piece = piece().unwrap();
        let sound = [&[0xFF; 3_000], &piece[piece.len() - 9_000..], &piece[..9_000], &[0xFF; 500]].concat();
        assert!(longest_run(&sound, &piece) >= Samples(17_000));
        let other = crate::assets::Sounds::default().find("agent-greeting").unwrap();
        assert!(longest_run(&other, &piece) < Samples(200));
    }

    #[test]
    fn silence_is_measured_between_sounds() {
        let sound = [vec![0x80; 800], vec![0xFF; 1_600], vec![0x80; 160], vec![0xFF; 480]].concat();
        assert_eq!(longest_silence(&sound), Samples(1_600));
    }
}
