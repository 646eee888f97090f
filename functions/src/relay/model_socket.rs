//! The socket to the model. One task reads and decodes, one encodes and writes; the driver only sees queues.

mod reader;
mod writer;

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt as _;
use http::{HeaderName, HeaderValue, Request};
use shared::agent::Agent;
use shared::ids::CallSid;
use shared::model::{Dialect, Handshake, ModelCommand, ModelEvent, Severity};
use shared::session::ModelLoss;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Error};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};
use tokio_util::task::AbortOnDropHandle;

use super::metrics::Metrics;
use super::settings::ModelSettings;
use super::stamped::Stamped;
use super::tls::Tls;

/// Ten seconds of the caller's frames: a model that is further behind is not in the conversation any more.
const COMMANDS: usize = 512;
/// When these wait, the reader waits: TCP tells the model.
const EVENTS: usize = 256;
/// The vendor's own clients set no limit; this is far beyond any delta, and still a limit.
const LONGEST_MESSAGE: usize = 32 << 20;

/// Opens sockets to the model.
#[derive(Debug, Clone)]
pub struct Dialler {
    settings: ModelSettings,
    tls: Tls,
    metrics: Arc<Metrics>,
}

/// A socket that is being dialled or is open. Dropping it closes it.
#[derive(Debug)]
pub struct ModelSocket {
    pub events: mpsc::Receiver<Stamped<FromModel>>,
    commands: mpsc::Sender<Stamped<ModelCommand>>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
pub enum FromModel {
    Connected,
    Event(ModelEvent),
    /// The last thing that comes.
    Lost(ModelLoss),
}

/// The model takes less than we have to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slow;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What both tasks of a socket know.
#[derive(Debug, Clone)]
struct Ends {
    sid: CallSid,
    dialect: &'static dyn Dialect,
    settings: ModelSettings,
    metrics: Arc<Metrics>,
}

impl Dialler {
    pub fn new(settings: ModelSettings, tls: Tls, metrics: Arc<Metrics>) -> Self {
        Self { settings, tls, metrics }
    }

    /// Returns at once; [`FromModel::Connected`] or [`FromModel::Lost`] follows.
    pub fn dial(&self, sid: &CallSid, agent: &Agent, dialect: &'static dyn Dialect) -> ModelSocket {
        let (event_sender, events) = mpsc::channel(EVENTS);
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let handshake = dialect.handshake(&self.settings.endpoint, agent, &self.settings.key);
        let ends =
            Ends { sid: sid.clone(), dialect, settings: self.settings.clone(), metrics: Arc::clone(&self.metrics) };
        let task = tokio::spawn(hold(ends, self.tls.clone(), handshake, event_sender, command_receiver));
        ModelSocket { events, commands, _task: AbortOnDropHandle::new(task) }
    }
}

impl ModelSocket {
    /// A socket that has closed takes the command to its grave: its [`FromModel::Lost`] is on the way.
    pub fn send(&self, at: Instant, command: ModelCommand) -> Result<(), Slow> {
        match self.commands.try_send(Stamped { at, value: command }) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Slow),
        }
    }
}

async fn hold(
    ends: Ends,
    tls: Tls,
    handshake: Handshake,
    events: mpsc::Sender<Stamped<FromModel>>,
    commands: mpsc::Receiver<Stamped<ModelCommand>>,
) {
    // Sending fails only if the driver has dropped the socket, which also aborts this task.
    let lost = match dial(&ends, &tls, handshake).await {
        Ok(socket) => {
            let _dropped = events.send(Stamped::now(FromModel::Connected)).await;
            let (sink, stream) = socket.split();
            tokio::spawn(writer::run(ends.clone(), sink, commands));
            reader::run(&ends, stream, &events).await
        }
        Err(lost) => lost,
    };
    tracing::info!(call = %ends.sid, code = lost.code, severity = ?lost.severity, "the model's socket is closed");
    let _dropped = events.send(Stamped::now(FromModel::Lost(lost))).await;
}

async fn dial(ends: &Ends, tls: &Tls, handshake: Handshake) -> Result<Socket, ModelLoss> {
    let connector = tls.connector(&handshake.url).map_err(|error| {
        tracing::error!(call = %ends.sid, %error, "the model's address is refused");
        loss("plain_text", Severity::Fatal)
    })?;
    let request = request(handshake).ok_or_else(|| loss("bad_handshake", Severity::Fatal))?;
    let config =
        WebSocketConfig::default().max_message_size(Some(LONGEST_MESSAGE)).max_frame_size(Some(LONGEST_MESSAGE));
    let connecting = connect_async_tls_with_config(request, Some(config), true, Some(connector));
    match tokio::time::timeout(ends.settings.handshake_timeout, connecting).await {
        Err(_) => Err(loss("timeout", Severity::Retry)),
        Ok(Err(error)) => Err(not_connected(ends, &error)),
        Ok(Ok((socket, _response))) => Ok(socket),
    }
}

/// `None`: a header or the URL cannot be put into a request. Nothing of it is logged; there is a key in it.
fn request(handshake: Handshake) -> Option<Request<()>> {
    let mut request = handshake.url.as_str().into_client_request().ok()?;
    for (name, value) in handshake.headers {
        let mut value = HeaderValue::from_str(value.reveal()).ok()?;
        value.set_sensitive(true);
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Some(request)
}

fn not_connected(ends: &Ends, error: &Error) -> ModelLoss {
    match error {
        Error::Http(response) => {
            let status = response.status().as_u16();
            loss(format!("http_{status}"), ends.dialect.handshake_severity(status))
        }
        Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => loss("refused", Severity::Retry),
        Error::Io(io) => {
            tracing::warn!(call = %ends.sid, error = %io, "the model cannot be reached");
            loss("unreachable", Severity::Retry)
        }
        Error::Tls(error) => {
            tracing::error!(call = %ends.sid, %error, "no TLS with the model");
            loss("tls", Severity::Retry)
        }
        Error::Protocol(error) => {
            tracing::warn!(call = %ends.sid, %error, "the model does not speak WebSocket");
            loss("protocol", Severity::Retry)
        }
        _ => loss("handshake", Severity::Retry),
    }
}

fn loss(code: impl Into<String>, severity: Severity) -> ModelLoss {
    ModelLoss { code: code.into(), severity }
}

/// The close frame of the other side, or the lack of one (1006 by the RFC).
fn closed(ends: &Ends, frame: Option<&tungstenite::protocol::CloseFrame>) -> ModelLoss {
    let (code, reason) = frame.map_or((1006, ""), |frame| (u16::from(frame.code), frame.reason.as_str()));
    loss(format!("closed_{code}"), ends.dialect.close_severity(code, reason))
}
