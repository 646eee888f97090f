//! Frames of the gateway path: one POST each, in any order, from several processes at once.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use bytestring::ByteString;
use shared::ids::{CallSid, ConnectionId, StreamSid};
use shared::ports::{CallerSocket as _, PortError};
use tokio::sync::mpsc::error::TrySendError;

use super::Server;
use crate::relay::caller_link::LinkId;
use crate::relay::calls::{CallHandle, FromCaller, NotTaken, OthersCall};
use crate::relay::doors::Doors;
use crate::relay::inbound::{self, Fault};
use crate::relay::metrics::{Metrics, label};
use crate::relay::stamped::Stamped;

/// 204 taken · 404 not this relay's call, look again · 429 too much at once, lost · 503 not now.
pub(super) async fn take<D: Doors>(
    State(server): State<Arc<Server<D>>>,
    Path(connection): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let arrived = Stamped::now(body);
    let (Some(sid), Some(stream)) = (header(&headers, "x-call-sid"), header(&headers, "x-stream-sid")) else {
        return StatusCode::BAD_REQUEST;
    };
    let handle = match server.calls.find_or_open(&CallSid::new(sid), OthersCall::Leave).await {
        Ok(handle) => handle,
        Err(refusal) => return refuse(&refusal),
    };
    let metrics = &server.calls.common().metrics;
    server.posted.inc();
    let Stamped { at, value: body } = arrived;
    let Ok(text) = ByteString::try_from(body) else {
        handle.faults.count(&Fault::Binary, &handle.sid, metrics);
        return StatusCode::NO_CONTENT;
    };
    let Some(message) = inbound::read(&text, &handle.sid, &handle.faults, metrics) else {
        return StatusCode::NO_CONTENT;
    };
    let frame = Stamped { at, value: message };
    put(&handle, FromCaller::Gateway { connection: connection.into(), stream: StreamSid::new(stream), frame }, metrics)
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

fn put(handle: &CallHandle, message: FromCaller, metrics: &Metrics) -> StatusCode {
    match handle.inbox.try_send(message) {
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
        NotTaken::Busy | NotTaken::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The value without a copy: header values are bytes that count references, like ids.
fn header(headers: &HeaderMap, name: &str) -> Option<ByteString> {
    let value = headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())?;
    Some(ByteString::from(value))
}
