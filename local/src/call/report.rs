//! What came of a call: everything a test, the demo or the benchmark may want to know of the caller's side.

use bytes::Bytes;

use super::interview::InterviewReport;
use super::probe::ProbeReport;

/// A whole call, from the webhook to the last status callback.
#[derive(Debug, Clone)]
pub struct CallReport {
    pub sid: String,
    pub ended: Ended,
    /// The caller did all that the script says.
    pub script_played: bool,
    /// From the answer to the end.
    pub lasted_ms: u64,
    /// From the answer to the first stream: what was heard in line. The whole call, if there was none.
    pub waited_ms: u64,
    pub streams: Vec<StreamReport>,
    /// The text of every `<Say>`.
    pub said: Vec<String>,
    /// What was heard of the carrier itself, between streams and after them.
    pub waits: Vec<Wait>,
    /// Documents of TwiML that were fetched.
    pub documents: u32,
    /// What Twilio's debugger would show.
    pub warnings: Vec<Warning>,
    /// The longest the caller heard nothing while waiting for the agent.
    pub longest_silence_ms: u64,
    pub probe: Option<ProbeReport>,
    pub interview: Option<InterviewReport>,
}

/// Who ended a call, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// As the script says.
    CallerHungUp,
    /// `<Hangup/>`, or no verb was left.
    ServerHungUp,
    /// What the script waited for did not come.
    CallerGaveUp(String),
    /// No TwiML could be had.
    Failed(String),
}

/// The caller waited for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    pub heard: Waiting,
    pub lasted_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// A conference's.
    Music,
    Ringing,
}

/// One media stream of a call.
#[derive(Debug, Clone)]
pub struct StreamReport {
    pub sid: String,
    pub end: StreamEnd,
    /// Media messages sent.
    pub frames_sent: u64,
    /// Messages of any kind received.
    pub messages: u64,
    pub received_bytes: u64,
    /// Of all audio that was received, in order. Lower-case hex.
    pub received_sha256: String,
    /// From `start` to the first audio.
    pub first_audio_ms: Option<u64>,
    pub marks_returned: u64,
    pub clears: Vec<Clear>,
    pub barge_ins: Vec<BargeIn>,
    /// What was heard and when, if the caller keeps it. Silence is not in it.
    pub heard: Vec<Heard>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEnd {
    CallerHungUp,
    ServerClosed,
    /// The call was told over the REST API to do something else.
    Redirected,
    /// On purpose, by a fault.
    Broke,
    /// The handshake did not succeed: 31920 and its kin.
    Refused(String),
}

/// Something Twilio would write into the account's debugger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub code: u32,
    pub what: String,
}

/// A `clear` from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clear {
    /// Since `start`.
    pub at_ms: u64,
    /// What it threw away.
    pub dropped_ms: u64,
}

/// The caller spoke while the agent was to be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BargeIn {
    /// Since `start`.
    pub at_ms: u64,
    /// From the caller's first sound to the server's `clear`.
    pub cleared_after_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Since `start`.
    pub at_ms: u64,
    pub sound: Bytes,
}

impl CallReport {
    /// The call went as the caller's script and Twilio want it.
    pub fn ok(&self) -> bool {
        let ended = matches!(self.ended, Ended::CallerHungUp | Ended::ServerHungUp);
        ended && self.script_played && self.warnings.is_empty()
    }
}
