//! What other relays ask: to give up a call that was lost, and to take one that is given away.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use shared::calls::Lease;
use shared::ids::CallSid;
use shared::ownership::YieldAnswer;

use super::timely::Timely;
use super::{Server, is_meant_for_us};
use crate::relay::calls::Claim;
use crate::relay::doors::Doors;

pub(super) async fn give_up<D: Doors>(
    State(server): State<Arc<Server<D>>>,
    Path(sid): Path<String>,
    headers: HeaderMap,
    Timely(Json(lost)): Timely<Json<Lease>>,
) -> StatusCode {
    if !is_meant_for_us(&server, &headers) {
        return StatusCode::MISDIRECTED_REQUEST;
    }
    match server.calls.yield_call(&CallSid::from(sid), lost.fence).await {
        YieldAnswer::Yielded => StatusCode::NO_CONTENT,
        YieldAnswer::Busy => StatusCode::LOCKED,
    }
}

pub(super) async fn take<D: Doors>(
    State(server): State<Arc<Server<D>>>,
    Path(sid): Path<String>,
    headers: HeaderMap,
    Timely(Json(lease)): Timely<Json<Lease>>,
) -> StatusCode {
    if !is_meant_for_us(&server, &headers) || lease.relay != server.calls.common().me.relay {
        return StatusCode::MISDIRECTED_REQUEST;
    }
    // It goes on by itself; whether it comes to anything, the call's next frame finds out.
    match server.calls.place(&CallSid::from(sid), Claim::Given) {
        Ok(_) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
