//! OpenAI's Realtime API in its GA shapes, and no other: the beta is gone, and one beta field ends the session.
//!
//! Outbound is strict, because the vendor refuses a whole `session.update` for one field it does not know. Inbound is
//! lenient: fields and types come and go without notice. Audio passes through in both directions as the text it is.

mod decode;
mod encode;
mod models;
mod severity;

use std::time::Duration;

use bytestring::ByteString;
use url::Url;

use super::{Availability, Capabilities, DecodeError, Dialect, Handshake, ModelCommand, ModelEvent, Offer, Severity};
use crate::agent::Agent;
use crate::redact::Secret;

const VOICES: [&str; 10] = ["marin", "cedar", "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse"];
/// A voice made to order goes by its id.
const OWN_VOICE: &str = "voice_";
const SLOWEST: f32 = 0.25;
const FASTEST: f32 = 1.5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenaiRealtime;

impl Dialect for OpenaiRealtime {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            interrupts_itself: true,
            truncates: true,
            longest_session: Some(Duration::from_secs(60 * 60)),
            // Beside instructions, tools and sound it must fit into the smallest window that is offered, 32k.
            recall_tokens: 8_000,
        }
    }

    fn offer(&self) -> Offer {
        Offer { voices: &VOICES, own_voices: Some(OWN_VOICE), speeds: SLOWEST..=FASTEST }
    }

    fn handshake(&self, endpoint: &Url, agent: &Agent, key: &Secret) -> Handshake {
        let bearer = Secret::new(format!("Bearer {}", key.reveal()));
        Handshake { url: with_model(endpoint, &agent.model), headers: vec![("authorization", bearer)] }
    }

    fn look_up(&self, endpoint: &Url, model: &str, key: &Secret) -> Handshake {
        models::look_up(endpoint, model, key)
    }

    fn looked_up(&self, model: &str, http_status: u16, body: &[u8]) -> Availability {
        models::looked_up(model, http_status, body)
    }

    fn encode(&self, command: &ModelCommand, out: &mut String) {
        encode::encode(command, out);
    }

    fn decode(&self, frame: &ByteString) -> Result<ModelEvent, DecodeError> {
        decode::decode(frame)
    }

    fn close_severity(&self, code: u16, reason: &str) -> Severity {
        severity::of_close(code, reason)
    }

    fn handshake_severity(&self, http_status: u16) -> Severity {
        severity::of_handshake(http_status)
    }
}

/// The endpoint's own query stays, except for a model: the agent's counts.
fn with_model(endpoint: &Url, model: &str) -> Url {
    let kept: Vec<_> = endpoint.query_pairs().filter(|(key, _)| key != "model").collect();
    let mut url = endpoint.clone();
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair("model", model);
    url
}
