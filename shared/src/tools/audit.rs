//! That a tool was called: when, by which call of which agent, how it went, and none of the words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::own::{Tally, Target};
use super::{ToolErrorKind, ToolOutcome, ToolRequest};
use crate::ids::{AgentId, ToolCallId};

/// One run of a tool. A repetition that was answered out of the ledger is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolRun {
    pub call: ToolCallId,
    pub tool: String,
    pub kind: ToolKind,
    #[serde(default)]
    pub agent: AgentId,
    /// Which definition it was: [`OwnTool::fingerprint`](super::own::OwnTool::fingerprint).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    pub began_at_ms: u64,
    pub took_ms: u64,
    /// Of HTTP, as the last answer had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default)]
    pub attempts: u32,
    #[serde(default)]
    pub redirects: u32,
    /// Of the arguments, and of what the model was given.
    pub arguments_bytes: u64,
    pub output_bytes: u64,
    /// Bodies on the wire.
    #[serde(default)]
    pub sent_bytes: u64,
    #[serde(default)]
    pub received_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ToolErrorKind>,
    /// A stable word for why it failed: `http_503`, `address_refused`, `html` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    Builtin,
    Http,
    Lambda,
}

impl ToolRun {
    pub fn of(request: &ToolRequest, outcome: &ToolOutcome, tally: Tally, began_at_ms: u64, took_ms: u64) -> Self {
        let own = request.own.as_deref();
        let output = match outcome {
            Ok(output) => output.reveal().len(),
            Err(error) => error.to_output().reveal().len(),
        };
        Self {
            call: request.call.clone(),
            tool: request.name.clone(),
            kind: match own.map(|tool| &tool.target) {
                None => ToolKind::Builtin,
                Some(Target::Http(_)) => ToolKind::Http,
                Some(Target::Lambda(_)) => ToolKind::Lambda,
            },
            agent: request.agent.clone(),
            definition: own.map(super::own::OwnTool::fingerprint),
            began_at_ms,
            took_ms,
            status: tally.status,
            attempts: tally.attempts,
            redirects: tally.redirects,
            arguments_bytes: request.arguments.reveal().len() as u64,
            output_bytes: output as u64,
            sent_bytes: tally.sent_bytes,
            received_bytes: tally.received_bytes,
            error: outcome.as_ref().err().map(|error| error.kind),
            cause: tally.cause,
        }
    }
}
