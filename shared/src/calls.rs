//! The record of a call: what it is, who holds it, and how it ended.

mod admission;
mod kept;
mod line;
mod pass;

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::agent::words::Facts;
use crate::ids::{CallSid, ConnectionId, RelayId, StreamSid};
use crate::insights::Review;
use crate::redact::Pii;
use crate::session::Journal;

pub use self::admission::{OVERLOADED_CPU, OVERLOADED_LAG_MS};
pub use self::kept::{Recorded, Trace, caller_hash};
pub use self::line::Waiting;
pub use self::pass::{Bearer, PROTOCOL, StreamPass, token_offered};

/// Where the caller's audio travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaPath {
    /// Twilio → API Gateway → `ws-default` → relay, and back by PostToConnection.
    #[default]
    Gateway,
    /// Twilio → load balancer → relay.
    Direct,
}

impl FromStr for MediaPath {
    type Err = UnknownMediaPath;

    fn from_str(name: &str) -> Result<Self, UnknownMediaPath> {
        match name {
            "gateway" => Ok(Self::Gateway),
            "direct" => Ok(Self::Direct),
            _ => Err(UnknownMediaPath),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a media path is `gateway` or `direct`")]
pub struct UnknownMediaPath;

/// Where a caller calls from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The carrier has a call of this name, and can be told what to do with it.
    #[default]
    Telephone,
    /// A page of the console, which streams as the carrier does. The carrier knows nothing of it.
    Browser,
}

/// Who calls and who is called where neither has a number.
pub const BROWSER: &str = "browser";

/// What is known of a call, as stored under `CALL#{sid}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Call {
    pub sid: CallSid,
    pub from: Pii<String>,
    pub to: Pii<String>,
    pub agent: Agent,
    pub media_path: MediaPath,
    #[serde(default)]
    pub channel: Channel,
    pub status: CallStatus,
    /// Unix milliseconds of the webhook: [`CallTime`](crate::time::CallTime) zero.
    pub began_at_ms: u64,
    /// An item of its own in the store. Lists of calls come without it.
    pub lease: Option<Lease>,
    /// Streams that were opened for it; the first one and each return by `<Redirect>`.
    pub streams: u32,
    /// How it went. Of calls that are over, and not of those whose relay did not live to write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

impl Call {
    pub fn facts(&self) -> Facts {
        Facts { call: self.sid.clone(), from: self.from.clone(), to: self.to.clone(), began_at_ms: self.began_at_ms }
    }
}

/// Who may speak for a call. Every write of a holder quotes its fence; a higher one has replaced it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lease {
    pub relay: RelayId,
    /// Where that relay takes frames, so that whoever finds another in the way needs to look only once.
    pub address: url::Url,
    pub fence: u64,
}

/// Who a lease can be given to: a relay, and where it takes frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub relay: RelayId,
    pub address: url::Url,
}

impl Holder {
    /// This one's right to the call at a fence.
    pub fn lease(&self, fence: u64) -> Lease {
        Lease { relay: self.relay.clone(), address: self.address.clone(), fence }
    }
}

/// A call that was taken, and what its former holder left for whoever goes on with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    pub lease: Lease,
    /// `None`: there is none, or it is of a build that we do not understand.
    pub journal: Option<Journal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "status", content = "ending")]
pub enum CallStatus {
    /// The webhook was answered; the caller's stream is not there yet.
    Ringing,
    InProgress,
    Ended(Ending),
}

/// How a call ended. The first cause counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    CallerHungUp,
    AgentHungUp,
    OperatorHungUp,
    /// The stream never came, or was lost and did not come back.
    Abandoned,
    CallerSilent,
    LongestCall,
    /// The call, or the agent's day, has cost what it may.
    SpendLimit,
    /// Somebody else has the caller.
    Transferred,
    /// The model could not be had; the caller is told so by `/twiml/resume`.
    ModelUnavailable,
}

impl CallStatus {
    pub fn ended(self) -> Option<Ending> {
        match self {
            Self::Ended(ending) => Some(ending),
            Self::Ringing | Self::InProgress => None,
        }
    }
}

/// A WebSocket of the carrier's at API Gateway, as stored under `CONN#{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    pub id: ConnectionId,
    pub opened_at_ms: u64,
    /// `None` until its `start` redeemed a token.
    pub binding: Option<Binding>,
}

/// What a stream belongs to: learned from the token in its `start`, never from its arrival.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    pub call: CallSid,
    pub stream: StreamSid,
    pub relay: RelayId,
    /// Where that relay takes frames: `http://10.0.1.17:8081`.
    pub address: url::Url,
}

/// A relay process, as stored under `RELAY#{id}` and renewed with each heartbeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Relay {
    pub id: RelayId,
    pub address: url::Url,
    /// The relay's own socket to the control API, by which `twiml` and `api` reach it.
    pub control: Option<ConnectionId>,
    pub calls: u32,
    /// Calls that it was given since its heartbeat, counted by those who gave them.
    #[serde(default)]
    pub opened: u32,
    /// It refuses more.
    #[serde(default = "many")]
    pub most_calls: u32,
    /// Takes no new calls.
    pub draining: bool,
    /// Share of one core, 0 to 1 and more.
    pub cpu: f32,
    /// How many of them it may use.
    #[serde(default = "one")]
    pub cores: f32,
    /// How late its timers usually fire: one long pause counts for little.
    pub event_loop_lag_ms: f32,
    pub heartbeat_at_ms: u64,
}

/// Of a relay that does not say: it is of an earlier build.
fn many() -> u32 {
    u32::MAX
}

fn one() -> f32 {
    1.0
}

/// A heartbeat older than this is a relay that is gone.
pub const HEARTBEAT_EXPIRES_MS: u64 = 15_000;

impl Relay {
    pub fn holder(&self) -> Holder {
        Holder { relay: self.id.clone(), address: self.address.clone() }
    }

    pub fn alive(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.heartbeat_at_ms) < HEARTBEAT_EXPIRES_MS
    }
}
