//! Did it work? Every claim of the demo, checked against what the API, the caller and the model know.

mod keys;

use std::fmt;
use std::path::PathBuf;

use shared::audio::wav::Wav;
use shared::calls::Ending;
use shared::session::{Event, Speaker};

use crate::api::Record;
use crate::call::exchange::Talk;
use crate::call::{CallReport, Ended, Warning};
use crate::model::SessionReport;
pub(super) use keys::judge as judge_keys;

/// Everything that is known once the call is over.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) record: Option<Record>,
    pub(super) recording: Option<Vec<u8>>,
    pub(super) file: Option<PathBuf>,
    pub(super) session: Option<SessionReport>,
    pub(super) tool_processes: usize,
    /// Of the calls that the exchange made.
    pub(super) carrier_warnings: Vec<Warning>,
    /// Of those who were called.
    pub(super) talks: Vec<Talk>,
    pub(super) report: CallReport,
}

/// What was claimed, and whether it holds: a detail, or the reason why not.
#[derive(Debug)]
pub(super) struct Verdict {
    claims: Vec<(&'static str, Result<String, String>)>,
    file: Option<PathBuf>,
}

impl Verdict {
    pub(super) fn new(claims: Vec<(&'static str, Result<String, String>)>, evidence: &Evidence) -> Self {
        Self { claims, file: evidence.file.clone() }
    }

    pub(super) fn is_good(&self) -> bool {
        self.claims.iter().all(|(_, outcome)| outcome.is_ok())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (claim, outcome) in &self.claims {
            match outcome {
                Ok(detail) => writeln!(f, "  ✓ {claim}: {detail}")?,
                Err(why) => writeln!(f, "  ✗ {claim}: {why}")?,
            }
        }
        if let Some(file) = &self.file {
            writeln!(f, "\nThe recording, caller left and agent right: {}", file.display())?;
        }
        let failed = self.claims.iter().filter(|(_, outcome)| outcome.is_err()).count();
        match failed {
            0 => f.write_str("It works."),
            _ => write!(f, "It does not work: {failed} of {} checks failed.", self.claims.len()),
        }
    }
}

pub(super) fn judge(evidence: &Evidence) -> Verdict {
    let claims = vec![
        ("the call went as Twilio wants it", call(evidence)),
        ("the agent greeted the caller", greeting(evidence)),
        ("a tool ran in its Lambda process", tool(evidence)),
        ("the caller cut in and was let in", barge_in(evidence)),
        ("both sides are in the transcript", transcript(evidence)),
        ("the agent hung up after its last words", ending(evidence)),
        ("the recording is whole", recording(evidence)),
    ];
    Verdict::new(claims, evidence)
}

pub(super) fn call(evidence: &Evidence) -> Result<String, String> {
    let report = &evidence.report;
    if let Some(warning) = report.warnings.iter().chain(&evidence.carrier_warnings).next() {
        return Err(format!("warning {}: {}", warning.code, warning.what));
    }
    match &report.ended {
        Ended::ServerHungUp if !report.script_played => Err("the other side hung up in the middle".to_owned()),
        Ended::CallerHungUp | Ended::ServerHungUp => match report.streams.len() {
            1 => Ok("one stream, no warning".to_owned()),
            count => Ok(format!("{count} streams, no warning")),
        },
        Ended::CallerGaveUp(why) => Err(format!("the caller gave up: {why}")),
        Ended::Failed(why) => Err(why.clone()),
    }
}

pub(super) fn greeting(evidence: &Evidence) -> Result<String, String> {
    let heard_ms = evidence.report.streams.first().and_then(|stream| stream.first_audio_ms);
    let heard_ms = heard_ms.ok_or("nothing was heard")?;
    find(evidence, |event| matches!(event, Event::Greeted { .. }).then_some(())).ok_or("no `greeted` event")?;
    Ok(format!("heard {heard_ms} ms after the stream began"))
}

fn tool(evidence: &Evidence) -> Result<String, String> {
    const TOOL: &str = "lookup_prescription";
    let finished = find(evidence, |event| match event {
        Event::ToolFinished { name, took_ms, error, .. } if name == TOOL => Some((*took_ms, *error)),
        _ => None,
    });
    let (took_ms, error) = finished.ok_or("no `tool_finished` event")?;
    if let Some(kind) = error {
        return Err(format!("{TOOL} failed: {kind:?}"));
    }
    let outputs = evidence.session.as_ref().map(|session| session.outputs.as_slice()).unwrap_or_default();
    let told = outputs.iter().any(|(_, output)| output.contains("RX-1234") && output.contains("amoxicillin"));
    match (told, evidence.tool_processes) {
        (true, 1..) => Ok(format!("{TOOL} answered in {took_ms} ms, and the model was told")),
        (false, _) => Err("the model was not told what the table says".to_owned()),
        (true, 0) => Err("no process of `tool-call` runs".to_owned()),
    }
}

fn barge_in(evidence: &Evidence) -> Result<String, String> {
    let point = find(evidence, |event| match event {
        Event::BargeIn { heard_ms, sent_ms, .. } => Some((*heard_ms, *sent_ms)),
        _ => None,
    });
    let (heard_ms, sent_ms) = point.ok_or("no `barge_in` event")?;
    let mut cuts = evidence.report.streams.iter().flat_map(|stream| &stream.barge_ins);
    let cleared_ms = cuts.find_map(|cut| cut.cleared_after_ms).ok_or("the caller heard no end of the agent")?;
    let truncations = evidence.session.as_ref().map(|session| session.truncations.as_slice()).unwrap_or_default();
    if !truncations.iter().any(|(_, ms)| *ms == heard_ms) {
        return Err(format!("the model was not told that {heard_ms} ms were heard: {truncations:?}"));
    }
    if heard_ms == 0 || heard_ms >= sent_ms {
        return Err(format!("{heard_ms} ms heard of {sent_ms} ms sent is no cut"));
    }
    Ok(format!("cut at {heard_ms} ms of {sent_ms} ms sent; silence {cleared_ms} ms after the caller began"))
}

fn transcript(evidence: &Evidence) -> Result<String, String> {
    let lines = evidence.record.as_ref().map(|record| record.transcript.as_slice()).unwrap_or_default();
    let count = |speaker| lines.iter().filter(|line| line.speaker == speaker && line.text.is_some()).count();
    match (count(Speaker::Caller), count(Speaker::Agent)) {
        (caller @ 3.., agent @ 6..) => Ok(format!("{caller} lines of the caller's, {agent} of the agent's")),
        (caller, agent) => Err(format!("only {caller} lines of the caller's and {agent} of the agent's")),
    }
}

pub(super) fn ending(evidence: &Evidence) -> Result<String, String> {
    let status = evidence.record.as_ref().map(|record| record.call.status).ok_or("there is no record of the call")?;
    match (status.ended(), &evidence.report.ended) {
        (Some(Ending::AgentHungUp), Ended::ServerHungUp) => Ok("and the caller's line was closed".to_owned()),
        (ending, ended) => Err(format!("the record says {ending:?}, the caller says {ended:?}")),
    }
}

pub(super) fn recording(evidence: &Evidence) -> Result<String, String> {
    /// Of 16-bit amplitudes: less is nobody speaking.
    const SPOKEN: i16 = 1_000;
    /// The call begins with the webhook and ends a little after the last word.
    const TOLERANCE_MS: u64 = 3_000;
    let file = evidence.recording.as_deref().ok_or("there is none")?;
    let wav = Wav::read(file).map_err(|error| error.to_string())?;
    let format = file.get(20..22).map(|tag| u16::from_le_bytes([tag[0], tag[1]]));
    if (wav.channels, wav.rate, format) != (2, 8_000, Some(7)) {
        return Err(format!("{} channels at {} Hz, format {format:?}: not stereo µ-law", wav.channels, wav.rate));
    }
    for (channel, who) in [(0, "caller"), (1, "agent")] {
        if !wav.samples.iter().skip(channel).step_by(2).any(|sample| sample.unsigned_abs() > SPOKEN.unsigned_abs()) {
            return Err(format!("the {who}'s channel is silent"));
        }
    }
    let length_ms = wav.samples.len() as u64 / 16;
    let lasted_ms = evidence.report.lasted_ms;
    if length_ms.abs_diff(lasted_ms) > TOLERANCE_MS {
        return Err(format!("it lasts {length_ms} ms, the call {lasted_ms} ms"));
    }
    Ok(format!("{}.{} s, stereo µ-law, two voices", length_ms / 1_000, length_ms % 1_000 / 100))
}

pub(super) fn find<T>(evidence: &Evidence, wanted: impl Fn(&Event) -> Option<T>) -> Option<T> {
    evidence.record.as_ref()?.events.iter().find_map(|timed| wanted(&timed.event))
}
