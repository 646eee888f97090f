//! What the relay reads.

use core::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::agent::websocket_timeout;
use super::parts::{
    WebhookAuth, bucket, gate, logs_url, model_url, public_wss_url, seconds, table, web_url, webhook_auth,
};
use super::{ConfigErrors, Reader, Source};
use crate::limits::Gate;
use crate::redact::Secret;
use crate::twilio::rest::Access;

const HANDSHAKE: Duration = Duration::from_secs(30);
/// Fargate grants 120 s between SIGTERM and SIGKILL.
const DRAIN: Duration = Duration::from_secs(110);

/// Nine minutes of thirty calls.
const SPOOL_MB: u64 = 256;

#[derive(Debug, Clone, PartialEq)]
pub struct RelayConfig {
    /// Where Twilio finds the webhooks; without it calls of a relay that hangs are not called back.
    pub public_url: Option<url::Url>,
    pub public_wss_url: url::Url,
    pub auth: WebhookAuth,
    pub gate: Gate,
    /// Every stream comes through a proxy, which says last in `X-Forwarded-For` from where.
    pub behind_proxy: bool,
    /// Sockets that have not shown yet that they are Twilio's.
    pub most_unproven: Option<usize>,
    pub table: String,
    pub bucket: String,
    pub model_url: url::Url,
    pub model_key: Secret,
    /// For TCP, TLS and the upgrade together.
    pub handshake_timeout: Duration,
    pub tool_call_function: String,
    /// `@connections` of the stage `call`.
    pub connections_url: url::Url,
    /// `@connections` of the stage `logs`: the consoles that watch.
    pub logs_url: url::Url,
    /// Where the relay connects to be told things. Without it a model is dialled when the stream comes.
    pub control_wss_url: Option<url::Url>,
    /// The private listener: `/frames`, `/metrics`, `/health`.
    pub listen: SocketAddr,
    /// The public one: `/call`, `/health`.
    pub public_listen: SocketAddr,
    /// Where `ws-default` finds the private listener; `None`: ask ECS.
    pub address: Option<url::Url>,
    /// Where ECS tells a task about itself.
    pub ecs_metadata_url: Option<url::Url>,
    /// Where ECS takes a task's wish not to be stopped.
    pub ecs_agent_url: Option<url::Url>,
    /// What metrics are told apart by in CloudWatch; without it none are sent there.
    pub stack: Option<String>,
    /// Without it a call is ended by closing its stream.
    pub telephony: Option<Access>,
    /// How long calls may go on after a SIGTERM.
    pub drain: Duration,
    /// Where recordings wait while the store is away; `None`: a temporary folder.
    pub spool: Option<PathBuf>,
    pub spool_mb: u64,
    /// Processors it may use; `None`: as many as there are.
    pub cores: Option<f32>,
}

impl RelayConfig {
    pub fn read<S: Source + ?Sized>(source: &S) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(source);
        let public_wss_url = public_wss_url(&mut reader);
        let config = Self {
            public_url: reader.parsed("PUBLIC_URL", "a URL"),
            auth: webhook_auth(&mut reader, &public_wss_url),
            public_wss_url,
            gate: gate(&mut reader),
            behind_proxy: reader.flag("RELAY_BEHIND_PROXY", false),
            most_unproven: reader.within("RELAY_MAX_UNPROVEN", 1..=60_000, "a whole number from 1 to 60000"),
            table: table(&mut reader),
            bucket: bucket(&mut reader),
            model_url: model_url(&mut reader),
            model_key: reader.required_secret("OPENAI_API_KEY", "the model's API key"),
            handshake_timeout: websocket_timeout(&mut reader).unwrap_or(HANDSHAKE),
            tool_call_function: reader.required("TOOL_CALL_FUNCTION", "the function that runs tools"),
            connections_url: web_url(&mut reader, "CALL_CONNECTIONS_URL", "where callers' sockets are written to"),
            logs_url: logs_url(&mut reader),
            control_wss_url: reader.parsed("CONTROL_WSS_URL", "a URL"),
            listen: listener(&mut reader, "RELAY_LISTEN", 8081),
            public_listen: listener(&mut reader, "RELAY_PUBLIC_LISTEN", 8080),
            address: reader.parsed("RELAY_ADDRESS", "a URL"),
            ecs_metadata_url: reader.parsed("ECS_CONTAINER_METADATA_URI_V4", "a URL"),
            ecs_agent_url: reader.parsed("ECS_AGENT_URI", "a URL"),
            stack: reader.text("STACK_NAME"),
            telephony: Access::read(&mut reader),
            drain: seconds(&mut reader, "RELAY_DRAIN", 0.0..=115.0, "seconds from 0 to 115").unwrap_or(DRAIN),
            spool: reader.text("RECORDING_SPOOL").map(PathBuf::from),
            spool_mb: reader
                .within("RECORDING_SPOOL_MB", 0..=1_000_000, "megabytes, up to a million")
                .unwrap_or(SPOOL_MB),
            cores: reader
                .within("RELAY_CPU", 64.0..=1e6, "CPU units, 1024 for each core")
                .map(|units: f32| units / 1024.0),
        };
        let addressed = config.address.is_some() || config.ecs_metadata_url.is_some();
        reader.rule(addressed, "RELAY_ADDRESS is not set, and this is no ECS task that could find it out");
        reader.finish(config)
    }
}

fn listener<S: Source + ?Sized>(reader: &mut Reader<'_, S>, key: &'static str, port: u16) -> SocketAddr {
    reader.parsed(key, "an address and a port").unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], port)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Recording, keys};
    use super::*;

    const COMPLETE: [(&str, &str); 11] = [
        ("PUBLIC_WSS_URL", "wss://voice.example.com/call"),
        ("TWILIO_AUTH_TOKEN", "token"),
        ("TABLE_NAME", "voicebridge"),
        ("RECORDINGS_BUCKET", "recordings"),
        ("OPENAI_API_KEY", "sk-1"),
        ("TOOL_CALL_FUNCTION", "tool-call"),
        ("CALL_CONNECTIONS_URL", "https://calls.example.com/call"),
        ("LOGS_CONNECTIONS_URL", "https://logs.example.com/logs"),
        ("CONTROL_WSS_URL", "wss://control.example.com/control"),
        ("RELAY_ADDRESS", "http://10.0.1.17:8081"),
        ("TWILIO_ACCOUNT_SID", "AC1"),
    ];

    #[test]
    fn the_relay_reads_its_own_keys_and_no_others() {
        let source = Recording::new(COMPLETE);
        let _config = RelayConfig::read(&source).unwrap();
        assert_eq!(
            source.asked(),
            keys(
                "ALLOWED_ADDRESSES CALL_CONNECTIONS_URL CONTROL_WSS_URL ECS_AGENT_URI ECS_CONTAINER_METADATA_URI_V4 \
                 LOGS_CONNECTIONS_URL OPENAI_API_KEY OPENAI_REALTIME_URL PUBLIC_URL PUBLIC_WSS_URL RECORDINGS_BUCKET RECORDING_SPOOL \
                 RECORDING_SPOOL_MB RELAY_ADDRESS RELAY_BEHIND_PROXY RELAY_CPU RELAY_DRAIN RELAY_LISTEN \
                 RELAY_MAX_UNPROVEN RELAY_PUBLIC_LISTEN STACK_NAME STRANGER_RATE TABLE_NAME TOOL_CALL_FUNCTION \
                 TWILIO_ACCOUNT_SID TWILIO_API_KEY \
                 TWILIO_API_SECRET TWILIO_API_URL TWILIO_AUTH_TOKEN TWILIO_WEBHOOK_VALIDATION \
                 WEBSOCKET_TIMEOUT"
            )
        );
    }

    #[test]
    fn the_defaults_are_the_public_services() {
        let config = RelayConfig::read(&Recording::new(COMPLETE)).unwrap();
        assert_eq!(config.model_url.as_str(), "wss://api.openai.com/v1/realtime");
        assert_eq!((config.listen.port(), config.public_listen.port()), (8081, 8080));
        assert_eq!(config.telephony.map(|access| access.account.user).as_deref(), Some("AC1"));
        assert_eq!((config.drain, config.cores, config.spool_mb), (DRAIN, None, 256));
    }

    #[test]
    fn half_a_core_is_said_in_cpu_units() {
        let half = Recording::new(COMPLETE.into_iter().chain([("RELAY_CPU", "512")]));
        assert_eq!(RelayConfig::read(&half).unwrap().cores, Some(0.5));
    }

    #[test]
    fn a_relay_that_cannot_be_addressed_does_not_start() {
        let homeless = COMPLETE.into_iter().filter(|(key, _)| *key != "RELAY_ADDRESS");
        assert!(RelayConfig::read(&Recording::new(homeless)).unwrap_err().to_string().contains("RELAY_ADDRESS"));
    }
}
