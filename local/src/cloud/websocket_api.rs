//! The WebSocket API of API Gateway, strict where the real one is strict.
//!
//! The upgrade waits for `$connect`, which says by a header of its answer what subprotocol is spoken; after it each message
//! is an invocation of its own, in no order. Binary messages and large ones end the connection, and what a function answers
//! to a message is dropped, unless it fails: then the gateway's own error goes into the socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dates::unix_ms;
use super::events::{Moment, Peer};
use super::functions::{Function, Functions, InvokeError, WhenBusy};
use super::names::{Names, mix};
use super::sigv4::AccessKey;
use super::socket::{self, Connection};

/// API Gateway's quotas. All but the buffer are documented; how much it buffers for a slow client is not.
#[derive(Debug, Clone)]
pub struct SocketLimits {
    pub frame_bytes: usize,
    pub message_bytes: usize,
    pub client_buffer_bytes: usize,
    pub idle: Duration,
    pub longest: Duration,
    pub integration: Duration,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self {
            frame_bytes: 32 * 1024,
            message_bytes: 128 * 1024,
            client_buffer_bytes: 512 * 1024,
            idle: Duration::from_secs(10 * 60),
            longest: Duration::from_secs(2 * 60 * 60),
            integration: Duration::from_secs(29),
        }
    }
}

/// Delays each message on its own, by up to this much: what AWS does when it is busy, on purpose.
#[derive(Debug, Clone, Copy)]
pub struct Jitter {
    pub up_to: Duration,
    /// The same seed gives the same delays.
    pub seed: u64,
}

/// Who may connect.
#[derive(Debug, Clone)]
pub(crate) enum Auth {
    Anyone,
    Signed(AccessKey),
}

#[derive(Debug)]
pub(crate) struct WebSocketApi {
    pub(crate) stage: &'static str,
    pub(crate) auth: Auth,
    pub(crate) functions: Arc<Functions>,
    /// Functions by route key; the value of `$request.body.event` selects one, or else `$default`.
    pub(crate) routes: BTreeMap<&'static str, &'static str>,
    pub(crate) limits: SocketLimits,
    pub(crate) jitter: Option<Jitter>,
    pub(crate) names: Names,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
    pub(crate) connections: Connections,
}

#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Mutex<BTreeMap<String, Arc<Connection>>>,
    delayed: AtomicU64,
}

impl Connections {
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Connection>> {
        self.lock().get(id).cloned()
    }

    pub(crate) fn remove(&self, id: &str) -> Option<Arc<Connection>> {
        self.lock().remove(id)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.lock().values().cloned().collect()
    }

    fn add(&self, connection: &Arc<Connection>) {
        self.lock().insert(connection.peer.connection_id.clone(), Arc::clone(connection));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True for a request that wants to become a WebSocket.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    let wants = |name, token: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token))
    };
    wants(header::CONNECTION, "upgrade") && wants(header::UPGRADE, "websocket")
}

impl WebSocketApi {
    /// The handshake.
    pub(crate) async fn connect(self: &Arc<Self>, from: SocketAddr, request: Request) -> Response {
        let (mut parts, _) = request.into_parts();
        let request_id = self.names.short();
        let peer = self.peer(from, &parts);
        let Some(accept) = accept_key(&parts.headers) else { return error_response(400, &peer, &request_id) };
        if let Auth::Signed(key) = &self.auth
            && let Err(error) = key.check("execute-api", &parts, b"")
        {
            tracing::warn!(stage = self.stage, %error, "a WebSocket was not let in");
            return error_response(403, &peer, &request_id);
        }
        let ConnectAnswer { status_code, headers } = self.ask_connect_route(&peer, &parts, &request_id).await;
        let Some(upgrade) = parts.extensions.remove::<OnUpgrade>().filter(|_| (200..300).contains(&status_code)) else {
            return error_response(status_code, &peer, &request_id);
        };
        let (connection, outbox) = Connection::new(peer);
        self.connections.add(&connection);
        let carrying = socket::run(Arc::clone(self), connection, upgrade, outbox);
        self.tasks.spawn(self.stopping.clone().run_until_cancelled_owned(carrying));
        switching(&accept, protocol_of(&headers))
    }

    fn peer(&self, from: SocketAddr, parts: &Parts) -> Peer {
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Peer {
            connection_id: self.names.short(),
            stage: self.stage.to_owned(),
            domain_name: text(header::HOST),
            source_ip: from.ip().to_string(),
            user_agent: text(header::USER_AGENT),
            connected_at_ms: unix_ms(),
        }
    }

    /// The answer to the handshake: the function's, or the gateway's if the function has none to give.
    async fn ask_connect_route(&self, peer: &Peer, parts: &Parts, request_id: &str) -> ConnectAnswer {
        let Some((_, function)) = self.function("$connect") else { return ConnectAnswer::of(200) };
        let moment = Moment { request_id, at_ms: peer.connected_at_ms };
        let event = peer.connect_event(moment, &parts.headers, parts.uri.query().unwrap_or_default());
        let invocation = function.invoke(event, WhenBusy::Wait);
        match tokio::time::timeout(self.limits.integration, invocation).await {
            Ok(Ok(answer)) => serde_json::from_slice(&answer).unwrap_or_else(|_| ConnectAnswer::of(502)),
            Ok(Err(error)) => {
                tracing::warn!(stage = self.stage, %error, "$connect failed");
                ConnectAnswer::of(502)
            }
            Err(_) => ConnectAnswer::of(504),
        }
    }

    /// A text message has arrived. Nothing is awaited: the next one is as good as this one.
    pub(crate) fn message(self: &Arc<Self>, connection: &Arc<Connection>, text: &str) {
        let request_id = self.names.short();
        let Some((route_key, function)) = self.route(text) else {
            return connection.tell("Forbidden", &request_id);
        };
        let moment = Moment { request_id: &request_id, at_ms: unix_ms() };
        let event = connection.peer.message_event(moment, route_key, &self.names.short(), text);
        let function = Arc::clone(function);
        let connection = Arc::clone(connection);
        let done = move |result: Result<_, InvokeError>| {
            if let Err(error) = result {
                connection.integration_failed(&error, &request_id);
            }
        };
        match self.jitter {
            None => function.submit(event.into(), WhenBusy::Wait, done),
            Some(jitter) => {
                let delay = jitter.delay(self.connections.delayed.fetch_add(1, Ordering::Relaxed));
                self.tasks.spawn(async move {
                    tokio::time::sleep(delay).await;
                    function.submit(event.into(), WhenBusy::Wait, done);
                });
            }
        }
    }

    /// The connection has ended. `$disconnect` is told, and nobody waits for what it says.
    pub(crate) fn disconnected(&self, connection: &Connection, code: u16, reason: &str) {
        self.connections.remove(&connection.peer.connection_id);
        let Some((_, function)) = self.function("$disconnect") else { return };
        let request_id = self.names.short();
        let moment = Moment { request_id: &request_id, at_ms: unix_ms() };
        let event = connection.peer.disconnect_event(moment, code, reason);
        let stage = self.stage;
        function.submit(event.into(), WhenBusy::Wait, move |result| match result {
            Ok(_) | Err(InvokeError::Stopping) => {}
            Err(error) => tracing::warn!(stage, %error, "$disconnect failed"),
        });
    }

    fn route(&self, text: &str) -> Option<(&'static str, &Arc<Function>)> {
        let custom = self.routes.keys().any(|key| !key.starts_with('$'));
        let selected = if custom { selection(text).filter(|key| !key.starts_with('$')) } else { None };
        selected.and_then(|key| self.function(&key)).or_else(|| self.function("$default"))
    }

    fn function(&self, route_key: &str) -> Option<(&'static str, &Arc<Function>)> {
        let (key, name) = self.routes.get_key_value(route_key)?;
        Some((*key, self.functions.get(name)?))
    }
}

/// `$request.body.event`.
fn selection(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Selector {
        event: String,
    }
    serde_json::from_str(text).ok().map(|Selector { event }| event)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConnectAnswer {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

impl ConnectAnswer {
    fn of(status_code: u16) -> Self {
        Self { status_code, headers: BTreeMap::new() }
    }
}

/// The one header of a function's that reaches the client.
fn protocol_of(headers: &BTreeMap<String, String>) -> Option<HeaderValue> {
    let named = |name: &str| name.eq_ignore_ascii_case(header::SEC_WEBSOCKET_PROTOCOL.as_str());
    let (_, protocol) = headers.iter().find(|(name, _)| named(name))?;
    HeaderValue::try_from(protocol).ok()
}

impl Jitter {
    fn delay(&self, number: u64) -> Duration {
        let bound = u64::try_from(self.up_to.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(mix(self.seed ^ number) % bound)
    }
}

fn accept_key(headers: &HeaderMap) -> Option<String> {
    let version = headers.get(header::SEC_WEBSOCKET_VERSION)?;
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    (is_upgrade(headers) && version == "13").then(|| derive_accept_key(key.as_bytes()))
}

fn switching(accept: &str, protocol: Option<HeaderValue>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(protocol) = protocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

fn error_response(status: u16, peer: &Peer, request_id: &str) -> Response {
    let text = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        504 => "Endpoint request timed out",
        _ => "Internal server error",
    };
    let mut response = Response::new(Body::from(socket::gateway_message(text, &peer.connection_id, request_id)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
