//! Tools of one's own: what an agent's owner says how to call. The definition, and all that can be wrong with one.
//!
//! A definition is data. It is judged when it is written ([`faults`]), and read again the same way when it is called, so that
//! what was never judged does not run either.

mod answer;
mod arguments;
mod http;
mod lambda;
mod run;
mod schema;
mod template;
#[cfg(test)]
mod testing;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use http::{Body, HttpTool, Method};
pub use lambda::LambdaTool;
pub use run::{Doors, Header, HttpAnswer, HttpFault, HttpRequest, Tally, ToolSecret, run, unknown_end};

use super::ToolSpec;
use super::address::Guard;
use crate::agent::Limits;
use crate::fault::Fault;

/// The handler of tools gives up after this long (`functions/src/handlers/tool_call.rs`); the heart a little later.
pub const LONGEST_TIMEOUT_MS: u64 = 15_000;
const SHORTEST_TIMEOUT_MS: u64 = 100;
/// What the model's API takes.
const LONGEST_NAME: usize = 64;
const MOST_TOOLS: usize = 64;
const LONGEST_DESCRIPTION: usize = 1_024;
const LONGEST_SAYING: usize = 500;
/// Of one definition as JSON: it travels with each of its calls.
const LARGEST_DEFINITION: usize = 16 * 1024;
/// Of all together: an agent is kept in one item of the table.
const LARGEST_DEFINITIONS: usize = 96 * 1024;

/// One tool: how the model knows it, and what is done when the model calls it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnTool {
    pub name: String,
    pub description: String,
    /// JSON Schema of the arguments.
    #[serde(default = "no_arguments")]
    pub parameters: Value,
    pub target: Target,
    /// For all attempts and redirects together.
    #[serde(default = "usual_timeout")]
    pub timeout_ms: u64,
    /// What the model is to tell the caller when it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Target {
    Http(HttpTool),
    Lambda(LambdaTool),
}

fn no_arguments() -> Value {
    json!({ "type": "object", "properties": {}, "additionalProperties": false })
}

fn usual_timeout() -> u64 {
    8_000
}

impl OwnTool {
    pub fn spec(&self) -> ToolSpec {
        let Self { name, description, parameters, .. } = self.clone();
        ToolSpec { name, description, parameters }
    }

    /// Whether doing it twice is the same as doing it once. What is not so is never begun again, even when nobody knows how
    /// it ended.
    pub fn is_idempotent(&self) -> bool {
        match &self.target {
            Target::Http(http) => http.is_idempotent(),
            Target::Lambda(lambda) => lambda.idempotent,
        }
    }

    /// The same for the same definition: so a record says which one was called without holding it.
    pub fn fingerprint(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(text)[..6].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// All that is wrong with it, wherever it is used.
    pub fn faults(&self, guard: &Guard) -> Vec<Fault> {
        let mut faults = Faults::default();
        faults.rule("name", is_name(&self.name), "must be 1 to 64 letters, digits, `_` or `-`");
        let taken = super::all().iter().any(|spec| spec.name == self.name);
        faults.rule("name", !taken, "is the name of a built-in tool");
        faults.rule(
            "description",
            !self.description.trim().is_empty(),
            "is empty: the model would not know when to call it",
        );
        let short = self.description.chars().count() <= LONGEST_DESCRIPTION;
        faults.rule("description", short, "is longer than 1024 characters");
        let timely = (SHORTEST_TIMEOUT_MS..=LONGEST_TIMEOUT_MS).contains(&self.timeout_ms);
        faults.rule("timeout_ms", timely, "must be from 100 to 15000");
        let said = self.on_failure.as_deref().unwrap_or("-");
        let sayable = !said.trim().is_empty() && said.chars().count() <= LONGEST_SAYING;
        faults.rule("on_failure", sayable, "must be 1 to 500 characters");
        let size = serde_json::to_vec(self).map_or(0, |text| text.len());
        faults.rule("", size <= LARGEST_DEFINITION, "is longer than 16 KB as JSON");
        faults.within("parameters", schema::faults(&self.parameters));
        faults.within(
            "target",
            match &self.target {
                Target::Http(http) => http.faults(&self.parameters, guard),
                Target::Lambda(lambda) => lambda.faults(),
            },
        );
        faults.0
    }
}

/// All that is wrong with an agent's own tools, each alone and together.
pub fn faults(tools: &[OwnTool], limits: &Limits, guard: &Guard) -> Vec<Fault> {
    let mut faults = Faults::default();
    faults.rule("", tools.len() <= MOST_TOOLS, "are more than 64");
    let size = serde_json::to_vec(tools).map_or(0, |text| text.len());
    faults.rule("", size <= LARGEST_DEFINITIONS, "are longer than 96 KB as JSON, all together");
    for (at, tool) in tools.iter().enumerate() {
        let mut own = Faults(tool.faults(guard));
        let repeated = tools[..at].iter().any(|earlier| earlier.name == tool.name);
        own.rule("name", !repeated, "is the name of another tool before it");
        let in_time = u128::from(tool.timeout_ms) <= limits.tool.as_millis();
        own.rule("timeout_ms", in_time, "is longer than the agent's `limits.tool`");
        faults.within(&at.to_string(), own.0);
    }
    faults.0
}

fn is_name(name: &str) -> bool {
    let fine = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(fine)
}

#[derive(Debug, Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, path: &str, message: impl Into<String>) {
        let slash = if path.is_empty() { "" } else { "/" };
        self.0.push(Fault::new(format!("{slash}{path}"), message));
    }

    fn rule(&mut self, path: &str, holds: bool, otherwise: &str) {
        if !holds {
            self.add(path, otherwise);
        }
    }

    /// The value, or its fault.
    fn take<T>(&mut self, path: &str, result: Result<T, impl Into<String>>) -> Option<T> {
        result.map_err(|fault| self.add(path, fault)).ok()
    }

    /// Of a part.
    fn within(&mut self, path: &str, faults: Vec<Fault>) {
        self.0.extend(faults.into_iter().map(|fault| fault.within(&format!("/{path}"))));
    }
}

#[cfg(test)]
mod tests;
