//! API Gateway's WebSockets from the server's side: the caller's, the consoles', and the relay's own control channel.
//!
//! Two posts to one connection at once may arrive in either order; keeping them one after another is the caller's
//! part, and the SDK must not make two of one. A post is therefore tried once, and a lost answer counts as a fault.

use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_apigatewaymanagement::primitives::Blob;
use shared::calls::Relay;
use shared::control::Control;
use shared::ids::ConnectionId;
use shared::ports::{CallerSocket, PortError, PortResult, RelayControl, WatcherSocket};

use super::sdk::port_error;

/// The callers' sockets: stage `call`.
#[derive(Debug, Clone)]
pub struct CallerSockets(Client);

impl CallerSockets {
    /// The client's endpoint is the stage's own: `https://{api}.execute-api.{region}.amazonaws.com/call`.
    pub fn new(client: Client) -> Self {
        Self(client)
    }
}

impl CallerSocket for CallerSockets {
    async fn post(&self, id: &ConnectionId, text: &str) -> PortResult<()> {
        post(&self.0, id, text.as_bytes().to_vec()).await
    }

    async fn close(&self, id: &ConnectionId) -> PortResult<()> {
        close(&self.0, id).await
    }
}

/// The consoles' sockets: stage `logs`.
#[derive(Debug, Clone)]
pub struct LogsSockets(Client);

impl LogsSockets {
    pub fn new(client: Client) -> Self {
        Self(client)
    }
}

impl WatcherSocket for LogsSockets {
    async fn tell(&self, id: &ConnectionId, text: &str) -> PortResult<()> {
        post(&self.0, id, text.as_bytes().to_vec()).await
    }

    async fn dismiss(&self, id: &ConnectionId) -> PortResult<()> {
        close(&self.0, id).await
    }
}

/// The relays' control channels: stage `control`.
#[derive(Debug, Clone)]
pub struct ControlSockets(Client);

impl ControlSockets {
    pub fn new(client: Client) -> Self {
        Self(client)
    }
}

impl RelayControl for ControlSockets {
    async fn send(&self, relay: &Relay, command: &Control) -> PortResult<()> {
        let control = relay.control.as_ref().ok_or(PortError::Gone)?;
        let json = serde_json::to_vec(command).map_err(|_| PortError::Corrupt("a command".to_owned()))?;
        post(&self.0, control, json).await
    }
}

async fn post(client: &Client, id: &ConnectionId, data: Vec<u8>) -> PortResult<()> {
    let answer = client.post_to_connection().connection_id(id.as_str()).data(Blob::new(data)).send().await;
    answer.map(drop).map_err(|error| refined("post to connection", &error))
}

async fn close(client: &Client, id: &ConnectionId) -> PortResult<()> {
    let answer = client.delete_connection().connection_id(id.as_str()).send().await;
    answer.map(drop).map_err(|error| refined("close connection", &error))
}

fn refined<E: ProvideErrorMetadata, R>(what: &str, error: &SdkError<E, R>) -> PortError {
    match error.code() {
        Some("GoneException") => PortError::Gone,
        _ => port_error(what, error),
    }
}
