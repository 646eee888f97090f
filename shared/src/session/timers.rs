//! Every wait of a call has a name; nothing waits without one.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::ToolCallId;
use crate::time::CallTime;

/// Why the session wants to be called again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// The caller's stream has not come, or not come back.
    Attach,
    /// A frame is missing from the sequence; those behind it have waited long enough.
    Gap,
    /// The caller was speaking and no frame comes any more.
    Stall,
    /// The model has been dialled and is not ready.
    ModelReady,
    Redial,
    /// The model's session is to be replaced by another: it is time to begin, or the last moment.
    Renewal,
    /// A response was asked for, or begun, and nothing is heard of it.
    Response,
    /// A failed response is asked for again.
    Retry,
    Tool(ToolCallId),
    /// Dead air has lasted long enough, or the hold music needs its next piece.
    Hold,
    Silence,
    LongestCall,
    /// The last words have taken too long.
    Goodbye,
    /// What the call has cost is to be told.
    Cost,
    /// No further digit has come.
    Keypad,
    /// The caller has been on hold for long enough.
    OnHold,
    /// Nothing has been kept for long enough.
    RecordingPause,
    /// Somebody to whom the caller is put through has had long enough.
    Transfer,
    /// Somebody who is called for the caller, by this errand, has had long enough to answer.
    Leg(u32),
    /// What has happened is to be written down.
    Journal,
}

/// A tick that is later than this says that the process was held up, and what is awaited may have come meanwhile unread.
const LATE: Duration = Duration::from_millis(20);
/// For reading it.
const GRACE: Duration = Duration::from_millis(100);

impl Timer {
    /// Waits for somebody else, unlike what the session has planned itself.
    fn awaits(&self) -> bool {
        !matches!(
            self,
            Self::Redial
                | Self::Renewal
                | Self::Retry
                | Self::Hold
                | Self::LongestCall
                | Self::OnHold
                | Self::Cost
                | Self::RecordingPause
                | Self::Journal
        )
    }
}

/// What is armed. Few at a time, so a map kept in order is all it takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Timers(#[serde(with = "as_pairs")] BTreeMap<Timer, Armed>);

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Armed {
    at: CallTime,
    /// It was due while the process was held up.
    excused: bool,
}

impl Timers {
    pub(super) fn arm(&mut self, timer: Timer, at: CallTime) {
        self.0.insert(timer, Armed { at, excused: false });
    }

    pub(super) fn disarm(&mut self, timer: &Timer) {
        self.0.remove(timer);
    }

    pub(super) fn is_armed(&self, timer: &Timer) -> bool {
        self.0.contains_key(timer)
    }

    pub(super) fn at(&self, timer: &Timer) -> Option<CallTime> {
        self.0.get(timer).map(|armed| armed.at)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn next(&self) -> Option<(CallTime, Timer)> {
        self.0.iter().map(|(timer, armed)| (armed.at, timer)).min().map(|(at, timer)| (at, timer.clone()))
    }

    /// Takes the earliest timer that is due. One that awaits something and is late gets its grace, once.
    pub(super) fn take_due(&mut self, now: CallTime) -> Option<Timer> {
        loop {
            let (at, timer) = self.next().filter(|(at, _)| *at <= now)?;
            let armed = self.0.get_mut(&timer)?;
            if armed.excused || !timer.awaits() || now.since(at) <= LATE {
                self.0.remove(&timer);
                return Some(timer);
            }
            *armed = Armed { at: now + GRACE, excused: true };
        }
    }
}

/// JSON has no maps with keys like these.
mod as_pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Armed, Timer};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<Timer, Armed>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(de: D) -> Result<BTreeMap<Timer, Armed>, D::Error> {
        Ok(Vec::<(Timer, Armed)>::deserialize(de)?.into_iter().collect())
    }
}
