//! The scenario of conferences: the doctor and the nurse are called at once, hear what it is about, press the key, and talk
//! with the caller together; the doctor leaves, and the call is over when the nurse does.

use std::time::Duration;

use shared::agent::TransferKind;
use shared::session::Event;

use super::transfer::{answers, asked, through, waited};
use super::verdict::{self, Evidence, Verdict};
use crate::call::Waiting;
use crate::call::exchange::Party;

pub(super) const TARGETS: &str = r#"[{"name":"doctor","to":"sip:doctor@example.com","kind":"warm","ring":20000},
    {"name":"nurse","to":"+15005550020","kind":"warm","ring":20000}]"#;
/// What the model wants them to know: `local/assets/scripts/conference.model`.
const BRIEFING: &str = "The caller would like to speak to you.";
/// The caller, the doctor and the nurse.
const EVERYBODY: usize = 3;

/// The nurse comes later, and stays longer.
pub(super) fn parties() -> Vec<Party> {
    vec![answers("sip:doctor@example.com", 1_500, Some('1'), 4_000), answers("+15005550020", 2_500, Some('1'), 6_000)]
}

pub(super) fn judge(evidence: &Evidence) -> Verdict {
    let claims = vec![
        ("the call went as Twilio wants it", verdict::call(evidence)),
        ("the agent greeted the caller", verdict::greeting(evidence)),
        ("the caller was taken off the stream for both", asked(evidence, "doctor, nurse", TransferKind::Warm)),
        ("they heard music while both were asked", waited(evidence, Waiting::Music)),
        ("both heard what it is about", briefed(evidence)),
        ("both took the call", both_took_it(evidence)),
        ("all three were together", together(evidence)),
        ("the doctor left, and the others went on talking", went_on(evidence)),
        ("the call was over when the nurse had left", through(evidence)),
    ];
    Verdict::new(claims, evidence)
}

fn briefed(evidence: &Evidence) -> Result<String, String> {
    match &evidence.talks[..] {
        [first, second] if [first, second].iter().all(|talk| talk.briefed.contains(BRIEFING)) => {
            Ok(format!("{:?}", first.briefed))
        }
        talks => Err(format!("{talks:?}")),
    }
}

fn both_took_it(evidence: &Evidence) -> Result<String, String> {
    let events = evidence.record.as_ref().map(|record| record.events.as_slice()).unwrap_or_default();
    let took = |event: &Event| match event {
        Event::TransferAnswer { to, why: None, after_ms } => Some(format!("{to} after {after_ms} ms")),
        _ => None,
    };
    let took: Vec<String> = events.iter().filter_map(|timed| took(&timed.event)).collect();
    if took.len() == 2 { Ok(took.join(", ")) } else { Err(format!("`transfer_answer` events: {took:?}")) }
}

fn together(evidence: &Evidence) -> Result<String, String> {
    let most = evidence.talks.iter().map(|talk| talk.together).max().unwrap_or_default();
    if most == EVERYBODY { Ok("in one conference".to_owned()) } else { Err(format!("{most} at most")) }
}

fn went_on(evidence: &Evidence) -> Result<String, String> {
    match &evidence.talks[..] {
        [doctor, nurse] if doctor.who.starts_with("sip:") && nurse.lasted >= Duration::from_millis(6_000) => {
            Ok(format!("for {} ms in all", nurse.lasted.as_millis()))
        }
        talks => Err(format!("{talks:?}")),
    }
}
