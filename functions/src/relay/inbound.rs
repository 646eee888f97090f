//! Reads the carrier's frames. What cannot be read is counted by kind, logged once a kind and call, and survived.

use std::sync::atomic::{AtomicU8, Ordering};

use bytestring::ByteString;
use shared::ids::CallSid;
use shared::twilio::media::{self, MediaError, Message, StreamMessage};

use super::metrics::{Metrics, label};

/// Which kinds of fault this call has had: one bit each.
#[derive(Debug, Default)]
pub struct Faults(AtomicU8);

/// Why a frame is no use, without a word of its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("a binary frame; the carrier sends text")]
    Binary,
    #[error("the frame could not be read")]
    Media(#[source] MediaError),
}

/// The stream message in this frame; `None` for `connected` and for what makes no sense.
pub fn read(frame: &ByteString, sid: &CallSid, faults: &Faults, metrics: &Metrics) -> Option<StreamMessage> {
    match media::parse(frame) {
        Ok(Message::Stream(message)) => Some(message),
        Ok(Message::Connected) => None,
        Err(error) => {
            faults.count(&Fault::Media(error), sid, metrics);
            None
        }
    }
}

impl Faults {
    pub fn count(&self, fault: &Fault, sid: &CallSid, metrics: &Metrics) {
        let (bit, kind) = fault.kind();
        metrics.frame_faults.get_or_create(&label(kind)).inc();
        if self.0.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            let cause = std::error::Error::source(fault).map(ToString::to_string);
            tracing::warn!(call = %sid, kind, cause, "{fault}; more of this kind are only counted");
        }
    }
}

impl Fault {
    fn kind(&self) -> (u8, &'static str) {
        match self {
            Self::Binary => (1, "binary"),
            Self::Media(MediaError::TooLong(_)) => (1 << 1, "too_long"),
            Self::Media(MediaError::Malformed(..)) => (1 << 2, "malformed"),
            Self::Media(MediaError::UnknownEvent) => (1 << 3, "unknown_event"),
            Self::Media(MediaError::Missing(_)) => (1 << 4, "missing_field"),
            Self::Media(MediaError::Payload) => (1 << 5, "payload"),
            Self::Media(MediaError::Format(_)) => (1 << 6, "format"),
        }
    }
}
