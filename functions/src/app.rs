//! The composition root: what each binary is made of.
//!
//! A binary has four beats: [`telemetry`], its configuration, its app from here, and the runtime's loop. Nothing is
//! connected before it is needed, and nothing is read that the binary does not need: `twiml` and `ws-connect` stand
//! between a caller and the first word, and their cold start is heard.

mod aws;
mod environment;
mod relay;
mod telemetry;

use std::sync::Arc;

use shared::config::{
    ApiConfig, ConfigErrors, ConnectConfig, DisconnectConfig, FramesConfig, LogsConfig, ToolsConfig, TwimlConfig,
};
use shared::ports::PortResult;

pub use self::aws::Aws;
pub use self::environment::{Environment, SecretError, environment};
pub use self::relay::{Cloud, relay};
pub use self::telemetry::telemetry;
use crate::adapters::clock::SystemClock;
use crate::adapters::connections::{ControlSockets, LogsSockets};
use crate::adapters::dynamo::Store;
use crate::adapters::http_fetch::HttpFetch;
use crate::adapters::http_tools::{HttpTools, SystemResolver};
use crate::adapters::lambda_tools::LambdaTools;
use crate::adapters::lookout::Lookout;
use crate::adapters::music_store::MusicStore;
use crate::adapters::own_functions::OwnFunctions;
use crate::adapters::provider::OidcProvider;
use crate::adapters::random::SystemRandom;
use crate::adapters::relay_frames::FramePosts;
use crate::adapters::s3::RecordingStore;
use crate::adapters::tool_secrets::SecretsOfTools;
use crate::adapters::twilio_rest::TwilioRest;
use crate::handlers::api::Api;
use crate::handlers::tool_call::{OwnDoors, ToolCall};
use crate::handlers::twiml::Twiml;
use crate::handlers::ws_connect::WsConnect;
use crate::handlers::ws_default::WsDefault;
use crate::handlers::ws_disconnect::WsDisconnect;
use crate::handlers::ws_logs::WsLogs;

pub fn twiml(aws: &Aws, config: TwimlConfig) -> Twiml<Store, ControlSockets, TwilioRest, SystemClock, SystemRandom> {
    let relays = ControlSockets::new(aws.connections(&config.control_url));
    let rooms = config.telephony.clone().map(TwilioRest::new);
    Twiml::new(aws.store(&config.table), relays, rooms, SystemClock, SystemRandom, config)
}

pub fn ws_connect(aws: &Aws, config: &ConnectConfig) -> WsConnect<Store> {
    WsConnect::new(aws.store(&config.table), config)
}

pub fn ws_disconnect(aws: &Aws, config: &DisconnectConfig) -> PortResult<WsDisconnect<Store, FramePosts>> {
    Ok(WsDisconnect::new(aws.store(&config.table), FramePosts::new()?))
}

pub fn ws_default(aws: &Aws, config: &FramesConfig) -> PortResult<WsDefault<Store, FramePosts, SystemClock>> {
    Ok(WsDefault::new(aws.store(&config.table), FramePosts::new()?, SystemClock))
}

pub fn ws_logs(aws: &Aws, config: &LogsConfig) -> WsLogs<Store, LogsSockets, ControlSockets, SystemClock> {
    let sockets = LogsSockets::new(aws.connections(&config.logs_url));
    let relays = ControlSockets::new(aws.connections(&config.control_url));
    WsLogs::new(aws.store(&config.table), sockets, relays, SystemClock, config)
}

pub fn tool_call(
    aws: &Aws,
    config: ToolsConfig,
) -> ToolCall<Store, HttpFetch, HttpTools, SecretsOfTools, OwnFunctions, SystemClock> {
    let secrets = match &config.secrets_arn {
        Some(arn) => aws.tool_secrets(arn),
        None => SecretsOfTools::environment(environment),
    };
    let own = OwnDoors {
        http: HttpTools::new(config.guard.clone(), SystemResolver),
        secrets,
        functions: aws.own_functions(config.functions.clone()),
    };
    ToolCall::new(aws.store(&config.table), HttpFetch::new(), own, SystemClock, config)
}

pub fn api(
    aws: &Aws,
    config: ApiConfig,
) -> Api<Store, RecordingStore, MusicStore, ControlSockets, TwilioRest, LambdaTools, SystemClock> {
    let (recordings, music) = (aws.recordings(&config.bucket), aws.music(&config.bucket));
    let relays = ControlSockets::new(aws.connections(&config.control_url));
    let carrier = config.telephony.clone().map(TwilioRest::new);
    let tools = aws.tools(&config.tool_call_function);
    let (clock, random) = (SystemClock, Box::new(SystemRandom));
    let lookout = Arc::new(Lookout::new(config.model_url.clone(), config.model_key.clone()));
    Api::new((aws.store(&config.table), recordings, music), relays, carrier, tools, (clock, random), config, lookout)
        .with_provider(Arc::new(OidcProvider::default()))
}

/// What a binary cannot start without.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    #[error("{0}")]
    Secret(#[from] SecretError),
    #[error("AWS_REGION is not set")]
    NoRegion,
    #[error("a door does not open: {0}")]
    Port(#[from] shared::ports::PortError),
}
