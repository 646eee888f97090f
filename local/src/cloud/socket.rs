//! One WebSocket at the gateway: what is read from it, what waits to be written, and how it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::events::Peer;
use super::functions::InvokeError;
use super::websocket_api::{SocketLimits, WebSocketApi};

/// A client that was told that it is over has this long to agree.
const LONGEST_FAREWELL: Duration = Duration::from_secs(5);
/// Taken from the queue at once and written with one flush.
const BATCH: usize = 32;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// An open connection, as the rest of the gateway sees it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: Peer,
    opened: Instant,
    /// When something last went through, counted from there.
    active_after_ms: AtomicU64,
    outbox: mpsc::UnboundedSender<Message>,
    /// What is in the outbox: the bound that an unbounded channel lacks, counted in bytes.
    waiting_bytes: AtomicUsize,
    failures: AtomicU64,
    deleted: CancellationToken,
}

/// The client does not read fast enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BufferFull;

impl Connection {
    pub(crate) fn new(peer: Peer) -> (Arc<Self>, mpsc::UnboundedReceiver<Message>) {
        let (outbox, messages) = mpsc::unbounded_channel();
        let connection = Self {
            peer,
            opened: Instant::now(),
            active_after_ms: AtomicU64::new(0),
            outbox,
            waiting_bytes: AtomicUsize::new(0),
            failures: AtomicU64::new(0),
            deleted: CancellationToken::new(),
        };
        (Arc::new(connection), messages)
    }

    /// `PostToConnection`.
    pub(crate) fn post(&self, text: Utf8Bytes, limits: &SocketLimits) -> Result<(), BufferFull> {
        let waiting = self.waiting_bytes.load(Ordering::Relaxed);
        if waiting > 0 && waiting + text.len() > limits.client_buffer_bytes {
            return Err(BufferFull);
        }
        self.send(Message::Text(text));
        Ok(())
    }

    /// The gateway's own word, which the client gets like any other message.
    pub(crate) fn tell(&self, text: &str, request_id: &str) {
        self.send(Message::text(gateway_message(text, &self.peer.connection_id, request_id)));
    }

    /// A message's function had no answer. The log hears of it ever more seldom: there may be fifty a second.
    pub(crate) fn integration_failed(&self, error: &InvokeError, request_id: &str) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures.is_power_of_two() {
            tracing::warn!(connection = self.peer.connection_id, failures, %error, "a message's integration failed");
        }
        self.tell("Internal server error", request_id);
    }

    /// `DeleteConnection`.
    pub(crate) fn delete(&self) {
        self.deleted.cancel();
    }

    pub(crate) fn last_active_ms(&self) -> u64 {
        self.peer.connected_at_ms + self.active_after_ms.load(Ordering::Relaxed)
    }

    fn send(&self, message: Message) {
        self.touch();
        self.waiting_bytes.fetch_add(message.len(), Ordering::Relaxed);
        // Nobody takes it if the connection has just ended: then it is lost, as it would be on the wire.
        let _ = self.outbox.send(message);
    }

    fn touch(&self) {
        let elapsed_ms = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.active_after_ms.store(elapsed_ms, Ordering::Relaxed);
    }

    fn ends_at(&self, limits: &SocketLimits) -> Instant {
        let active_at = self.opened + Duration::from_millis(self.active_after_ms.load(Ordering::Relaxed));
        (active_at + limits.idle).min(self.opened + limits.longest)
    }
}

pub(crate) fn gateway_message(text: &str, connection_id: &str, request_id: &str) -> String {
    format!(r#"{{"message": "{text}", "connectionId":"{connection_id}", "requestId":"{request_id}"}}"#)
}

/// Why a connection ended.
enum End {
    /// By the client, with these words.
    Closed(u16, String),
    /// Without any.
    Lost,
    /// By us, with this code. If the client is in the middle of a message that is too long, the rest cannot be
    /// parsed any more.
    Refused(u16, &'static str),
}

/// Carries messages until the connection ends, and sees it off.
pub(crate) async fn run(
    api: Arc<WebSocketApi>,
    connection: Arc<Connection>,
    upgrade: OnUpgrade,
    outbox: mpsc::UnboundedReceiver<Message>,
) {
    let Ok(upgraded) = upgrade.await else {
        return api.disconnected(&connection, 1006, "The handshake was not completed");
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(api.limits.message_bytes))
        .max_frame_size(Some(api.limits.frame_bytes));
    let socket = Socket::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (sink, mut stream) = socket.split();
    let writer = AbortOnDropHandle::new(tokio::spawn(write(sink, outbox, Arc::clone(&connection))));
    let end = read(&api, &connection, &mut stream).await;
    let (code, reason) = end.words();
    api.disconnected(&connection, code, reason);
    if let End::Refused(code, reason) = end {
        connection.send(Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() })));
    } else {
        writer.abort();
    }
    // Whoever does not let go is let go.
    let _ = tokio::time::timeout(LONGEST_FAREWELL, see_off(writer, stream)).await;
}

async fn read(api: &Arc<WebSocketApi>, connection: &Arc<Connection>, stream: &mut SplitStream<Socket>) -> End {
    let sleep = tokio::time::sleep_until(connection.ends_at(&api.limits).into());
    tokio::pin!(sleep);
    loop {
        tokio::select! {
            message = stream.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    connection.touch();
                    api.message(connection, &text);
                }
                Some(Ok(Message::Binary(_))) => return End::Refused(1003, "Binary is not supported"),
                Some(Ok(Message::Close(frame))) => return End::closed(frame),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(Error::Capacity(_))) => return End::Refused(1009, "The message is too big"),
                Some(Err(_)) | None => return End::Lost,
            },
            () = connection.deleted.cancelled() => return End::Refused(1000, "Connection closed normally"),
            // Set anew when it has passed, not with each message.
            () = &mut sleep => {
                let due = connection.ends_at(&api.limits);
                if due <= Instant::now() {
                    return End::Refused(1001, "Going away");
                }
                sleep.as_mut().reset(due.into());
            }
        }
    }
}

async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut outbox: mpsc::UnboundedReceiver<Message>,
    connection: Arc<Connection>,
) -> Option<SplitSink<Socket, Message>> {
    let mut batch = Vec::with_capacity(BATCH);
    while outbox.recv_many(&mut batch, BATCH).await > 0 {
        let bytes: usize = batch.iter().map(Message::len).sum();
        let last = batch.iter().any(Message::is_close);
        for message in batch.drain(..) {
            sink.feed(message).await.ok()?;
        }
        sink.flush().await.ok()?;
        connection.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if last {
            return Some(sink);
        }
    }
    None
}

/// Reads on until the client has let go too. To close with unread bytes would reset the connection, and the
/// client might lose the close frame that tells it why.
async fn see_off(writer: AbortOnDropHandle<Option<SplitSink<Socket, Message>>>, mut stream: SplitStream<Socket>) {
    let Ok(Some(sink)) = writer.await else {
        // The client closed: its answer is on the way out, and the end of the stream follows.
        while let Some(Ok(_)) = stream.next().await {}
        return;
    };
    let Ok(mut socket) = stream.reunite(sink) else { return };
    loop {
        match socket.next().await {
            Some(Ok(_)) => {}
            Some(Err(Error::Capacity(_))) => break,
            Some(Err(_)) | None => return,
        }
    }
    let io = socket.get_mut();
    let mut rest = vec![0; 16 * 1024];
    if io.shutdown().await.is_ok() {
        while io.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    }
}

impl End {
    fn closed(frame: Option<CloseFrame>) -> Self {
        match frame {
            Some(frame) if frame.code != CloseCode::Status => Self::Closed(frame.code.into(), frame.reason.to_string()),
            _ => Self::Closed(1005, "Client-side close frame status not set".to_owned()),
        }
    }

    fn words(&self) -> (u16, &str) {
        match self {
            Self::Closed(code, reason) => (*code, reason),
            Self::Lost => (1006, "Connection closed abnormally"),
            Self::Refused(code, reason) => (*code, reason),
        }
    }
}
