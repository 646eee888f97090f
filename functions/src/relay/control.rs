//! The control channel: the relay is a client of a small WebSocket API, by which `twiml` and `api` reach it without
//! anybody being let into the VPC. It is a convenience: a relay without it dials later, and goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use shared::control::Control;
use shared::ids::CallSid;
use shared::ports::PortError;
use shared::transfer::News;
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::calls::{Calls, Claim, Command};
use super::doors::{Doors, SignHandshake as _};
use super::random;
use super::tls::{Tls, TlsError};

/// By which the API learns whose socket it is.
const RELAY_HEADER: &str = "x-voicebridge-relay";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// API Gateway closes what is idle for ten minutes.
const PING_EVERY: Duration = Duration::from_secs(60);
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// A socket that lasted this long was a good one: the next failure is a new story.
const SETTLED: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error("the handshake could not be signed")]
    Sign(#[source] PortError),
    #[error("the address is refused")]
    Address(#[source] TlsError),
    #[error("no connection in time")]
    Timeout,
    #[error("no connection")]
    Connect(#[source] Box<Error>),
    #[error("the connection broke")]
    Broken(#[source] Box<Error>),
    #[error("the connection says nothing any more")]
    Silent,
}

/// Connects, and connects again, until `stop`.
pub async fn run<D: Doors>(calls: Arc<Calls<D>>, url: Url, tls: Tls, stop: CancellationToken) {
    let mut wait = FIRST_WAIT;
    loop {
        let began = Instant::now();
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            end = listen(&calls, &url, &tls) => report(end),
        }
        if began.elapsed() > SETTLED {
            wait = FIRST_WAIT;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(random::between(wait / 2, wait)) => {}
        }
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

fn report(end: Result<(), ControlError>) {
    match end {
        Ok(()) => tracing::info!("the control channel was closed"),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(cause, "the control channel is down: {error}");
        }
    }
}

async fn listen<D: Doors>(calls: &Arc<Calls<D>>, url: &Url, tls: &Tls) -> Result<(), ControlError> {
    let mut socket =
        tokio::time::timeout(CONNECT_TIMEOUT, connect(calls, url, tls)).await.map_err(|_| ControlError::Timeout)??;
    tracing::info!("the control channel is open");
    let mut pings = tokio::time::interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = true;
    loop {
        tokio::select! {
            message = socket.next() => match message {
                None | Some(Ok(Message::Close(_))) => return Ok(()),
                Some(Err(error)) => return Err(ControlError::Broken(Box::new(error))),
                Some(Ok(message)) => {
                    heard = true;
                    if let Message::Text(text) = message {
                        obey(calls, &text).await;
                    }
                }
            },
            _ = pings.tick() => {
                if !std::mem::take(&mut heard) {
                    return Err(ControlError::Silent);
                }
                let ping = socket.send(Message::Ping(Bytes::new())).await;
                ping.map_err(|error| ControlError::Broken(Box::new(error)))?;
            }
        }
    }
}

async fn connect<D: Doors>(calls: &Calls<D>, url: &Url, tls: &Tls) -> Result<Socket, ControlError> {
    let common = calls.common();
    let connector = tls.connector(url).map_err(ControlError::Address)?;
    let named = (RELAY_HEADER, common.me.relay.to_string());
    let signed = common.ports.signer.sign(url, std::slice::from_ref(&named)).await.map_err(ControlError::Sign)?;
    let failed = |error| ControlError::Connect(Box::new(error));
    let mut request = url.as_str().into_client_request().map_err(failed)?;
    let name = http::HeaderValue::from_str(&named.1).map_err(|error| failed(Error::HttpFormat(error.into())))?;
    request.headers_mut().insert(RELAY_HEADER, name);
    request.headers_mut().extend(signed);
    let (socket, _response) =
        connect_async_tls_with_config(request, None, true, Some(connector)).await.map_err(failed)?;
    Ok(socket)
}

async fn obey<D: Doors>(calls: &Arc<Calls<D>>, text: &Utf8Bytes) {
    match serde_json::from_str(text.as_str()) {
        Ok(Control::Prepare { call }) => {
            let sid = call.sid.clone();
            if let Err(error) = calls.find_or_open(&sid, Claim::Announced(call)).await {
                tracing::warn!(call = %sid, "a call that was announced is not taken: {error}");
            }
        }
        Ok(Control::CallEnded { sid }) => tell(calls, &sid, Command::CallEnded),
        Ok(Control::Operator { sid, asks }) => tell(calls, &sid, Command::Operator(asks)),
        Ok(Control::ChangeAgent { sid, agent }) => {
            if let Some(handle) = calls.find(&sid) {
                calls.fetch_music(&agent, &handle);
            }
            tell(calls, &sid, Command::ChangeAgent(agent));
        }
        Ok(Control::Watchers) => calls.common().gallery.look(),
        Ok(Control::News { sid, news }) => bring(calls, &sid, news).await,
        // Commands carry callers' numbers, and the parser may quote them.
        Err(error) => tracing::warn!(at = error.column(), "a command was not understood"),
    }
}

/// A caller who is away has no stream whose frames would open the call here.
async fn bring<D: Doors>(calls: &Arc<Calls<D>>, sid: &CallSid, news: News) {
    match calls.find_or_open(sid, Claim::Ours).await {
        Ok(handle) => {
            // A driver that is gone has written down where it was.
            let _over = handle.commands.send(Command::News(news)).await;
        }
        Err(error) => tracing::warn!(call = %sid, "news of a transfer found no call: {error}"),
    }
}

fn tell<D: Doors>(calls: &Calls<D>, sid: &CallSid, command: Command) {
    let told = calls.find(sid).is_some_and(|handle| handle.commands.try_send(command.clone()).is_ok());
    if !told {
        tracing::info!(call = %sid, "a command found no call");
    }
}
