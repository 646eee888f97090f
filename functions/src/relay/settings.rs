//! What a relay process is told at its start.

use std::net::SocketAddr;
use std::time::Duration;

use shared::limits::Gate;
use shared::redact::Secret;
use url::Url;

use super::spool::SpoolSettings;
use crate::emf::Emf;

#[derive(Debug, Clone)]
pub struct Settings {
    /// Frames, metrics and health, for the inside of the VPC (`RELAY_LISTEN`).
    pub private_listen: SocketAddr,
    /// Streams of the direct path, and health (`RELAY_PUBLIC_LISTEN`).
    pub public_listen: SocketAddr,
    /// Where `ws-default` reaches the private listener (`RELAY_ADDRESS`); asked of ECS if absent.
    pub address: Option<Url>,
    /// `ECS_CONTAINER_METADATA_URI_V4`.
    pub ecs_metadata: Option<Url>,
    /// Where ECS is asked to spare this task while it has calls (`ECS_AGENT_URI`).
    pub ecs_agent: Option<Url>,
    /// Metrics for CloudWatch (`STACK_NAME`).
    pub emf: Option<Emf>,
    /// Where the carrier reaches us over HTTP (`PUBLIC_URL`). Without it nobody can be put through.
    pub public_url: Option<Url>,
    /// Where the carrier asks what to do with a call that has lost its stream (`PUBLIC_URL`).
    pub resume_url: Option<Url>,
    /// How long another relay's heartbeat may stand still before its calls are called back.
    pub silent_for: Duration,
    /// The URL that Twilio connects to and signs (`PUBLIC_WSS_URL`).
    pub public_wss_url: Url,
    /// Checks the signatures of upgrades. `None` lets everyone in: the configuration grants that to loopback only.
    pub signing_token: Option<Secret>,
    /// Whose upgrades are looked at (`ALLOWED_ADDRESSES`, `STRANGER_RATE`).
    pub gate: Gate,
    /// A proxy says from where an upgrade comes (`RELAY_BEHIND_PROXY`).
    pub behind_proxy: bool,
    pub sockets: SocketLimits,
    /// Where commands come from (`CONTROL_WSS_URL`). Without it a call is dialled when its stream comes.
    pub control_url: Option<Url>,
    pub model: ModelSettings,
    /// How long calls may go on after a SIGTERM (`RELAY_DRAIN`); Fargate grants 120 s in all.
    pub drain: Duration,
    /// More are answered 503: a bound on memory, not a target.
    pub most_calls: usize,
    /// Where recordings wait while the store is away.
    pub spool: SpoolSettings,
    /// Processors that this process may use (`RELAY_CPU`); those of the machine if absent.
    pub cores: Option<f32>,
}

/// Of the public listener's sockets, until they have shown that they are Twilio's.
#[derive(Debug, Clone, Copy)]
pub struct SocketLimits {
    /// From a socket's opening to its upgrade.
    pub upgrade: Duration,
    /// At once; one more, and the oldest has to go (`RELAY_MAX_UNPROVEN`).
    pub unproven: usize,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self { upgrade: Duration::from_secs(10), unproven: 1000 }
    }
}

#[derive(Debug, Clone)]
pub struct ModelSettings {
    pub endpoint: Url,
    pub key: Secret,
    /// TCP, TLS and upgrade together.
    pub handshake_timeout: Duration,
    /// A ping this often; a socket that is silent for two of these is dead.
    pub ping_every: Duration,
}

pub const DEFAULT_PING_EVERY: Duration = Duration::from_secs(20);
pub const DEFAULT_MOST_CALLS: usize = 500;
