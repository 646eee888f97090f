//! Frames of the gateway path: one POST each, in any order, from several processes at once.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytestring::ByteString;
use shared::ids::{CallSid, ConnectionId, StreamSid};
use shared::ownership::Arrival;
use shared::ports::{CallerSocket as _, PortError};
use shared::twilio::media::StreamEvent;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::timely::Timely;
use super::{Server, is_meant_for_us};
use crate::private_api::header;
use crate::relay::caller_link::LinkId;
use crate::relay::calls::{CallHandle, Claim, FromCaller, NotTaken, Place};
use crate::relay::doors::Doors;
use crate::relay::inbound::{self, Fault, Faults};
use crate::relay::metrics::{Metrics, label};
use crate::relay::opening::{Attempt, Progress};
use crate::relay::stamped::Stamped;

/// Answers as `crate::private_api` says.
pub(super) async fn take<D: Doors>(
    State(server): State<Arc<Server<D>>>,
    Path(connection): Path<String>,
    headers: HeaderMap,
    Timely(body): Timely<Bytes>,
) -> Response {
    let arrived = Stamped::now(body);
    let (Some(sid), Some(stream)) = (value(&headers, header::CALL), value(&headers, header::STREAM)) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if !is_meant_for_us(&server, &headers) {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    }
    let claim = match lost(&headers) {
        Ok(claim) => claim,
        Err(refusal) => return refusal.into_response(),
    };
    let sole = headers.contains_key(header::SOLE);
    let frame = Posted { connection: connection.into(), stream: StreamSid::new(stream), sole, arrived };
    let lost_fence = claim.lost_fence();
    match server.calls.place(&CallSid::new(sid), claim) {
        // Others know of a later lease than ours: ours is over, whoever has it.
        Ok(Place::Open(handle)) if lost_fence > Some(handle.permit.fence()) => {
            handle.permit.fenced.cancel();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Ok(Place::Open(handle)) => server.deliver(&handle, frame),
        Ok(Place::Opening(attempt)) => match attempt.settled().await {
            Progress::Open(handle) => server.deliver(&handle, frame),
            Progress::Keeping => server.keep(&attempt, frame).into_response(),
            Progress::Failed(refusal) => refuse(&refusal).into_response(),
            Progress::Trying => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
        Err(refusal) => refuse(&refusal).into_response(),
    }
}

/// A frame, and what is known of its way here.
struct Posted {
    connection: ConnectionId,
    stream: StreamSid,
    sole: bool,
    arrived: Stamped<Bytes>,
}

fn lost(headers: &HeaderMap) -> Result<Claim, StatusCode> {
    let Some(text) = value(headers, header::LOST) else { return Ok(Claim::Ours) };
    serde_json::from_str(&text).map(Claim::Lost).map_err(|_| StatusCode::BAD_REQUEST)
}

impl<D: Doors> Server<D> {
    fn deliver(&self, handle: &CallHandle, posted: Posted) -> Response {
        self.posted.inc();
        let metrics = self.calls.common().metrics.as_ref();
        let status = match read(posted, &handle.sid, &handle.faults, metrics) {
            None => StatusCode::NO_CONTENT,
            Some((arrival, message)) => {
                handle.permit.frame(arrival);
                put(&handle.inbox, message, metrics)
            }
        };
        (status, [(header::FENCE, handle.permit.fence().to_string())]).into_response()
    }

    /// The call is not ours yet; once it is, this has been heard.
    fn keep(&self, attempt: &Attempt, posted: Posted) -> StatusCode {
        self.posted.inc();
        let common = self.calls.common();
        let Some((arrival, message)) = read(posted, &CallSid::default(), &Faults::default(), &common.metrics) else {
            return StatusCode::ACCEPTED;
        };
        attempt.kept(common.office.now(), arrival);
        match put(&attempt.inbox, message, &common.metrics) {
            StatusCode::NO_CONTENT => StatusCode::ACCEPTED,
            refused => refused,
        }
    }
}

fn read(posted: Posted, sid: &CallSid, faults: &Faults, metrics: &Metrics) -> Option<(Arrival, FromCaller)> {
    let Posted { connection, stream, sole, arrived: Stamped { at, value } } = posted;
    let Ok(text) = ByteString::try_from(value) else {
        faults.count(&Fault::Binary, sid, metrics);
        return None;
    };
    let message = inbound::read(&text, sid, faults, metrics)?;
    let stamp_ms = match &message.event {
        StreamEvent::Media(media) => Some(media.timestamp_ms),
        _ => None,
    };
    let arrival = Arrival { number: message.sequence, stamp_ms, sole };
    Some((arrival, FromCaller::Gateway { connection, stream, frame: Stamped { at, value: message } }))
}

/// The gateway says that the connection is closed.
pub(super) async fn closed<D: Doors>(
    State(server): State<Arc<Server<D>>>,
    Path(connection): Path<String>,
) -> StatusCode {
    let connection = ConnectionId::from(connection);
    let Some(handle) = server.calls.find_by_connection(&connection) else {
        return StatusCode::NOT_FOUND;
    };
    match handle.inbox.send(FromCaller::Detached(LinkId::Gateway(connection))).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_over) => StatusCode::NOT_FOUND,
    }
}

/// Closes a caller's socket for `ws-default`, which let it in and has no way to the gateway: 204 closed · 410 closed
/// before · 502 the gateway would not.
pub(super) async fn close_socket<D: Doors>(
    State(server): State<Arc<Server<D>>>,
    Path(connection): Path<String>,
) -> StatusCode {
    match server.calls.common().ports.callers.close(&ConnectionId::from(connection)).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(PortError::Gone) => StatusCode::GONE,
        Err(error) => {
            tracing::warn!(code = "stream_not_closed", %error);
            StatusCode::BAD_GATEWAY
        }
    }
}

fn put(inbox: &mpsc::Sender<FromCaller>, message: FromCaller, metrics: &Metrics) -> StatusCode {
    match inbox.try_send(message) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(TrySendError::Full(_)) => {
            metrics.frames_dropped.get_or_create(&label("queue_full")).inc();
            StatusCode::TOO_MANY_REQUESTS
        }
        Err(TrySendError::Closed(_)) => StatusCode::NOT_FOUND,
    }
}

fn refuse(refusal: &NotTaken) -> StatusCode {
    match refusal {
        NotTaken::NotOurs => StatusCode::NOT_FOUND,
        NotTaken::Claimed => StatusCode::CONFLICT,
        NotTaken::HolderWorks => StatusCode::LOCKED,
        NotTaken::Busy | NotTaken::Unproven | NotTaken::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The value without a copy: header values are bytes that count references, like ids.
fn value(headers: &HeaderMap, name: &str) -> Option<ByteString> {
    let value = headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())?;
    Some(ByteString::from(value))
}
