//! The relay in the cloud, or on a laptop that plays it: its settings and its doors.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use shared::calls::HEARTBEAT_EXPIRES_MS;
use shared::config::{RelayConfig, WebhookAuth};
use shared::ports::PortResult;
use url::Url;

use super::{Aws, StartError};
use crate::adapters::clock::SystemClock;
use crate::adapters::connections::{CallerSockets, LogsSockets};
use crate::adapters::dynamo::Store;
use crate::adapters::handshake::HandshakeSigner;
use crate::adapters::lambda_tools::LambdaTools;
use crate::adapters::music_store::MusicStore;
use crate::adapters::relay_frames::FramePosts;
use crate::adapters::s3::RecordingStore;
use crate::adapters::twilio_rest::TwilioRest;
use crate::emf::Emf;
use crate::relay::settings::{DEFAULT_MOST_CALLS, DEFAULT_PING_EVERY};
use crate::relay::spool::SpoolSettings;
use crate::relay::{Doors, ModelSettings, Ports, Settings, SignHandshake, SocketLimits};

/// What a relay's world is made of.
#[derive(Debug)]
pub struct Cloud;

impl Doors for Cloud {
    type Store = Store;
    type Peers = FramePosts;
    type Callers = CallerSockets;
    type Watchers = LogsSockets;
    type Tools = LambdaTools;
    type Recordings = RecordingStore;
    type Music = MusicStore;
    type Telephony = TwilioRest;
    type Signer = HandshakeSigner;
    type Clock = SystemClock;
}

impl SignHandshake for HandshakeSigner {
    async fn sign(&self, url: &Url, headers: &[(&'static str, String)]) -> PortResult<Vec<(HeaderName, HeaderValue)>> {
        self.headers(url, headers).await
    }
}

pub fn relay(aws: &Aws, config: RelayConfig) -> Result<(Settings, Ports<Cloud>), StartError> {
    let ports = Ports {
        store: Arc::new(aws.store(&config.table)),
        peers: Arc::new(FramePosts::new()?),
        callers: Arc::new(CallerSockets::new(aws.connections(&config.connections_url))),
        watchers: Arc::new(LogsSockets::new(aws.connections(&config.logs_url))),
        tools: Arc::new(aws.tools(&config.tool_call_function)),
        recordings: Arc::new(aws.recordings(&config.bucket)),
        music: Arc::new(aws.music(&config.bucket)),
        telephony: config.telephony.clone().map(|access| Arc::new(TwilioRest::new(access))),
        signer: Arc::new(aws.handshakes().ok_or(StartError::NoRegion)?),
        clock: Arc::new(SystemClock),
    };
    Ok((settings(config), ports))
}

fn settings(config: RelayConfig) -> Settings {
    Settings {
        private_listen: config.listen,
        public_listen: config.public_listen,
        address: config.address,
        ecs_metadata: config.ecs_metadata_url,
        ecs_agent: config.ecs_agent_url,
        emf: config.stack.map(Emf::new),
        public_url: config.public_url.clone(),
        resume_url: config.public_url.and_then(|url| url.join("twiml/resume").ok()),
        silent_for: Duration::from_millis(HEARTBEAT_EXPIRES_MS),
        public_wss_url: config.public_wss_url,
        signing_token: match config.auth {
            WebhookAuth::Signed(token) => Some(token),
            WebhookAuth::Open => None,
        },
        gate: config.gate,
        behind_proxy: config.behind_proxy,
        sockets: SocketLimits {
            unproven: config.most_unproven.unwrap_or(SocketLimits::default().unproven),
            ..SocketLimits::default()
        },
        control_url: config.control_wss_url,
        model: ModelSettings {
            endpoint: config.model_url,
            key: config.model_key,
            handshake_timeout: config.handshake_timeout,
            ping_every: DEFAULT_PING_EVERY,
        },
        drain: config.drain,
        most_calls: DEFAULT_MOST_CALLS,
        cores: config.cores,
        spool: SpoolSettings {
            folder: config.spool.unwrap_or_else(own_spool),
            most_bytes: config.spool_mb.saturating_mul(1 << 20),
        },
    }
}

/// Of this process alone: two relays on a laptop share its temporary folder.
fn own_spool() -> PathBuf {
    std::env::temp_dir().join(format!("voicebridge-spool-{}", std::process::id()))
}
