//! What is kept of calls: for how long, by what it is found, and when it may be erased.

use std::fmt::Write as _;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Call;
use crate::ids::CallSid;
use crate::time::CallTime;

/// A relay that learns of a call's end writes the last down, and joins the recording, within this time.
const SETTLES: Duration = Duration::from_secs(60);
/// A call that has no end after its longest time and this has lost its relay, and the carrier's word on it.
const FORGOTTEN: Duration = Duration::from_secs(10 * 60);

/// The recording of a call, and for how long it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub call: CallSid,
    pub retention_days: u32,
}

/// What a call is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    pub call: CallSid,
    pub began_at_ms: u64,
    /// Names of the entries under which it is found, one for each of its numbers.
    pub entries: Vec<String>,
}

/// What stands for a number where the number itself must not stand: in keys, which AWS logs, and in our own log. Whoever has
/// it and tries every number there is finds the one that it belongs to: it hides numbers from sight, not from an attacker.
pub fn caller_hash(number: &str) -> String {
    Sha256::digest(number.as_bytes()).iter().fold(String::with_capacity(64), |mut hash, byte| {
        let _infallible = write!(hash, "{byte:02x}");
        hash
    })
}

impl Call {
    pub fn recorded(&self) -> Recorded {
        Recorded { call: self.sid.clone(), retention_days: self.agent.recording.retention_days }
    }

    /// Whether nobody writes anything down of it any more. `noted_at`: when the last thing happened that was.
    pub fn is_settled(&self, noted_at: Option<CallTime>, now_ms: u64) -> bool {
        let age = Duration::from_millis(now_ms.saturating_sub(self.began_at_ms));
        let lately = Duration::from_millis(noted_at.unwrap_or_default().0) + SETTLES;
        (self.status.ended().is_some() && age >= lately) || age > self.agent.limits.call + FORGOTTEN
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CallStatus, Channel, Ending, MediaPath};
    use super::*;
    use crate::agent::Agent;

    const BEGAN_MS: u64 = 1_795_000_000_000;

    fn call(status: CallStatus) -> Call {
        Call {
            sid: "CA1".into(),
            from: "+15551234567".into(),
            to: "+15557654321".into(),
            agent: Agent::default(),
            media_path: MediaPath::Gateway,
            channel: Channel::Telephone,
            status,
            began_at_ms: BEGAN_MS,
            lease: None,
            streams: 1,
            review: None,
        }
    }

    #[test]
    fn a_hash_is_the_numbers_and_has_none_of_it() {
        let hash = caller_hash("+15551234567");
        assert_eq!((hash.len(), hash == caller_hash("+15551234567"), hash.contains("555123")), (64, true, false));
        assert_ne!(hash, caller_hash("+15551234568"));
    }

    #[test]
    fn a_call_that_runs_or_has_just_ended_is_not_settled() {
        let at = |seconds: u64| BEGAN_MS + seconds * 1000;
        let running = call(CallStatus::InProgress);
        assert!(!running.is_settled(None, at(0)) && !running.is_settled(None, at(3_600 + 600)));
        assert!(running.is_settled(None, at(3_600 + 601)), "nobody is left who could say that it is over");
        let over = call(CallStatus::Ended(Ending::CallerHungUp));
        let ended = Some(CallTime(100_000));
        assert!(!over.is_settled(ended, at(159)) && over.is_settled(ended, at(160)));
        let unheard = "its relay, if it has one, still waits for the stream";
        assert!(!over.is_settled(None, at(59)) && over.is_settled(None, at(60)), "{unheard}");
    }
}
