//! What callers have left for people: messages, and requests to be called back.

use http::StatusCode;
use shared::ids::{CallSid, ToolCallId};
use shared::ports::{OpenMailbox, PortError, PortResult};

use super::answers;
use crate::handlers::http::Response;

/// Longer is no name of a tool call.
const LONGEST_ID: usize = 64;

pub(super) async fn messages(store: &impl OpenMailbox, limit: u32) -> PortResult<Response> {
    Ok(Response::json(&answers::Messages { messages: store.messages(limit).await? }))
}

pub(super) async fn messages_of(store: &impl OpenMailbox, sid: &CallSid) -> PortResult<Response> {
    Ok(Response::json(&answers::Messages { messages: store.messages_of(sid).await? }))
}

pub(super) async fn callbacks(store: &impl OpenMailbox, limit: u32) -> PortResult<Response> {
    Ok(Response::json(&answers::Callbacks { callbacks: store.callbacks(limit).await? }))
}

pub(super) async fn cancel(store: &impl OpenMailbox, sid: &CallSid, id: &ToolCallId) -> PortResult<Response> {
    match store.cancel_callback(sid, id).await {
        Ok(()) => Ok(Response::empty(StatusCode::NO_CONTENT)),
        Err(PortError::Gone) => Ok(Response::not_found()),
        Err(error) => Err(error),
    }
}

/// As the model's API spells them: nothing that a path has to escape.
pub(super) fn id(text: &str) -> Option<ToolCallId> {
    let plain = text.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"_-".contains(&letter));
    (plain && (1..=LONGEST_ID).contains(&text.len())).then(|| ToolCallId::from(text))
}
