//! A stream of the direct path: the carrier's own WebSocket. It proves twice where it comes from, by the signature
//! of the upgrade and by the token in its `start`, before a call hears of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use bytestring::ByteString;
use futures_util::stream::SplitStream;
use futures_util::{SinkExt as _, StreamExt as _};
use shared::ids::CallSid;
use shared::ports::{PortError, Tokens as _};
use shared::redact::Secret;
use shared::twilio::media::{Start, StreamEvent, StreamMessage};
use shared::twilio::signature::{self, Content};
use tokio::sync::mpsc::error::TrySendError;

use super::Server;
use crate::relay::caller_link::{LinkId, open_direct};
use crate::relay::calls::{CallHandle, Claim, FromCaller, NotTaken};
use crate::relay::doors::Doors;
use crate::relay::inbound::{self, Fault, Faults};
use crate::relay::metrics::{Metrics, label};
use crate::relay::stamped::Stamped;

/// From the upgrade to a `start` that is believed.
const START_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer frames end the socket. Those that are merely too long for Twilio are survived, so this is generous.
const LONGEST_MESSAGE: usize = 16 << 20;
/// The TwiML `<Parameter>` that ties a stream to its webhook.
const TOKEN: &str = "token";

/// Why a stream was not let in.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("no `start` in time")]
    NoStart,
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
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return (StatusCode::UPGRADE_REQUIRED, [(http::header::UPGRADE, "websocket")]).into_response();
    };
    if !server.is_signed(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if server.calls.is_draining() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    upgrade
        .max_message_size(LONGEST_MESSAGE)
        .max_frame_size(LONGEST_MESSAGE)
        .on_upgrade(move |socket| Box::pin(async move { server.host(socket).await }))
}

impl<D: Doors> Server<D> {
    fn is_signed(&self, headers: &HeaderMap) -> bool {
        let Some(signer) = &self.signer else { return true };
        let request = signature::Request {
            url: self.public_wss_url.as_str(),
            content: Content::UrlOnly,
            signature: headers.get(signature::HEADER).and_then(|value| value.to_str().ok()),
        };
        let verdict = signer.verify(&request);
        if let Err(error) = &verdict {
            self.metrics().streams_refused.get_or_create(&label("signature")).inc();
            tracing::warn!(%error, "an upgrade was refused");
        }
        verdict.is_ok()
    }

    async fn host(&self, socket: WebSocket) {
        let (mut sink, mut stream) = socket.split();
        let admitted = match tokio::time::timeout(START_TIMEOUT, self.admit(&mut stream)).await {
            Ok(admitted) => admitted,
            Err(_) => Err(Refusal::NoStart),
        };
        match admitted {
            Err(refusal) => {
                self.count_refusal(&refusal);
                let frame = CloseFrame { code: close_code::POLICY, reason: "stream refused".into() };
                // The carrier may have gone first; either way it is gone.
                let _gone = sink.send(Message::Close(Some(frame))).await;
            }
            Ok((handle, start)) => {
                let number = self.sockets.fetch_add(1, Ordering::Relaxed);
                let link = open_direct(number, &start.value.stream, sink, Arc::clone(&self.calls.common().metrics));
                // Fails only when the call has ended meanwhile: then the link goes with it, and so does the socket.
                let _over = handle.inbox.send(FromCaller::Attached(Box::new(link))).await;
                let _over = handle.inbox.send(FromCaller::Frame(start)).await;
                self.forward(&handle, stream).await;
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
            let text = next_text(stream, &unknown, &faults, self.metrics()).await.ok_or(Refusal::NoStart)?;
            let Some(message) = inbound::read(&text.value, &unknown, &faults, self.metrics()) else { continue };
            if let StreamEvent::Start(start) = &message.event {
                let sid = self.redeem(start).await?;
                let handle = self.calls.find_or_open(&sid, Claim::Socket).await.map_err(Refusal::Call)?;
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

    /// Frames to the call, in order, until either ends.
    async fn forward(&self, handle: &CallHandle, mut stream: SplitStream<WebSocket>) {
        let metrics = self.metrics();
        loop {
            let text = tokio::select! {
                biased;
                () = handle.inbox.closed() => return,
                text = next_text(&mut stream, &handle.sid, &handle.faults, metrics) => text,
            };
            let Some(Stamped { at, value }) = text else { return };
            self.streamed.inc();
            let Some(message) = inbound::read(&value, &handle.sid, &handle.faults, metrics) else { continue };
            match handle.inbox.try_send(FromCaller::Frame(Stamped { at, value: message })) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => _ = metrics.frames_dropped.get_or_create(&label("queue_full")).inc(),
                Err(TrySendError::Closed(_)) => return,
            }
        }
    }

    fn metrics(&self) -> &Metrics {
        &self.calls.common().metrics
    }

    fn count_refusal(&self, refusal: &Refusal) {
        let kind = match refusal {
            Refusal::NoStart => "no_start",
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

/// The next text frame; `None` when the socket is closed or broken. Binary frames are counted and passed over.
async fn next_text(
    stream: &mut SplitStream<WebSocket>,
    sid: &CallSid,
    faults: &Faults,
    metrics: &Metrics,
) -> Option<Stamped<ByteString>> {
    loop {
        match stream.next().await? {
            Ok(Message::Text(text)) => {
                if let Ok(text) = ByteString::try_from(Bytes::from(text)) {
                    return Some(Stamped::now(text));
                }
            }
            Ok(Message::Binary(_)) => faults.count(&Fault::Binary, sid, metrics),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            Ok(Message::Close(_)) | Err(_) => return None,
        }
    }
}
