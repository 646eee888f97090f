//! Schemas of what is answered and of what is sent. They differ where a field may be left out of one and not of the other.

use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

/// Where both kinds stand in the document.
const PLACE: &str = "#/components/schemas/";
/// What tells a document that is sent from one that is answered.
const SENT: &str = "Sent";

pub(super) struct Schemas {
    answered: SchemaGenerator,
    sent: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        Self { answered: generator(Contract::Serialize), sent: generator(Contract::Deserialize) }
    }

    pub(super) fn answer<T: JsonSchema>(&mut self) -> Value {
        plain(self.answered.subschema_for::<T>().into())
    }

    pub(super) fn sent<T: JsonSchema>(&mut self) -> Value {
        renamed(plain(self.sent.subschema_for::<T>().into()))
    }

    pub(super) fn finish(mut self) -> Map<String, Value> {
        let answered = self.answered.take_definitions(true);
        let sent = self.sent.take_definitions(true).into_iter();
        let sent = sent.map(|(name, schema)| (format!("{name}{SENT}"), renamed(schema)));
        answered.into_iter().chain(sent).map(|(name, schema)| (name, plain(schema))).collect()
    }
}

fn generator(contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.contract = contract;
        settings.meta_schema = None;
    });
    settings.into_generator()
}

/// Refers to what is sent.
fn renamed(schema: Value) -> Value {
    walk(schema, &|name, text| if name == "$ref" && text.starts_with(PLACE) { text + SENT } else { text })
}

/// Without the links that only rustdoc follows.
fn plain(schema: Value) -> Value {
    walk(schema, &|name, text| if name == "description" { unlinked(&text) } else { text })
}

fn walk(value: Value, change: &impl Fn(&str, String) -> String) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| {
                let value = match value {
                    Value::String(text) => change(&name, text).into(),
                    other => walk(other, change),
                };
                (name, value)
            })
            .collect(),
        Value::Array(values) => values.into_iter().map(|value| walk(value, change)).collect(),
        other => other,
    }
}

/// ``[`CallTime`](crate::time::CallTime)`` reads as `CallTime`, and lines are joined as they are read.
fn unlinked(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        plain.push_str(before);
        let Some((name, after)) = link.split_once("`]") else {
            rest = link;
            continue;
        };
        plain.push_str(name);
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    plain.push_str(rest);
    plain
}
