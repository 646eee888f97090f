//! What somebody did by the console, or tried to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Role;
use crate::redact::Pii;

/// None of these carries what was sent along: only who, what, and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Act {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// `None`: of somebody who was not let in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Whose pass it was; empty of the key itself.
    #[serde(default)]
    pub name: Pii<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Pii<String>>,
    /// `call.hang_up`, `agent.save`, `sign_in` and so on.
    pub act: String,
    /// Of which call, agent, or number: the latter hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// The answer's.
    pub status: u16,
}
