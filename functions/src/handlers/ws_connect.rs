//! `$connect` of both WebSocket APIs: who may open a socket.
//!
//! A caller's socket must carry Twilio's signature over the stream's URL; without it nothing is written but that
//! somebody came without one. A relay's control channel has passed IAM before it comes here.

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use serde_json::value::RawValue;
use shared::calls::Connection;
use shared::config::{ConnectConfig, WebhookAuth};
use shared::ids::RelayId;
use shared::ports::{Connections, CountRates, PortResult, Relays};
use shared::twilio::signature::{self, Content, SignatureError, Signer};

use super::strangers::Strangers;
use super::ws_event::{Stage, WsEvent, answer};

/// The header by which a relay names itself.
const RELAY: &str = "x-voicebridge-relay";

#[derive(Debug)]
pub struct WsConnect<S> {
    store: S,
    public_wss_url: String,
    /// `None`: anybody on this machine may connect.
    signer: Option<Signer>,
    strangers: Strangers,
}

impl<S: Connections + Relays + CountRates> WsConnect<S> {
    pub fn new(store: S, config: &ConnectConfig) -> Self {
        let signer = match &config.auth {
            WebhookAuth::Signed(token) => Some(Signer::new(token)),
            WebhookAuth::Open => None,
        };
        let strangers = Strangers::new(config.gate.clone());
        Self { store, public_wss_url: config.public_wss_url.to_string(), signer, strangers }
    }

    /// Any status but 2xx refuses the socket.
    pub async fn handle(&self, event: &RawValue) -> ApiGatewayProxyResponse {
        let Some(event) = WsEvent::read(event) else {
            tracing::error!(code = "event_unreadable");
            return answer(400);
        };
        answer(match event.stage {
            Stage::Call => self.caller(&event).await,
            Stage::Control => self.relay(&event).await,
        })
    }

    async fn caller(&self, event: &WsEvent) -> i64 {
        let address = event.address();
        if !self.strangers.admits(address) {
            return 403;
        }
        if let Err(error) = self.verify(event) {
            if self.strangers.are_too_many(&self.store, address, event.connected_at_ms).await {
                return 429;
            }
            tracing::warn!(code = "signature_refused", connection = %event.connection, %error);
            return 403;
        }
        let connection =
            Connection { id: event.connection.clone(), opened_at_ms: event.connected_at_ms, binding: None };
        let stored = self.store.connection_opened(&connection).await;
        accepted("connection_opened", event, stored)
    }

    fn verify(&self, event: &WsEvent) -> Result<(), SignatureError> {
        let Some(signer) = &self.signer else { return Ok(()) };
        let request = signature::Request {
            url: &self.public_wss_url,
            content: Content::UrlOnly,
            signature: event.header(signature::HEADER),
        };
        let spelling = signer.verify(&request)?;
        tracing::debug!(code = "signature_accepted", connection = %event.connection, ?spelling);
        Ok(())
    }

    async fn relay(&self, event: &WsEvent) -> i64 {
        let Some(relay) = event.header(RELAY).filter(|name| !name.is_empty()).map(RelayId::from) else {
            tracing::warn!(code = "relay_unnamed", connection = %event.connection);
            return 400;
        };
        let stored = self.store.control_opened(&relay, &event.connection).await;
        accepted("control_opened", event, stored)
    }
}

fn accepted(code: &'static str, event: &WsEvent, stored: PortResult<()>) -> i64 {
    match stored {
        Ok(()) => {
            tracing::info!(code, connection = %event.connection);
            200
        }
        Err(error) => {
            tracing::error!(code = "store_failed", connection = %event.connection, %error);
            500
        }
    }
}

#[cfg(test)]
mod tests;
