//! What API Gateway tells about a WebSocket: connected, a frame, disconnected.

use std::net::IpAddr;

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytestring::ByteString;
use http::HeaderMap;
use serde_json::value::RawValue;
use shared::ids::ConnectionId;

/// Which of the two WebSocket APIs that share their functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Callers' streams.
    Call,
    /// The relays' own channels.
    Control,
}

/// What has happened to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Connect,
    Message,
    Disconnect,
}

pub(super) struct WsEvent {
    pub(super) connection: ConnectionId,
    pub(super) kind: Kind,
    pub(super) stage: Stage,
    pub(super) connected_at_ms: u64,
    source_ip: Option<String>,
    /// Of the upgrade request; a frame has none.
    pub(super) headers: HeaderMap,
    /// The frame's text; empty if it has none.
    pub(super) text: ByteString,
    /// Why the socket closed, by its code.
    pub(super) close_code: Option<i64>,
}

impl WsEvent {
    /// `None` if this is no such event: told by the gateway alone, so it is not worth more words.
    pub(super) fn read(event: &RawValue) -> Option<Self> {
        let event: ApiGatewayWebsocketProxyRequest = serde_json::from_str(event.get()).ok()?;
        let context = event.request_context;
        let mut headers = event.multi_value_headers;
        headers.extend(event.headers);
        Some(Self {
            connection: ConnectionId::new(context.connection_id?),
            kind: match context.event_type.as_deref() {
                Some("CONNECT") => Kind::Connect,
                Some("DISCONNECT") => Kind::Disconnect,
                _ => Kind::Message,
            },
            stage: if context.stage.as_deref() == Some("control") { Stage::Control } else { Stage::Call },
            connected_at_ms: u64::try_from(context.connected_at).unwrap_or_default(),
            source_ip: context.identity.source_ip,
            headers,
            text: text(event.body.unwrap_or_default(), event.is_base64_encoded)?,
            close_code: context.disconnect_status_code,
        })
    }

    /// As the gateway saw it.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.source_ip.as_deref()?.parse().ok()
    }

    /// Each value of a header that may come more than once.
    pub(super) fn headers_of(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn text(body: String, base64: bool) -> Option<ByteString> {
    if !base64 {
        return Some(body.into());
    }
    String::from_utf8(STANDARD.decode(body).ok()?).ok().map(ByteString::from)
}

pub(super) fn answer(status: i64) -> ApiGatewayProxyResponse {
    let mut answer = ApiGatewayProxyResponse::default();
    answer.status_code = status;
    answer
}
