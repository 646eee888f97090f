//! The schema of a tool's arguments: whether it is one, and whether arguments obey it.
//!
//! Of JSON Schema (2020-12) the part that models are told in, by a validator of our own: decision 15. What it does not know it
//! refuses when the definition is written, so that nothing is passed over in silence; what it knows it judges as the
//! standard says, which the tests ask a whole validator about.

mod check;

use serde_json::{Map, Value};

use super::super::validate::invalid;
use super::super::{ToolError, ToolErrorKind};
use super::Faults;
use crate::fault::{Fault, segment};

/// Told at once; a model that mends these may ask again.
const MOST_FAULTS: usize = 4;
const DEEPEST: usize = 16;

/// Words that describe, and judge nothing. A `format` is one of them, as the standard has it.
const DESCRIBES: [&str; 9] =
    ["$comment", "$schema", "default", "deprecated", "description", "examples", "format", "readOnly", "title"];
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

pub(super) fn faults(schema: &Value) -> Vec<Fault> {
    let mut faults = Faults::default();
    let is_object = schema.get("type").and_then(Value::as_str) == Some("object");
    faults.rule("", is_object, "must be a schema whose `type` is `object`");
    judge(schema, "", 0, &mut faults);
    faults.0
}

/// Whether the arguments are what the schema asks for. No fault quotes what was sent, which is the caller's.
pub(super) fn check(schema: &Value, arguments: &Value) -> Result<(), ToolError> {
    if !faults(schema).is_empty() {
        return Err(ToolError::new(ToolErrorKind::Internal, "The tool's schema is none."));
    }
    let mut told = check::told(schema, arguments);
    if told.is_empty() {
        return Ok(());
    }
    told.truncate(MOST_FAULTS);
    Err(invalid(format!("The arguments are not as they should be: {}.", told.join("; "))))
}

fn judge(schema: &Value, at: &str, depth: usize, faults: &mut Faults) {
    if depth > DEEPEST {
        return faults.add(at, "is nested more than 16 deep");
    }
    match schema {
        Value::Bool(_) => {}
        Value::Object(words) => {
            for (word, value) in words {
                let at = if at.is_empty() { word.clone() } else { format!("{at}/{}", segment(word)) };
                judge_word(word, value, &at, depth, faults);
            }
        }
        _ => faults.add(at, "is no schema: it must be an object, or true or false"),
    }
}

fn judge_word(word: &str, value: &Value, at: &str, depth: usize, faults: &mut Faults) {
    let fine = match word {
        "type" => value.as_str().map_or_else(|| is_list(value, is_type), |name| TYPES.contains(&name)),
        "enum" => value.as_array().is_some_and(|values| !values.is_empty()),
        "const" => true,
        "required" => value.as_array().is_some_and(|names| names.iter().all(Value::is_string)),
        "uniqueItems" => value.is_boolean(),
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => value.is_number(),
        "multipleOf" => value.as_f64().is_some_and(|step| step > 0.0),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => value.is_u64(),
        "properties" => return judge_properties(value.as_object(), at, depth, faults),
        "items" | "additionalProperties" | "not" => return judge(value, at, depth + 1, faults),
        "allOf" | "anyOf" | "oneOf" => return judge_list(value.as_array(), at, depth, faults),
        described if DESCRIBES.contains(&described) => true,
        _ => return faults.add(at, "is no word of a schema that is judged here: describe it in `description`"),
    };
    faults.rule(at, fine, "is not what a schema has there");
}

fn judge_properties(properties: Option<&Map<String, Value>>, at: &str, depth: usize, faults: &mut Faults) {
    let Some(properties) = properties else { return faults.add(at, "must be an object of schemas") };
    for (name, schema) in properties {
        judge(schema, &format!("{at}/{}", segment(name)), depth + 1, faults);
    }
}

fn judge_list(schemas: Option<&Vec<Value>>, at: &str, depth: usize, faults: &mut Faults) {
    let Some(schemas) = schemas.filter(|schemas| !schemas.is_empty()) else {
        return faults.add(at, "must be a list of schemas");
    };
    for (number, schema) in schemas.iter().enumerate() {
        judge(schema, &format!("{at}/{number}"), depth + 1, faults);
    }
}

fn is_type(name: &Value) -> bool {
    name.as_str().is_some_and(|name| TYPES.contains(&name))
}

fn is_list(value: &Value, of: fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|values| !values.is_empty() && values.iter().all(of))
}

#[cfg(test)]
mod tests;
