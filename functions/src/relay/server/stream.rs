//! A stream of the direct path: the carrier's own WebSocket, or one of a page of the console. It proves twice where it comes
//! from, by the signature of the upgrade, or a token beside it, and by the token in its `start`, before a call hears of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use bytestring::ByteString;
use futures_util::stream::SplitStream;
use futures_util::{SinkExt as _, StreamExt as _};
use shared::calls::{PROTOCOL, token_offered};
use shared::ids::CallSid;
use shared::ports::{Clock as _, PortError, Tokens as _};
use shared::redact::Secret;
use shared::twilio::media::{self, MediaError, Start, StreamEvent, StreamMessage};
use tokio::sync::mpsc::error::TrySendError;
use tokio_tungstenite::tungstenite::Error as WebSocketError;
use tokio_tungstenite::tungstenite::error::CapacityError;

use super::Server;
use super::lobby::Visitor;
use crate::relay::caller_link::{LinkId, Offence, open_direct};
use crate::relay::calls::{CallHandle, Claim, FromCaller, NotTaken};
use crate::relay::doors::Doors;
use crate::relay::inbound::{self, Fault, Faults};
use crate::relay::metrics::{Metrics, label};
use crate::relay::stamped::Stamped;

/// From the upgrade to a `start` that is believed.
const START_TIMEOUT: Duration = Duration::from_secs(5);
/// For as long a store that does not answer is asked again. A refused stream costs the caller a `<Redirect>`, which takes longer.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// Longer messages end the socket. Twilio's are under 1 KB, and none that is longer than this is read on the other path.
const LONGEST_MESSAGE: usize = media::LONGEST_FRAME;
/// The TwiML `<Parameter>` that ties a stream to its webhook.
const TOKEN: &str = "token";

/// Why a stream was not let in.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("no `start` in time")]
    NoStart,
    #[error("too many are waiting")]
    Crowded,
    #[error("its `start` has no token")]
    NoToken,
    #[error("its token is unknown, expired, used, or another call's")]
    BadToken,
    #[error("its token could not be looked up")]
    Store(#[source] PortError),
    #[error("its call could not be taken")]
    Call(#[source] NotTaken),
}

pub(super) async fn upgrade<D: Doors>(
    State(server): State<Arc<Server<D>>>,
    Extension(visitor): Extension<Arc<Visitor>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let address = server.vetting.address(&headers, &visitor);
    if let Err(refusal) = server.vetting.admit(address, server.metrics()) {
        return refusal.into_response();
    }
    let Ok(upgrade) = upgrade else {
        return (StatusCode::UPGRADE_REQUIRED, [(http::header::UPGRADE, "websocket")]).into_response();
    };
    if let Err(refusal) = server.vouch(&headers, address).await {
        return refusal.into_response();
    }
    if server.calls.is_draining() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        .on_upgrade(move |socket| Box::pin(async move { server.host(socket, visitor).await }))
}

impl<D: Doors> Server<D> {
    /// For the carrier its signature, for a page of the console its token.
    async fn vouch(&self, headers: &HeaderMap, address: Option<IpAddr>) -> Result<(), StatusCode> {
        let ports = &self.calls.common().ports;
        let now_ms = ports.clock.unix_ms();
        let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        match token_offered(offered) {
            Some(token) => {
                let store = ports.store.as_ref();
                self.vetting.vouch_for_page(store, &token, headers, (address, now_ms), self.metrics()).await
            }
            None => self.vetting.vouch(headers, address, now_ms, self.metrics()),
        }
    }

    async fn host(&self, socket: WebSocket, visitor: Arc<Visitor>) {
        let (mut sink, mut stream) = socket.split();
        let admitted = tokio::select! {
            admitted = tokio::time::timeout(START_TIMEOUT, self.admit(&mut stream)) => {
                admitted.unwrap_or(Err(Refusal::NoStart))
            }
            () = visitor.asked_out.cancelled() => Err(Refusal::Crowded),
        };
        drop(visitor);
        match admitted {
            Err(refusal) => {
                self.count_refusal(&refusal);
                let frame = CloseFrame { code: close_code::POLICY, reason: "stream refused".into() };
                // The carrier may have gone first; either way it is gone.
                let _gone = sink.send(Message::Close(Some(frame))).await;
            }
            Ok((handle, start)) => {
                let number = self.sockets.fetch_add(1, Ordering::Relaxed);
                let metrics = Arc::clone(&self.calls.common().metrics);
                let offence = Offence::default();
                let link = open_direct(number, &start.value.stream, sink, metrics, offence.clone());
                // Fails only when the call has ended meanwhile: then the link goes with it, and so does the socket.
                let _over = handle.inbox.send(FromCaller::Attached(Box::new(link))).await;
                let _over = handle.inbox.send(FromCaller::Frame(start)).await;
                if let Closed::Offending = self.forward(&handle, stream).await {
                    offence.tell().await;
                }
                let _over = handle.inbox.send(FromCaller::Detached(LinkId::Direct(number))).await;
            }
        }
    }

    /// Reads up to `start` and finds out whose stream this is.
    async fn admit(
        &self,
        stream: &mut SplitStream<WebSocket>,
    ) -> Result<(CallHandle, Stamped<StreamMessage>), Refusal> {
        let faults = Faults::default();
        let unknown = CallSid::from("unknown");
        loop {
            let text = next_text(stream, &unknown, &faults, self.metrics()).await.map_err(|_| Refusal::NoStart)?;
            let Some(message) = inbound::read(&text.value, &unknown, &faults, self.metrics()) else { continue };
            if let StreamEvent::Start(start) = &message.event {
                let sid = self.redeem(start).await?;
                let handle = self.open(&sid).await.map_err(Refusal::Call)?;
                return Ok((handle, Stamped { at: text.at, value: message }));
            }
        }
    }

    /// The call for which the token in this `start` was given out. It works once.
    async fn redeem(&self, start: &Start) -> Result<CallSid, Refusal> {
        let token = start.parameters.get(TOKEN).ok_or(Refusal::NoToken)?;
        let token = Secret::new(token.reveal().as_str());
        match self.calls.common().ports.store.redeem_token(&token).await {
            Ok(sid) if sid == start.call => Ok(sid),
            Ok(_) | Err(PortError::Gone | PortError::Conflict(_)) => Err(Refusal::BadToken),
            Err(error) => Err(Refusal::Store(error)),
        }
    }

    async fn open(&self, sid: &CallSid) -> Result<CallHandle, NotTaken> {
        let began = Instant::now();
        loop {
            match self.calls.find_or_open(sid, Claim::Socket).await {
                Err(NotTaken::Store(_)) if began.elapsed() < STORE_TIMEOUT => tokio::time::sleep(ASK_AGAIN).await,
                opened => return opened,
            }
        }
    }

    /// Frames to the call, in order, until either ends.
    async fn forward(&self, handle: &CallHandle, mut stream: SplitStream<WebSocket>) -> Closed {
        let metrics = self.metrics();
        loop {
            let text = tokio::select! {
                biased;
                () = handle.inbox.closed() => return Closed::Over,
                text = next_text(&mut stream, &handle.sid, &handle.faults, metrics) => text,
            };
            let Stamped { at, value } = match text {
                Ok(text) => text,
                Err(closed) => return closed,
            };
            self.streamed.inc();
            let Some(message) = inbound::read(&value, &handle.sid, &handle.faults, metrics) else { continue };
            match handle.inbox.try_send(FromCaller::Frame(Stamped { at, value: message })) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => _ = metrics.frames_dropped.get_or_create(&label("queue_full")).inc(),
                Err(TrySendError::Closed(_)) => return Closed::Over,
            }
        }
    }

    fn metrics(&self) -> &Metrics {
        &self.calls.common().metrics
    }

    fn count_refusal(&self, refusal: &Refusal) {
        let kind = match refusal {
            Refusal::NoStart => "no_start",
            Refusal::Crowded => "crowded",
            Refusal::NoToken => "no_token",
            Refusal::BadToken => "bad_token",
            Refusal::Store(_) => "store",
            Refusal::Call(NotTaken::NotOurs | NotTaken::Claimed | NotTaken::HolderWorks) => "not_ours",
            Refusal::Call(NotTaken::Busy) => "busy",
            Refusal::Call(NotTaken::Store(_) | NotTaken::Unproven) => "store",
        };
        self.metrics().streams_refused.get_or_create(&label(kind)).inc();
        let cause = std::error::Error::source(refusal).map(ToString::to_string);
        tracing::warn!(kind, cause, "a stream was refused: {refusal}");
    }
}

/// Why nothing more is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closed {
    /// By whichever side, or broken.
    Over,
    /// It said what Twilio never would.
    Offending,
}

/// The next text frame, while there is one. Binary frames are counted and passed over.
async fn next_text(
    stream: &mut SplitStream<WebSocket>,
    sid: &CallSid,
    faults: &Faults,
    metrics: &Metrics,
) -> Result<Stamped<ByteString>, Closed> {
    loop {
        match stream.next().await.ok_or(Closed::Over)? {
            Ok(Message::Text(text)) => {
                if let Ok(text) = ByteString::try_from(Bytes::from(text)) {
                    return Ok(Stamped::now(text));
                }
            }
            Ok(Message::Binary(_)) => faults.count(&Fault::Binary, sid, metrics),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            Ok(Message::Close(_)) => return Err(Closed::Over),
            Err(error) => {
                let Some(size) = too_long(error) else { return Err(Closed::Over) };
                faults.count(&Fault::Media(MediaError::TooLong(size)), sid, metrics);
                return Err(Closed::Offending);
            }
        }
    }
}

fn too_long(error: axum::Error) -> Option<usize> {
    match error.into_inner().downcast_ref()? {
        WebSocketError::Capacity(CapacityError::MessageTooLong { size, .. }) => Some(*size),
        _ => None,
    }
}
