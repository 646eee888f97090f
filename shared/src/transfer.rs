//! Putting a caller through to a person: what is asked of the carrier, what comes of it, and the documents that it is told.
//!
//! Whether, when and what next is decided by the session ([`crate::session`]), because it needs to know who is on the line
//! and what has been said. Here are the words that it, the relay and the webhooks have in common.

pub mod documents;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::CallSid;
use crate::redact::Pii;
use crate::twilio::webhook::CarrierStatus;

/// Something that the carrier is asked to do for a call. They are numbered through the call, also across relays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    pub number: u32,
    pub ask: Ask,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The caller leaves the stream and hears it ring there.
    Dial { to: Pii<String>, ring_s: u64 },
    /// The caller leaves the stream and hears music in a conference of their own.
    Park,
    /// Somebody is called, told what it is about, and asked whether they take the call. `several`: others are called for
    /// the same caller.
    Call { to: Pii<String>, ring_s: u64, briefing: Pii<String>, several: bool },
    /// Somebody who was called is not wanted any more.
    HangUp { leg: CallSid },
    /// The caller comes back to a stream of ours.
    BringBack,
}

/// What became of an errand; with a call that was made, its name.
pub type Carried = Result<Option<CallSid>, NotCarried>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCarried {
    /// The caller's call is over.
    CallOver,
    /// It was not carried out.
    Refused,
    /// There was no answer: it may have been carried out.
    Unknown,
}

/// What the carrier tells of a transfer, by its webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum News {
    /// Nobody answered where the caller was put through to; the caller is on the way back.
    NotThrough { why: TransferFailure },
    /// Of somebody who was called. `errand`: which [`Ask`] called them.
    Leg { errand: u32, leg: CallSid, state: LegState },
    /// The caller left the conference.
    CallerLeft,
    /// The caller is waiting in it.
    CallerWaits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    Ringing,
    Answered,
    /// A machine has answered.
    Machine,
    /// They took the call, and are in the conference.
    Accepted,
    Declined,
    /// No key was pressed.
    Unheeded,
    Busy,
    NoAnswer,
    Failed,
    Canceled,
    /// Their call is over.
    Completed,
}

/// Why a caller was not put through. One of a few words, so that the model and a metric can tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferFailure {
    Busy,
    NoAnswer,
    /// Somebody answered and did not want the call.
    Declined,
    Voicemail,
    /// Called off by an operator.
    Canceled,
    /// The carrier could not do it.
    Failed,
    /// The caller is in a browser: the carrier has no call that could be put through.
    NoTelephone,
}

impl TransferFailure {
    pub fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Declined => "declined",
            Self::Voicemail => "voicemail",
            Self::Canceled => "canceled",
            Self::Failed => "failed",
            Self::NoTelephone => "no_telephone",
        }
    }

    /// As the model is told.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Busy => "the line is busy",
            Self::NoAnswer => "nobody answered",
            Self::Declined => "they cannot take the call right now",
            Self::Voicemail => "only a voicemail answered",
            Self::Canceled => "it was called off",
            Self::Failed => "the connection could not be made",
            Self::NoTelephone => "this is a test call from a browser, and only a telephone call can be put through",
        }
    }

    /// `DialCallStatus`, of a `<Dial>` that has ended. `None`: they talked.
    pub fn of_dial(status: &str) -> Option<Self> {
        match CarrierStatus::read(status) {
            CarrierStatus::Busy => Some(Self::Busy),
            CarrierStatus::NoAnswer => Some(Self::NoAnswer),
            CarrierStatus::Canceled => Some(Self::Canceled),
            CarrierStatus::Failed => Some(Self::Failed),
            // `completed`, and `answered`, which is said where the other side is a conference.
            _ => None,
        }
    }
}

impl LegState {
    /// By its status callback, or by what its answering-machine detection says.
    pub fn read(status: &str, answered_by: Option<&str>) -> Option<Self> {
        if let Some(who) = answered_by {
            return (who.starts_with("machine") || who == "fax").then_some(Self::Machine);
        }
        match CarrierStatus::read(status) {
            CarrierStatus::Queued | CarrierStatus::Initiated | CarrierStatus::Ringing => Some(Self::Ringing),
            CarrierStatus::InProgress => Some(Self::Answered),
            CarrierStatus::Completed => Some(Self::Completed),
            CarrierStatus::Busy => Some(Self::Busy),
            CarrierStatus::NoAnswer => Some(Self::NoAnswer),
            CarrierStatus::Failed => Some(Self::Failed),
            CarrierStatus::Canceled => Some(Self::Canceled),
            CarrierStatus::Unknown => None,
        }
    }

    /// Nothing more will come of this call.
    pub fn is_over(self) -> bool {
        match self {
            Self::Busy | Self::NoAnswer | Self::Failed | Self::Canceled | Self::Completed => true,
            Self::Ringing | Self::Answered | Self::Machine | Self::Accepted | Self::Declined | Self::Unheeded => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dial_that_was_answered_is_no_failure() {
        for status in ["completed", "answered", "in-progress", "something new", ""] {
            assert_eq!(TransferFailure::of_dial(status), None, "{status}");
        }
        assert_eq!(TransferFailure::of_dial("no-answer"), Some(TransferFailure::NoAnswer));
    }

    #[test]
    fn a_machine_is_told_from_a_person() {
        for (who, state) in [
            ("machine_start", Some(LegState::Machine)),
            ("machine_end_beep", Some(LegState::Machine)),
            ("fax", Some(LegState::Machine)),
            ("human", None),
            ("unknown", None),
        ] {
            assert_eq!(LegState::read("in-progress", Some(who)), state, "{who}");
        }
        assert_eq!(LegState::read("in-progress", None), Some(LegState::Answered));
    }

    #[test]
    fn a_failure_is_written_as_it_is_named() {
        use TransferFailure::{Busy, Canceled, Declined, Failed, NoAnswer, Voicemail};
        for why in [Busy, NoAnswer, Declined, Voicemail, Canceled, Failed] {
            assert_eq!(serde_json::to_value(why).unwrap(), why.name());
        }
    }
}
