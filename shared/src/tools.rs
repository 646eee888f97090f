//! Tools: what the model may call. The registry and schemas are here; `functions` runs them in the `tool-call` Lambda.

pub mod address;
pub mod audit;
pub mod call_control;
pub mod menu;
pub mod messages;
pub mod own;
pub mod prescription;
mod run;
mod seed;
#[cfg(test)]
mod testing;
mod validate;
pub mod weather;

use own::OwnTool;
pub use run::{LONGEST_OUTPUT, run};
pub use seed::seed;
pub use validate::LONGEST_ARGUMENTS;
pub use weather::WeatherEndpoints;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::ids::{AgentId, CallSid, ToolCallId};
use crate::redact::Pii;

/// A tool as the model sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolSpec {
    pub name: String,
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: serde_json::Value,
}

/// The tools that `tool-call` carries out.
pub fn builtin() -> Vec<ToolSpec> {
    vec![weather::spec(), prescription::spec(), menu::spec()]
}

/// Those, the call-control tools, and what callers leave: all that an agent can be given.
pub fn all() -> Vec<ToolSpec> {
    builtin().into_iter().chain(call_control::specs()).chain(messages::specs()).collect()
}

/// The tools of these names, in their order and each once; and the names that no tool has.
pub fn named(names: &[String]) -> (Vec<ToolSpec>, Vec<&str>) {
    let all = all();
    let (mut found, mut unknown) = (Vec::<ToolSpec>::new(), Vec::new());
    for name in names {
        match all.iter().find(|spec| spec.name == *name) {
            Some(spec) if found.contains(spec) => {}
            Some(spec) => found.push(spec.clone()),
            None => unknown.push(name.as_str()),
        }
    }
    (found, unknown)
}

/// What the model of an agent is told of: what the agent names, and what is its own. And the names that no tool has.
pub fn of(agent: &Agent) -> (Vec<ToolSpec>, Vec<&str>) {
    let (mut tools, unknown) = named(&agent.tools);
    call_control::name_targets(&mut tools, agent);
    tools.extend(agent.own_tools.iter().map(OwnTool::spec));
    (tools, unknown)
}

/// One call of a tool. `call` is the model's id and makes it idempotent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolRequest {
    pub sid: CallSid,
    pub call: ToolCallId,
    pub name: String,
    pub arguments: Pii<String>,
    /// Whose model asks.
    #[serde(default)]
    pub agent: AgentId,
    /// Of a tool of the agent's own: what it was when the model called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Box<OwnTool>>,
}

impl ToolRequest {
    /// Whether it may be begun again when nobody knows how it ended. The built-in tools only look things up.
    pub fn is_idempotent(&self) -> bool {
        self.own.as_ref().is_none_or(|tool| tool.is_idempotent())
    }
}

/// What came of it: JSON text for the model, or an honest error.
pub type ToolOutcome = Result<Pii<String>, ToolError>;

/// Why a tool gave no answer. The model is told kind and message, so that it can tell the caller the truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{kind:?}: {message}")]
pub struct ToolError {
    pub kind: ToolErrorKind,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolErrorKind {
    UnknownTool,
    InvalidArguments,
    NotFound,
    /// What the tool depends on did not answer, or not sensibly.
    Unavailable,
    TimedOut,
    TooLarge,
    /// The breaker is open: too many calls.
    TooMany,
    Cancelled,
    Internal,
}

impl ToolError {
    pub fn new(kind: ToolErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The error as the model reads it.
    pub fn to_output(&self) -> Pii<String> {
        self.to_output_saying(None)
    }

    /// With what it is to say to the caller, unless it can put right by itself what is wrong.
    pub fn to_output_saying(&self, say: Option<&str>) -> Pii<String> {
        use ToolErrorKind::{InvalidArguments, TooMany, UnknownTool};
        let mut error = serde_json::json!({ "kind": self.kind, "message": self.message });
        if let Some(say) = say.filter(|_| !matches!(self.kind, InvalidArguments | TooMany | UnknownTool)) {
            error["say"] = say.into();
        }
        Pii::new(serde_json::json!({ "error": error }).to_string())
    }
}

/// A record of ours is not as it should be, which is nobody's fault but ours.
fn unreadable(what: &str) -> ToolError {
    ToolError::new(ToolErrorKind::Internal, format!("The record of the {what} cannot be read."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_as_it_comes_names_tools_that_exist() {
        let agent = crate::agent::Agent::default();
        let (tools, unknown) = named(&agent.tools);
        assert_eq!(unknown, Vec::<&str>::new());
        assert_eq!(tools.len(), agent.tools.len());
    }

    #[test]
    fn names_are_found_in_order_once_and_the_unknown_reported() {
        let names = ["hang_up", "order_pizza", "get_weather", "hang_up"].map(str::to_owned);
        let (tools, unknown) = named(&names);
        assert_eq!(tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["hang_up", "get_weather"]);
        assert_eq!(unknown, ["order_pizza"]);
    }

    #[test]
    fn every_schema_is_one_and_lets_no_other_field_in() {
        for tool in all() {
            jsonschema::meta::validate(&tool.parameters).unwrap();
            let schema = jsonschema::validator_for(&tool.parameters).unwrap();
            assert!(
                !schema.is_valid(&serde_json::json!({ "place": "Rome", "number": "RX-1234", "else": 1 })),
                "{}",
                tool.name
            );
        }
    }
}
