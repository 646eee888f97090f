//! What is kept of a call, for how long, and what its caller is told of that.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Agent, millis};
use crate::fault::Fault;
use crate::tools::call_control::PAUSE_RECORDING;

/// How long a recording may be kept. S3 removes what carries a tag that one of its rules knows, so these are all there are:
/// each has its rule in `infra/data.yaml`.
pub const RETENTION_DAYS: [u32; 9] = [1, 3, 7, 14, 30, 60, 90, 180, 365];

/// A day is counted from the end of a call, and up to the next midnight (UTC), before anything goes.
const SWEPT_DAYS: u32 = 2;
const LONGEST_RETENTION_DAYS: u32 = 3_650;
/// Of characters. Twilio says it before the caller's stream begins, which is waited for.
const LONGEST_CONSENT: usize = 300;
/// A slow voice takes so long for one of them.
const CHARACTER: Duration = Duration::from_millis(120);
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// The sound of a call, its words, and everything else that is written down of it. Stays for the whole call as it was when
/// the call began: its caller was told so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Recording {
    /// Whether there is sound to hear afterwards. The transcript is written in any case.
    pub enabled: bool,
    /// Said to the caller before anything of them is heard, in the agent's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
    /// Of the sound: one of [`RETENTION_DAYS`].
    pub retention_days: u32,
    /// Of the call itself, its transcript, its events and what its caller left for people.
    pub transcript_retention_days: u32,
    /// Whether an operator, or the agent with its tool, may have nothing kept for a while.
    pub may_pause: bool,
    /// A pause that nobody ends is over by itself.
    #[schemars(with = "u64")]
    #[serde(with = "millis")]
    pub longest_pause: Duration,
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            enabled: true,
            consent: None,
            retention_days: 30,
            transcript_retention_days: 30,
            may_pause: true,
            longest_pause: Duration::from_secs(5 * 60),
        }
    }
}

pub(super) fn is_default(recording: &Recording) -> bool {
    *recording == Recording::default()
}

impl Recording {
    /// At most. The caller's stream comes after it.
    pub fn consent_lasts(&self) -> Duration {
        let characters = self.consent.as_deref().map_or(0, |words| words.chars().count().min(LONGEST_CONSENT));
        CHARACTER * u32::try_from(characters).unwrap_or(u32::MAX)
    }

    /// For how long a caller's calls can be found, from their beginning: as long as anything of them is there.
    pub fn found_for_days(&self) -> u32 {
        self.retention_days.max(self.transcript_retention_days) + SWEPT_DAYS
    }
}

pub(super) fn faults(agent: &Agent) -> Vec<Fault> {
    let recording = &agent.recording;
    let known = RETENTION_DAYS.map(|days| days.to_string()).join(", ");
    let consent = recording.consent.as_deref().unwrap_or("-");
    let pauses = agent.tools.iter().any(|tool| tool == PAUSE_RECORDING);
    let checks = [
        (
            !consent.trim().is_empty() && consent.chars().count() <= LONGEST_CONSENT,
            "/consent",
            format!("a consent line has 1 to {LONGEST_CONSENT} characters"),
        ),
        (!consent.contains("{{"), "/consent", "there are no variables here".to_owned()),
        (
            RETENTION_DAYS.contains(&recording.retention_days),
            "/retention_days",
            format!("a recording is kept for {known} days"),
        ),
        (
            (1..=LONGEST_RETENTION_DAYS).contains(&recording.transcript_retention_days),
            "/transcript_retention_days",
            format!("1 to {LONGEST_RETENTION_DAYS} days"),
        ),
        (
            (Duration::from_secs(1)..=LONGEST_PAUSE).contains(&recording.longest_pause),
            "/longest_pause",
            "1000 to 3600000 milliseconds".to_owned(),
        ),
        (
            recording.may_pause || !pauses,
            "/may_pause",
            format!("this agent has the tool {PAUSE_RECORDING}, and may not use it"),
        ),
    ];
    let wrong = checks.into_iter().filter(|(holds, ..)| !holds);
    wrong.map(|(_, pointer, detail)| Fault::new(pointer, detail)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(recording: Recording) -> Vec<String> {
        let agent = Agent { recording, tools: vec![PAUSE_RECORDING.to_owned()], ..Agent::default() };
        faults(&agent).into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn what_everybody_begins_with_has_no_fault() {
        assert_eq!(pointers(Recording::default()), Vec::<String>::new());
        let consent = Some("This call is recorded.".to_owned());
        assert_eq!(pointers(Recording { consent, retention_days: 365, ..Recording::default() }), Vec::<String>::new());
    }

    #[test]
    fn every_fault_is_named() {
        let wrong = Recording {
            enabled: false,
            consent: Some("{{".repeat(200)),
            retention_days: 31,
            transcript_retention_days: 0,
            may_pause: false,
            longest_pause: Duration::ZERO,
        };
        let named = "/consent /consent /retention_days /transcript_retention_days /longest_pause /may_pause";
        assert_eq!(pointers(wrong).join(" "), named);
        let silent = Recording { consent: Some(" ".to_owned()), ..Recording::default() };
        assert_eq!(pointers(silent), ["/consent"]);
    }

    #[test]
    fn a_consent_line_is_waited_for_and_no_longer_than_the_longest() {
        let says = |words: &str| Recording { consent: Some(words.to_owned()), ..Recording::default() }.consent_lasts();
        assert_eq!(Recording::default().consent_lasts(), Duration::ZERO);
        assert_eq!(says("Wir nehmen auf."), Duration::from_millis(15 * 120));
        assert_eq!(says(&"a".repeat(5_000)), Duration::from_secs(36));
    }

    #[test]
    fn a_caller_is_found_as_long_as_anything_of_them_is_there() {
        let longer = Recording { retention_days: 90, transcript_retention_days: 7, ..Recording::default() };
        assert_eq!([longer.found_for_days(), Recording::default().found_for_days()], [92, 32]);
    }
}
