//! Agents as they are stored: versions that are never changed, of which one counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Agent;
use crate::ids::AgentId;

/// One version of an agent, with its number in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Saved {
    pub agent: Agent,
    pub saved_at_ms: u64,
}

/// The title of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entitled {
    pub id: AgentId,
    pub version: u32,
    pub name: String,
    pub saved_at_ms: u64,
}

impl Saved {
    pub fn title(&self) -> Entitled {
        let Agent { id, version, name, .. } = &self.agent;
        Entitled { id: id.clone(), version: *version, name: name.clone(), saved_at_ms: self.saved_at_ms }
    }
}

/// Whether this is a number of the telephone network: `+` and 2 to 15 digits (E.164).
pub fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (2..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
