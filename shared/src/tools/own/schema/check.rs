//! A value against a schema without a fault.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

/// What is wrong, each with its place as a JSON Pointer; in the order of the schema's words.
pub(super) fn told(schema: &Value, value: &Value) -> Vec<String> {
    let mut told = Vec::new();
    tell(schema, value, "", &mut told);
    told
}

fn holds(schema: &Value, value: &Value) -> bool {
    told(schema, value).is_empty()
}

fn tell(schema: &Value, value: &Value, at: &str, told: &mut Vec<String>) {
    let mut say = |what: &str| told.push(if at.is_empty() { what.to_owned() } else { format!("`{at}` {what}") });
    let words = match schema {
        Value::Object(words) => words,
        Value::Bool(true) => return,
        _ => return say("must not be there"),
    };
    for (word, rule) in words {
        if let Some(fault) = fault(word, rule, value) {
            say(&fault);
        }
    }
    match value {
        Value::Object(fields) => tell_fields(words, fields, at, told),
        Value::Array(values) => {
            for (number, value) in values.iter().enumerate() {
                tell(words.get("items").unwrap_or(&Value::Bool(true)), value, &format!("{at}/{number}"), told);
            }
        }
        _ => {}
    }
    for schema in list(words.get("allOf")) {
        tell(schema, value, at, told);
    }
}

/// Of a field that the schema does not know even the name is the caller's.
fn tell_fields(words: &Map<String, Value>, fields: &Map<String, Value>, at: &str, told: &mut Vec<String>) {
    let known = words.get("properties").and_then(Value::as_object);
    for (name, value) in fields {
        match (known.and_then(|known| known.get(name)), words.get("additionalProperties")) {
            (Some(schema), _) => tell(schema, value, &format!("{at}/{name}"), told),
            (None, Some(others)) if !holds(others, value) => {
                let fault = "a field is not one of this tool's";
                told.push(if at.is_empty() { fault.to_owned() } else { format!("`{at}`: {fault}") });
            }
            (None, _) => {}
        }
    }
}

/// What one word of a schema has against a value itself.
fn fault(word: &str, rule: &Value, value: &Value) -> Option<String> {
    let broken = |what: String| Some(what);
    match (word, value) {
        ("type", _) if !is_of_type(rule, value) => broken(format!("must be {}", named(rule))),
        ("enum", _) if !list(Some(rule)).any(|one| same(one, value)) => broken(format!("must be one of {rule}")),
        ("const", _) if !same(rule, value) => broken(format!("must be {rule}")),
        ("required", Value::Object(fields)) => {
            let missing = list(Some(rule)).filter_map(Value::as_str).find(|name| !fields.contains_key(*name))?;
            broken(format!("lacks `{missing}`"))
        }
        ("minimum", Value::Number(it)) if order(it, rule) == Some(Ordering::Less) => {
            broken(format!("must be {rule} or more"))
        }
        ("maximum", Value::Number(it)) if order(it, rule) == Some(Ordering::Greater) => {
            broken(format!("must be {rule} or less"))
        }
        ("exclusiveMinimum", Value::Number(it)) if order(it, rule) != Some(Ordering::Greater) => {
            broken(format!("must be more than {rule}"))
        }
        ("exclusiveMaximum", Value::Number(it)) if order(it, rule) != Some(Ordering::Less) => {
            broken(format!("must be less than {rule}"))
        }
        ("multipleOf", Value::Number(it)) if !is_multiple(it, rule) => broken(format!("must be a multiple of {rule}")),
        ("minLength", Value::String(text)) => at_least(text.chars().count(), rule, "characters"),
        ("maxLength", Value::String(text)) => at_most(text.chars().count(), rule, "characters"),
        ("minItems", Value::Array(values)) => at_least(values.len(), rule, "entries"),
        ("maxItems", Value::Array(values)) => at_most(values.len(), rule, "entries"),
        ("minProperties", Value::Object(fields)) => at_least(fields.len(), rule, "fields"),
        ("maxProperties", Value::Object(fields)) => at_most(fields.len(), rule, "fields"),
        ("uniqueItems", Value::Array(values)) if *rule == Value::Bool(true) && repeats(values) => {
            broken("must not repeat an entry".to_owned())
        }
        ("not", _) if holds(rule, value) => broken("is just what it must not be".to_owned()),
        ("anyOf", _) if !list(Some(rule)).any(|one| holds(one, value)) => {
            broken("is nothing of what it may be".to_owned())
        }
        ("oneOf", _) if list(Some(rule)).filter(|one| holds(one, value)).count() != 1 => {
            broken("is not exactly one of what it may be".to_owned())
        }
        _ => None,
    }
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn at_least(count: usize, rule: &Value, what: &str) -> Option<String> {
    let least = rule.as_u64()?;
    ((count as u64) < least).then(|| format!("must have {least} {what} or more"))
}

fn at_most(count: usize, rule: &Value, what: &str) -> Option<String> {
    let most = rule.as_u64()?;
    (count as u64 > most).then(|| format!("must have {most} {what} or fewer"))
}

fn named(types: &Value) -> String {
    let names: Vec<&str> = types.as_str().into_iter().chain(list(Some(types)).filter_map(Value::as_str)).collect();
    names.join(" or ")
}

fn is_of_type(types: &Value, value: &Value) -> bool {
    match types {
        Value::String(name) => is_a(name, value),
        _ => list(Some(types)).filter_map(Value::as_str).any(|name| is_a(name, value)),
    }
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        // 1.0 is one, as the standard has it.
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        _ => value.is_string(),
    }
}

fn repeats(values: &[Value]) -> bool {
    values.iter().enumerate().any(|(at, value)| values[..at].iter().any(|earlier| same(earlier, value)))
}

/// As JSON Schema compares: numbers by what they are, not by how they are written.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(number), Value::Number(_)) => order(number, other) == Some(Ordering::Equal),
        (Value::Array(ones), Value::Array(others)) => {
            ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| same(one, other))
        }
        (Value::Object(ones), Value::Object(others)) => {
            let within = |(name, one)| others.get(name).is_some_and(|other| same(one, other));
            ones.len() == others.len() && ones.iter().all(within)
        }
        _ => one == other,
    }
}

fn order(number: &Number, rule: &Value) -> Option<Ordering> {
    let rule = rule.as_number()?;
    match (whole(number), whole(rule)) {
        (Some(number), Some(rule)) => Some(number.cmp(&rule)),
        _ => number.as_f64()?.partial_cmp(&rule.as_f64()?),
    }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn is_multiple(number: &Number, rule: &Value) -> bool {
    let Some(step) = rule.as_number() else { return true };
    if let (Some(number), Some(step)) = (whole(number), whole(step)) {
        return step != 0 && number % step == 0;
    }
    let (Some(number), Some(step)) = (number.as_f64(), step.as_f64()) else { return true };
    // 0.3 is three times 0.1 to everybody but a processor.
    let times = number / step;
    (times - times.round()).abs() <= 1e-9 * times.abs().max(1.0)
}
