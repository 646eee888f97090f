//! `$connect` of both WebSocket APIs: who may open a socket.
//!
//! A caller's socket must carry Twilio's signature over the stream's URL, or, as a page of the console cannot sign, the token
//! that the page was given for it; without them nothing is written but that somebody came without one. A relay's control
//! channel has passed IAM before it comes here.

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use http::{HeaderValue, header};
use serde_json::value::RawValue;
use shared::calls::{Connection, PROTOCOL, token_offered};
use shared::config::{ConnectConfig, WebhookAuth};
use shared::ids::RelayId;
use shared::ports::{Connections, CountRates, LookAtTokens, PortError, PortResult, Relays};
use shared::redact::Secret;
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

impl<S: Connections + Relays + CountRates + LookAtTokens> WsConnect<S> {
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
        match event.stage {
            Stage::Call => self.caller(&event).await,
            Stage::Control => answer(self.relay(&event).await),
        }
    }

    async fn caller(&self, event: &WsEvent) -> ApiGatewayProxyResponse {
        if !self.strangers.admits(event.address()) {
            return answer(403);
        }
        let token = token_offered(event.headers_of(header::SEC_WEBSOCKET_PROTOCOL.as_str()));
        let vouched = match &token {
            Some(token) => self.look_at(token, event).await,
            None => self.verify(event).map_err(Stranger::Unsigned),
        };
        let status = match vouched {
            Ok(()) => self.remember(event).await,
            Err(stranger) => self.turn_away(event, &stranger).await,
        };
        // A browser hangs up on whoever does not say which of the protocols that it offered is spoken.
        let protocol = token.filter(|_| status == 200).map(|_| PROTOCOL);
        protocol.map_or(answer(status), |protocol| speaking(answer(status), protocol))
    }

    async fn remember(&self, event: &WsEvent) -> i64 {
        let connection =
            Connection { id: event.connection.clone(), opened_at_ms: event.connected_at_ms, binding: None };
        accepted("connection_opened", event, self.store.connection_opened(&connection).await)
    }

    async fn turn_away(&self, event: &WsEvent, stranger: &Stranger) -> i64 {
        let code = match stranger {
            Stranger::Unsigned(_) => "signature_refused",
            Stranger::BadToken => "token_refused",
            Stranger::TooMany => return 429,
            Stranger::Store(error) => return store_failed(event, error),
        };
        if self.strangers.are_too_many(&self.store, event.address(), event.connected_at_ms).await {
            return 429;
        }
        tracing::warn!(code, connection = %event.connection, %stranger);
        403
    }

    /// Only looked at: the stream's `start` brings it again, and uses it up. Who has guessed too often is not looked at.
    async fn look_at(&self, token: &Secret, event: &WsEvent) -> Result<(), Stranger> {
        if self.strangers.have_had_enough(event.address(), event.connected_at_ms) {
            return Err(Stranger::TooMany);
        }
        let origin = event.header(header::ORIGIN.as_str());
        match self.store.stream_pass(token).await? {
            Some(pass) if pass.bearer.is_page_of(origin) => Ok(()),
            _ => Err(Stranger::BadToken),
        }
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

/// Why nobody vouches for a caller's socket.
#[derive(Debug, thiserror::Error)]
enum Stranger {
    #[error("{0}")]
    Unsigned(SignatureError),
    #[error("the token is unknown, expired, used, or another page's")]
    BadToken,
    #[error("too many wrong tokens came from there")]
    TooMany,
    #[error("the store")]
    Store(#[from] PortError),
}

fn speaking(mut answer: ApiGatewayProxyResponse, protocol: &'static str) -> ApiGatewayProxyResponse {
    answer.headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    answer
}

fn accepted(code: &'static str, event: &WsEvent, stored: PortResult<()>) -> i64 {
    match stored {
        Ok(()) => {
            tracing::info!(code, connection = %event.connection);
            200
        }
        Err(error) => store_failed(event, &error),
    }
}

fn store_failed(event: &WsEvent, error: &PortError) -> i64 {
    tracing::error!(code = "store_failed", connection = %event.connection, %error);
    500
}

#[cfg(test)]
mod tests;
