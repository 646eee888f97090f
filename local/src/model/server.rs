//! The scripted model's socket: the handshake, and a loop that carries between it and a [`Session`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::record::SessionReport;
use super::script::{FaultKind, Script};
use super::session::{Sent, Session};

/// Reports of this many sessions are kept.
const REMEMBERED: usize = 1_000;

/// Starts scripted models.
#[derive(Debug, Clone, Copy)]
pub struct ScriptedModel;

impl ScriptedModel {
    /// Listens at `address` (port 0 takes a free one) until the handle is stopped or dropped.
    pub async fn start(script: Script, address: SocketAddr) -> std::io::Result<Handle> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let house = Arc::new(House { script: Arc::new(script), sessions: Mutex::default(), changed: Notify::new() });
        let stop = CancellationToken::new();
        let app = Router::new()
            .route("/v1/models/{model}", get(listed))
            .fallback(handshake)
            .with_state((Arc::clone(&house), stop.clone()));
        let stopped = stop.clone().cancelled_owned();
        let server = tokio::spawn(async move { axum::serve(listener, app).with_graceful_shutdown(stopped).await });
        Ok(Handle { address, house, stop, server })
    }
}

/// A running scripted model.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    house: Arc<House>,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl Handle {
    /// What `OPENAI_REALTIME_URL` should be.
    pub fn url(&self) -> String {
        format!("ws://{}/v1/realtime", self.address)
    }

    /// What every session received so far, in the order of their handshakes.
    pub fn sessions(&self) -> Vec<SessionReport> {
        let sessions: Vec<Arc<Mutex<Session>>> = locked(&self.house.sessions).values().cloned().collect();
        sessions.iter().map(|session| locked(session).record().report()).collect()
    }

    /// The numbers of the sessions whose sockets are open.
    pub fn open(&self) -> Vec<u32> {
        let sessions = locked(&self.house.sessions).clone();
        sessions.into_iter().filter(|(_, session)| !locked(session).is_over()).map(|(number, _)| number).collect()
    }

    /// Ends a session's connection without a word, at its next frame.
    pub fn drop_session(&self, number: u32) {
        if let Some(session) = locked(&self.house.sessions).get(&number) {
            locked(session).drop_now();
        }
    }

    /// A session sends nothing for so long.
    pub fn stall_session(&self, number: u32, length: Duration) {
        if let Some(session) = locked(&self.house.sessions).get(&number) {
            locked(session).stall(length);
        }
    }

    /// Waits until the sessions are as the condition wants them. Has no deadline of its own.
    pub async fn until(&self, condition: impl Fn(&[SessionReport]) -> bool) -> Vec<SessionReport> {
        loop {
            let changed = self.house.changed.notified();
            let sessions = self.sessions();
            if condition(&sessions) {
                return sessions;
            }
            changed.await;
        }
    }

    /// Closes every socket and waits for the server to end.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Ok(Err(error)) = (&mut self.server).await {
            tracing::warn!(%error, "the scripted model did not stop cleanly");
        }
    }

    /// Serves until the process ends.
    pub(super) async fn forever(mut self) -> std::io::Result<()> {
        (&mut self.server).await.map_err(std::io::Error::other)?
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[derive(Debug)]
struct House {
    script: Arc<Script>,
    sessions: Mutex<BTreeMap<u32, Arc<Mutex<Session>>>>,
    changed: Notify,
}

impl House {
    /// The number of the next session, whether or not it comes to be.
    fn open(&self, model: &str, beta: bool, since: Instant) -> (u32, Arc<Mutex<Session>>) {
        let mut sessions = locked(&self.sessions);
        let number = sessions.keys().next_back().copied().unwrap_or(0) + 1;
        let mut session = Session::open(Arc::clone(&self.script), number, model, elapsed_ms(since), unix_s());
        if beta {
            session.refuse_beta();
        }
        let session = Arc::new(Mutex::new(session));
        sessions.insert(number, Arc::clone(&session));
        if sessions.len() > REMEMBERED {
            sessions.pop_first();
        }
        (number, session)
    }
}

/// As the vendor says whether a key may use a model. It goes by any name that one of the vendor's could have.
async fn listed(Path(model): Path<String>, headers: HeaderMap) -> Response {
    if !has_key(&headers) {
        return problem(StatusCode::UNAUTHORIZED, "invalid_api_key", "Incorrect API key provided.");
    }
    if !model.starts_with("gpt-") {
        return problem(StatusCode::NOT_FOUND, "model_not_found", "The model does not exist.");
    }
    axum::Json(json!({"id": model, "object": "model", "created": unix_s(), "owned_by": "voicebridge"})).into_response()
}

async fn handshake(
    State((house, stop)): State<(Arc<House>, CancellationToken)>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Some(model) = query.get("model").filter(|model| !model.is_empty()) else {
        return problem(StatusCode::BAD_REQUEST, "missing_model", "You must provide a model parameter.");
    };
    if !has_key(&headers) {
        return problem(StatusCode::UNAUTHORIZED, "invalid_api_key", "Incorrect API key provided.");
    }
    let Ok(upgrade) = upgrade else {
        return problem(StatusCode::UPGRADE_REQUIRED, "invalid_request", "This is a WebSocket.");
    };
    let since = Instant::now();
    let (number, session) = house.open(model, headers.contains_key("openai-beta"), since);
    let refused = house.script.faults_of(number).find_map(|fault| match fault.kind {
        FaultKind::Status(status) => Some(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)),
        _ => None,
    });
    if let Some(status) = refused {
        locked(&session).record().report.closed = true;
        house.changed.notify_waiters();
        return problem(status, "scripted", "The script refuses this session.");
    }
    upgrade.max_message_size(16 << 20).on_upgrade(async move |socket| {
        hold(socket, &session, &house.changed, since, &stop).await;
        locked(&session).record().report.closed = true;
        house.changed.notify_waiters();
    })
}

fn has_key(headers: &HeaderMap) -> bool {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    authorization.and_then(|value| value.strip_prefix("Bearer ")).is_some_and(|key| !key.trim().is_empty())
}

fn problem(status: StatusCode, code: &str, message: &str) -> Response {
    let error = json!({"message": message, "type": "invalid_request_error", "code": code, "param": null});
    (status, axum::Json(json!({ "error": error }))).into_response()
}

/// Carries between the socket and the session until either ends.
async fn hold(
    mut socket: WebSocket,
    session: &Mutex<Session>,
    changed: &Notify,
    since: Instant,
    stop: &CancellationToken,
) {
    while send_due(&mut socket, session, since).await {
        changed.notify_waiters();
        let next_at = locked(session).next_at();
        let due = async {
            match next_at {
                Some(at_ms) => tokio::time::sleep_until((since + Duration::from_millis(at_ms)).into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            message = socket.recv() => {
                if !take_all(&mut socket, message, session, since) {
                    return;
                }
            }
            () = due => {}
        }
    }
    // The other side answers our close frame, or is gone.
    let _answered =
        tokio::time::timeout(Duration::from_secs(1), async { while socket.recv().await.is_some() {} }).await;
}

/// Sends what is due. False when the socket is to be left.
async fn send_due(socket: &mut WebSocket, session: &Mutex<Session>, since: Instant) -> bool {
    loop {
        let sent = locked(session).poll(elapsed_ms(since));
        let fed = match sent {
            Some(Sent::Frame(text)) => socket.feed(Message::Text(text.into())).await,
            Some(Sent::Close { code, reason }) => {
                let _gone = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
                return false;
            }
            Some(Sent::Drop) => return false,
            None => return socket.flush().await.is_ok(),
        };
        if fed.is_err() {
            return false;
        }
    }
}

/// Hands over a message and whatever else has arrived. False when the client has closed.
fn take_all(
    socket: &mut WebSocket,
    first: Option<Result<Message, axum::Error>>,
    session: &Mutex<Session>,
    since: Instant,
) -> bool {
    let mut next = first;
    loop {
        match next {
            Some(Ok(Message::Text(text))) => locked(session).handle(&text, elapsed_ms(since)),
            Some(Ok(Message::Binary(_))) => locked(session).handle("(binary)", elapsed_ms(since)),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return false,
        }
        match socket.next().now_or_never() {
            Some(message) => next = message,
            None => return true,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
