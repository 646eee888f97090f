//! What a session received: the other half of every test of a bridge.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What one session received and answered so far.
#[derive(Debug, Clone, Default)]
pub struct SessionReport {
    /// Counted from 1 in the order of their handshakes.
    pub number: u32,
    pub model: String,
    /// The last `session` that was accepted.
    pub configured: Option<Value>,
    /// Client events by type.
    pub events: BTreeMap<String, u64>,
    pub appended_bytes: u64,
    /// Of all appended audio, decoded, in order. Lower-case hex.
    pub appended_sha256: String,
    /// All appended audio, if the script says `keep audio`.
    pub appended: Vec<u8>,
    pub sent_bytes: u64,
    /// Of all audio that was sent, decoded, in order.
    pub sent_sha256: String,
    /// Item and `audio_end_ms` of every truncation that was accepted.
    pub truncations: Vec<(String, u64)>,
    /// Call id and output of every tool.
    pub outputs: Vec<(String, String)>,
    /// Every system message, as it was told.
    pub notes: Vec<String>,
    /// The status of every response that is done.
    pub responses: Vec<String>,
    /// Code (or message, where there is none) of every error that was sent.
    pub errors: Vec<String>,
    /// Its socket is closed.
    pub closed: bool,
}

/// Gathers a [`SessionReport`].
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) report: SessionReport,
    pub(super) keep_audio: bool,
    appended: Sha256,
    sent: Sha256,
}

impl Record {
    pub(super) fn report(&self) -> SessionReport {
        let mut report = self.report.clone();
        report.appended_sha256 = hex(&self.appended.clone().finalize());
        report.sent_sha256 = hex(&self.sent.clone().finalize());
        report
    }

    pub(super) fn received(&mut self, kind: &str) {
        match self.report.events.get_mut(kind) {
            Some(count) => *count += 1,
            None => {
                self.report.events.insert(kind.to_owned(), 1);
            }
        }
    }

    pub(super) fn appended(&mut self, mulaw: &[u8]) {
        self.report.appended_bytes += mulaw.len() as u64;
        self.appended.update(mulaw);
        if self.keep_audio {
            self.report.appended.extend_from_slice(mulaw);
        }
    }

    pub(super) fn sent(&mut self, mulaw: &[u8]) {
        self.report.sent_bytes += mulaw.len() as u64;
        self.sent.update(mulaw);
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
