//! Items and records: a record's JSON, attribute by attribute, so that an item can be read in any DynamoDB console
//! and a condition can look into it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};
use shared::ports::{PortError, PortResult};

pub(super) type Item = HashMap<String, AttributeValue>;

/// The attributes of a record that serialises as an object.
pub(super) fn attributes<T: Serialize>(record: &T) -> PortResult<Item> {
    match serde_json::to_value(record) {
        Ok(Value::Object(fields)) => Ok(fields.into_iter().map(|(name, value)| (name, attribute(value))).collect()),
        Ok(_) => Err(PortError::Corrupt("not a record".to_owned())),
        Err(error) => Err(PortError::Corrupt(describe(&error))),
    }
}

/// One value of a record, as an attribute.
pub(super) fn value<T: Serialize>(part: &T) -> PortResult<AttributeValue> {
    serde_json::to_value(part).map(attribute).map_err(|error| PortError::Corrupt(describe(&error)))
}

/// The record in an item; keys and other attributes that it does not know are passed over.
pub(super) fn record<T: DeserializeOwned>(item: Item) -> PortResult<T> {
    let fields: Map<String, Value> = item.into_iter().map(|(name, value)| (name, json(value))).collect();
    parse(Value::Object(fields))
}

/// One value of an item.
pub(super) fn part<T: DeserializeOwned>(value: AttributeValue) -> PortResult<T> {
    parse(json(value))
}

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A whole number among an item's attributes.
pub(super) fn whole(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

pub(super) fn sort_key(item: &Item) -> &str {
    item.get("sk").and_then(|key| key.as_s().ok()).map_or("", String::as_str)
}

fn parse<T: DeserializeOwned>(value: Value) -> PortResult<T> {
    T::deserialize(value).map_err(|error| PortError::Corrupt(describe(&error)))
}

/// Where it went wrong. Serde's own message would quote the value, which may be about a person.
fn describe(error: &serde_json::Error) -> String {
    format!("{:?} fault in a stored record", error.classify())
}

fn attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(attribute).collect()),
        Value::Object(fields) => {
            AttributeValue::M(fields.into_iter().map(|(name, value)| (name, attribute(value))).collect())
        }
    }
}

fn json(value: AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(flag) => Value::Bool(flag),
        AttributeValue::N(digits) => digits.parse::<Number>().map_or(Value::Null, Value::Number),
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::L(values) => Value::Array(values.into_iter().map(json).collect()),
        AttributeValue::M(fields) => fields.into_iter().map(|(name, value)| (name, json(value))).collect(),
        // Null, and the types that we never write: sets and binary.
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use shared::agent::Agent;

    use super::*;

    #[test]
    fn a_record_comes_back_as_it_went_in() {
        let agent = Agent::default();
        let mut item = attributes(&agent).unwrap();
        item.insert("pk".to_owned(), text("AGENT#default"));
        assert!(matches!(item["limits"], AttributeValue::M(_)));
        // An agent refuses unknown fields, as most records do not.
        item.remove("pk");
        assert_eq!(record::<Agent>(item).unwrap(), agent);
    }

    #[test]
    fn numbers_keep_every_digit() {
        let big = value(&u64::MAX).unwrap();
        assert_eq!(big, AttributeValue::N("18446744073709551615".to_owned()));
        assert_eq!(part::<u64>(big).unwrap(), u64::MAX);
        assert_eq!(part::<f32>(value(&0.8_f32).unwrap()).unwrap(), 0.8);
        assert_eq!(part::<f32>(number(1)).unwrap(), 1.0);
    }

    #[test]
    fn a_fault_is_told_without_the_value() {
        let error = part::<u64>(text("+15551234567")).unwrap_err();
        assert!(!error.to_string().contains("1555"), "{error}");
    }
}
