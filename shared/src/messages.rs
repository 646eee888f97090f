//! What callers leave for people to look after: messages, and requests to be called back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{CallSid, ToolCallId};
use crate::redact::Pii;

/// Something to be told to somebody. Named by its call and the tool call that took it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    pub call: CallSid,
    pub id: ToolCallId,
    pub taken_at_ms: u64,
    pub name: Option<Pii<String>>,
    pub number: Option<Pii<String>>,
    pub text: Pii<String>,
}

/// A request to be called. Who calls, and whether, is for whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Callback {
    pub call: CallSid,
    pub id: ToolCallId,
    pub requested_at_ms: u64,
    pub due_at_ms: u64,
    pub number: Pii<String>,
    pub why: Pii<String>,
    pub state: CallbackState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    Requested,
    Cancelled,
}
