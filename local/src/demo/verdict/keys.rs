//! What must have come of the demo of keys.

use shared::audio::dtmf;
use shared::audio::wav::Wav;
use shared::session::{DigitsEnd, Event, OffHold, Speaker};

use super::{Evidence, Verdict, call, ending, find, greeting, recording};

/// What the caller dials, and what the agent does.
const DIALLED: &str = "4711";
const SENT: &str = "123#";
/// Of a recording's samples: 40 ms, which a receiver needs to make out a key.
const PIECE: usize = 320;

pub(in crate::demo) fn judge(evidence: &Evidence) -> Verdict {
    let claims = vec![
        ("the call went as Twilio wants it", call(evidence)),
        ("the agent greeted the caller", greeting(evidence)),
        ("the caller's keys were told to the model as one number", number(evidence)),
        ("no event, line or field of the call shows the number", masked(evidence)),
        ("the first key cut in", cut_in(evidence)),
        ("the agent's keys are heard in the recording", tones(evidence)),
        ("a key had the last words said again", repeated(evidence)),
        ("a key put the caller on hold, and their word ended it", held(evidence)),
        ("the agent hung up after its last words", ending(evidence)),
        ("the recording is whole", recording(evidence)),
    ];
    Verdict { claims, file: evidence.file.clone() }
}

fn number(evidence: &Evidence) -> Result<String, String> {
    let told = find(evidence, |event| match event {
        Event::Digits { count, ended_by, action: None } => Some((*count, *ended_by)),
        _ => None,
    });
    if told != Some((4, DigitsEnd::FinishOnKey)) {
        return Err(format!("the digits were gathered as {told:?}"));
    }
    let notes = evidence.session.as_ref().map(|session| session.notes.as_slice()).unwrap_or_default();
    match notes {
        [note] if note.contains(DIALLED) => Ok("four digits, ended by the pound key".to_owned()),
        notes => Err(format!("the model was told {} notes, not one with the number", notes.len())),
    }
}

fn masked(evidence: &Evidence) -> Result<String, String> {
    let record = evidence.record.as_ref().ok_or("there is no record of the call")?;
    let events = record.events.iter().map(|timed| serde_json::to_string(&timed.event));
    let lines = record.transcript.iter().map(serde_json::to_string);
    let shown: Vec<String> = events.chain(lines).filter_map(Result::ok).collect();
    // Time and ids are numbers too; a digit of the caller's would stand in quotes.
    let keys =
        |text: &String| text.contains(DIALLED) || DIALLED.chars().any(|key| text.contains(&format!("\"{key}\"")));
    match shown.iter().filter(|text| keys(text)).count() {
        0 => Ok(format!("{} were looked at", shown.len())),
        count => Err(format!("{count} of {} do", shown.len())),
    }
}

fn cut_in(evidence: &Evidence) -> Result<String, String> {
    let point = find(evidence, |event| match event {
        Event::BargeIn { heard_ms, sent_ms, .. } => Some((*heard_ms, *sent_ms)),
        _ => None,
    });
    match point.ok_or("no `barge_in` event")? {
        (heard_ms, sent_ms) if heard_ms < sent_ms => Ok(format!("at {heard_ms} ms of {sent_ms} ms sent")),
        (heard_ms, sent_ms) => Err(format!("{heard_ms} ms heard of {sent_ms} ms sent is no cut")),
    }
}

/// As another telephone's receiver hears them.
fn tones(evidence: &Evidence) -> Result<String, String> {
    let wav = Wav::read(evidence.recording.as_deref().ok_or("there is none")?).map_err(|error| error.to_string())?;
    let agent: Vec<i16> = wav.samples.iter().skip(1).step_by(2).copied().collect();
    let mut heard = String::new();
    let mut last = None;
    for piece in agent.chunks(PIECE) {
        let key = dtmf::detect(piece);
        heard.extend(key.filter(|_| key != last));
        last = key;
    }
    if heard == SENT { Ok(format!("{heard}, as it was sent")) } else { Err(format!("{heard:?} instead of {SENT:?}")) }
}

fn repeated(evidence: &Evidence) -> Result<String, String> {
    find(evidence, |event| matches!(event, Event::Digits { action: Some(name), .. } if name == "repeat").then_some(()))
        .ok_or("no key of the map's")?;
    let lines = evidence.record.as_ref().map(|record| record.transcript.as_slice()).unwrap_or_default();
    let said = lines.iter().filter(|line| line.speaker == Speaker::Agent).filter_map(|line| line.text.as_ref());
    let said: Vec<&String> = said.map(|text| text.reveal()).collect();
    let twice = said.windows(2).any(|pair| pair.first() == pair.last());
    if twice { Ok("word for word".to_owned()) } else { Err(format!("nothing was said twice in {} lines", said.len())) }
}

fn held(evidence: &Evidence) -> Result<String, String> {
    find(evidence, |event| matches!(event, Event::OnHold { .. }).then_some(())).ok_or("no `on_hold` event")?;
    find(evidence, |event| matches!(event, Event::HoldStarted).then_some(())).ok_or("no music")?;
    let off = find(evidence, |event| match event {
        Event::OffHold { why, after_ms } => Some((*why, *after_ms)),
        _ => None,
    });
    match off {
        Some((OffHold::CallerSpoke, after_ms)) => Ok(format!("{after_ms} ms of music")),
        off => Err(format!("it ended with {off:?}")),
    }
}
