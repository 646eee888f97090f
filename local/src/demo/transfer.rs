//! The scenario of transfers: the doctor declines, the caller comes back, and reception takes the call. What is judged in
//! that of conferences as well is here.

use std::time::Duration;

use shared::agent::TransferKind;
use shared::audio::wav::Wav;
use shared::calls::Ending;
use shared::session::{Event, Speaker};
use shared::time::CallTime;
use shared::transfer::TransferFailure;

use super::verdict::{self, Evidence, Verdict};
use crate::call::exchange::{Manner, Party};
use crate::call::{Ended, StreamEnd, Waiting};

pub(super) const TARGETS: &str = r#"[{"name":"doctor","to":"sip:doctor@example.com","kind":"warm","ring":20000},
    {"name":"reception","to":"+15005550010","ring":20000}]"#;
const DECLINES: char = '2';
/// Of 16-bit amplitudes: less is nobody speaking.
const SPOKEN: u16 = 1_000;
/// Waits that nobody would notice show nothing.
const NOTICED_MS: u64 = 1_000;

/// Somebody who answers after so many milliseconds, and talks for so many.
pub(super) fn answers(address: &str, rings: u64, presses: Option<char>, talks: u64) -> Party {
    Party {
        address: address.to_owned(),
        rings: Duration::from_millis(rings),
        then: Manner::Answers { presses, talks: Duration::from_millis(talks) },
    }
}

/// Who can be called.
pub(super) fn parties() -> Vec<Party> {
    vec![answers("sip:doctor@example.com", 1_500, Some(DECLINES), 0), answers("+15005550010", 2_000, None, 2_000)]
}

pub(super) fn judge(evidence: &Evidence) -> Verdict {
    let claims = vec![
        ("the call went as Twilio wants it", verdict::call(evidence)),
        ("the agent greeted the caller", verdict::greeting(evidence)),
        ("the caller was taken off the stream for the doctor", asked(evidence, "doctor", TransferKind::Warm)),
        ("they heard music while the doctor was asked", waited(evidence, Waiting::Music)),
        ("the doctor declined, and the caller came back", declined(evidence)),
        ("reception was called", asked(evidence, "reception", TransferKind::Cold)),
        ("the caller heard it ring there", waited(evidence, Waiting::Ringing)),
        ("reception took the call, and the agent left", through(evidence)),
        ("both sides are in the transcript, before and after", transcript(evidence)),
        ("the agent is heard in the recording, before and after", recording(evidence)),
    ];
    Verdict::new(claims, evidence)
}

/// When a thing is told first.
fn at(evidence: &Evidence, wanted: impl Fn(&Event) -> bool) -> Option<CallTime> {
    let record = evidence.record.as_ref()?;
    record.events.iter().find(|timed| wanted(&timed.event)).map(|timed| timed.at)
}

pub(super) fn asked(evidence: &Evidence, whom: &str, how: TransferKind) -> Result<String, String> {
    let event = |event: &Event| matches!(event, Event::TransferAsked { to, kind, .. } if to == whom && *kind == how);
    at(evidence, event).ok_or("no such `transfer_asked` event")?;
    let redirected = |stream: &&crate::call::StreamReport| stream.end == StreamEnd::Redirected;
    match evidence.report.streams.iter().filter(redirected).count() {
        0 => Err("no stream was ended for it".to_owned()),
        _ => Ok(format!("a {how:?} transfer").to_lowercase()),
    }
}

pub(super) fn waited(evidence: &Evidence, what: Waiting) -> Result<String, String> {
    let waits: Vec<u64> =
        evidence.report.waits.iter().filter(|wait| wait.heard == what).map(|wait| wait.lasted_ms).collect();
    match waits[..] {
        [lasted_ms] if lasted_ms >= NOTICED_MS => Ok(format!("for {lasted_ms} ms")),
        _ => Err(format!("{waits:?} ms of it")),
    }
}

/// When the agent learned that the doctor does not take the call.
fn failed_at(evidence: &Evidence) -> Result<CallTime, String> {
    let declined = |event: &Event| matches!(event, Event::TransferFailed { why: TransferFailure::Declined, .. });
    at(evidence, declined).ok_or_else(|| "no `transfer_failed` event that says `declined`".to_owned())
}

fn declined(evidence: &Evidence) -> Result<String, String> {
    let failed = failed_at(evidence)?;
    let record = evidence.record.as_ref().ok_or("there is no record of the call")?;
    let back = |event: &Event| matches!(event, Event::CallerAttached { .. });
    let back = record.events.iter().find(|timed| timed.at >= failed && back(&timed.event));
    let back = back.ok_or("no stream after that")?.at;
    match evidence.report.streams.len() {
        2 => Ok(format!("on another stream, {} ms later", back.since(failed).as_millis())),
        count => Err(format!("{count} streams")),
    }
}

pub(super) fn through(evidence: &Evidence) -> Result<String, String> {
    let after_ms = verdict::find(evidence, |event| match event {
        Event::Transferred { after_ms } => Some(*after_ms),
        _ => None,
    });
    let after_ms = after_ms.ok_or("no `transferred` event")?;
    let status = evidence.record.as_ref().map(|record| record.call.status).ok_or("there is no record of the call")?;
    match (status.ended(), &evidence.report.ended) {
        (Some(Ending::Transferred), Ended::ServerHungUp) => Ok(format!("after {after_ms} ms")),
        (ending, ended) => Err(format!("the record says {ending:?}, the caller says {ended:?}")),
    }
}

fn transcript(evidence: &Evidence) -> Result<String, String> {
    let failed = failed_at(evidence)?;
    let lines = evidence.record.as_ref().map(|record| record.transcript.as_slice()).unwrap_or_default();
    let count = |speaker, after: bool| {
        let said = lines.iter().filter(|line| line.speaker == speaker && line.text.is_some());
        said.filter(|line| (line.at >= failed) == after).count()
    };
    let counts = [Speaker::Caller, Speaker::Agent].map(|speaker| (count(speaker, false), count(speaker, true)));
    match counts {
        [(1.., 1..), (2.., 2..)] => Ok(format!("{} lines", lines.len())),
        counts => Err(format!("caller and agent, before and after: {counts:?}")),
    }
}

fn recording(evidence: &Evidence) -> Result<String, String> {
    let failed_ms = failed_at(evidence)?.as_millis();
    let wav = Wav::read(evidence.recording.as_deref().ok_or("there is none")?).map_err(|error| error.to_string())?;
    if (wav.channels, wav.rate) != (2, 8_000) {
        return Err(format!("{} channels at {} Hz", wav.channels, wav.rate));
    }
    let agent: Vec<u16> = wav.samples.iter().skip(1).step_by(2).map(|sample| sample.unsigned_abs()).collect();
    let cut = usize::try_from(failed_ms * 8).unwrap_or(usize::MAX).min(agent.len());
    let (before, after) = agent.split_at(cut);
    let loud = |part: &[u16]| part.iter().filter(|sample| **sample > SPOKEN).count();
    match (loud(before), loud(after)) {
        (1_000.., 1_000..) => Ok(format!("{} ms before the doctor declined, {} ms after", cut / 8, after.len() / 8)),
        (before, after) => Err(format!("{before} loud samples before, {after} after")),
    }
}
