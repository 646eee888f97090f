//! Agents as people write them, in JSON or YAML: what is left out is as in the agent that everybody has to begin with.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::Agent;
use crate::fault::Fault;
use crate::tools::address::Guard;

/// Faults of shape that are looked for; whoever has more mends these first.
const MOST_FAULTS: usize = 50;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document is no {format}: {cause}")]
pub struct NotADocument {
    format: &'static str,
    cause: String,
}

pub fn of_json(text: &str) -> Result<Value, NotADocument> {
    serde_json::from_str(text).map_err(|error| NotADocument { format: "JSON", cause: error.to_string() })
}

/// One document, which the reader holds to a budget: no alias makes much out of little.
pub fn of_yaml(text: &str) -> Result<Value, NotADocument> {
    let cause = |error: serde_saphyr::Error| error.to_string().lines().next().unwrap_or_default().to_owned();
    serde_saphyr::from_str(text).map_err(|error| NotADocument { format: "YAML", cause: cause(error) })
}

pub fn to_yaml(agent: &Agent) -> Result<String, NotADocument> {
    serde_saphyr::to_string(agent).map_err(|error| NotADocument { format: "YAML", cause: error.to_string() })
}

/// The agent in a document, or everything that is wrong with it.
pub fn read(document: Value, guard: &Guard) -> Result<Agent, Vec<Fault>> {
    if !document.is_object() {
        return Err(vec![Fault::new("", "an agent is an object with fields")]);
    }
    let Shape { agent, mut faults, gone } = read_shape(document);
    let sense = agent.faults(guard).into_iter().map(|Fault { pointer, detail }| {
        let path: Vec<String> = pointer.split('/').skip(1).map(str::to_owned).collect();
        Fault::new(gone.pointer(&path), detail)
    });
    // What could not be read stands at its default, of which nobody needs to be told.
    let told: Vec<String> = faults.iter().map(|fault| fault.pointer.clone()).collect();
    let is_told = |pointer: &str| told.iter().any(|told| is_within(pointer, told) || is_within(told, pointer));
    faults.extend(sense.filter(|fault| !is_told(&fault.pointer)));
    if faults.is_empty() { Ok(agent) } else { Err(faults) }
}

fn is_within(pointer: &str, outer: &str) -> bool {
    pointer.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What there is of an agent in a document.
struct Shape {
    agent: Agent,
    faults: Vec<Fault>,
    gone: Gone,
}

/// A reader stops at the first fault. So what it stumbled over is noted and taken out, and it reads again.
fn read_shape(mut document: Value) -> Shape {
    let (mut faults, mut gone) = (Vec::<Fault>::new(), Gone::default());
    for _ in 0..MOST_FAULTS {
        let error = match serde_path_to_error::deserialize::<_, Agent>(&document) {
            Ok(agent) => return Shape { agent, faults, gone },
            Err(error) => error,
        };
        let path = keys(error.path());
        let fault = Fault::new(gone.pointer(&path), error.inner().to_string());
        // What is missing now was taken out before.
        if !faults.iter().any(|told| is_within(&told.pointer, &fault.pointer)) {
            faults.push(fault);
        }
        if path.is_empty() || !gone.take(&mut document, &path) {
            break;
        }
    }
    Shape { agent: Agent::default(), faults, gone }
}

fn keys(path: &Path) -> Vec<String> {
    let key = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    };
    path.iter().map_while(key).collect()
}

/// What was taken out of lists: the place of what stands behind it has changed.
#[derive(Default)]
struct Gone(BTreeMap<String, Vec<usize>>);

impl Gone {
    /// Where it was in the document as it came.
    fn pointer(&self, path: &[String]) -> String {
        path.iter().fold(String::new(), |pointer, key| {
            let key = match (self.0.get(&pointer), key.parse::<usize>()) {
                (Some(gone), Ok(index)) => before(gone, index).to_string(),
                _ => key.replace('~', "~0").replace('/', "~1"),
            };
            format!("{pointer}/{key}")
        })
    }

    /// Takes out what is there, or if nothing is (a name that the reader made up), what it is part of.
    fn take(&mut self, document: &mut Value, path: &[String]) -> bool {
        let Some((last, parents)) = path.split_last() else { return false };
        let within = parents.iter().try_fold(&mut *document, |value, key| match value {
            Value::Object(fields) => fields.get_mut(key),
            Value::Array(values) => values.get_mut(key.parse::<usize>().ok()?),
            _ => None,
        });
        let taken = match within {
            Some(Value::Object(fields)) => fields.remove(last).is_some(),
            Some(Value::Array(values)) => match last.parse().ok().filter(|index| *index < values.len()) {
                Some(index) => {
                    values.remove(index);
                    let parent = self.pointer(parents);
                    let gone = self.0.entry(parent).or_default();
                    let place = before(gone, index);
                    gone.push(place);
                    gone.sort_unstable();
                    true
                }
                None => false,
            },
            _ => false,
        };
        taken || self.take(document, parents)
    }
}

/// The place of something in a list before these were taken out of it.
fn before(gone: &[usize], index: usize) -> usize {
    gone.iter().fold(index, |place, gone| if *gone <= place { place + 1 } else { place })
}

#[cfg(test)]
mod tests;
