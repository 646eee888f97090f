//! A call's arguments, and how each is written where it is wanted.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::super::validate::{LONGEST_ARGUMENTS, invalid};
use super::super::{ToolError, ToolErrorKind};
use super::schema;
use super::template::Template;

/// What the schema has let through.
pub(super) struct Arguments(Map<String, Value>);

/// Where in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
}

impl Place {
    /// All but what RFC 3986 leaves unreserved, so that an argument ends nothing and begins nothing.
    pub(super) fn escape(self, text: &str) -> String {
        let mut escaped = String::with_capacity(text.len());
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                escaped.push(char::from(byte));
            } else {
                let _infallible = write!(escaped, "%{byte:02X}");
            }
        }
        escaped
    }
}

impl Arguments {
    pub(super) fn parse(text: &str, schema: &Value) -> Result<Self, ToolError> {
        if text.len() > LONGEST_ARGUMENTS {
            let message =
                format!("The arguments are longer than {LONGEST_ARGUMENTS} bytes; send only what is asked for.");
            return Err(ToolError::new(ToolErrorKind::TooLarge, message));
        }
        // A model that has nothing to say to a tool may say it with nothing.
        let text = if text.trim().is_empty() { "{}" } else { text };
        let value = serde_json::from_str(text).map_err(|_| invalid("The arguments are not JSON; send one object."))?;
        schema::check(schema, &value)?;
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(invalid("The arguments are not an object; send one.")),
        }
    }

    pub(super) fn to_value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// What is null was not given.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// In text, what was not given is nothing, and what is not text is JSON.
    pub(super) fn text(&self, template: &Template) -> String {
        let filled = template.fill(|name| {
            Ok::<_, std::convert::Infallible>(match self.get(name) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            })
        });
        filled.unwrap_or_default()
    }

    /// One step of a path. It cannot be empty or climb, or another place than the tool's would be asked.
    pub(super) fn segment(&self, template: &Template) -> Result<String, ToolError> {
        let filled = self.fill(template, Place::Path)?;
        let climbs = matches!(filled.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
        match template.names().next() {
            Some(name) if climbs => Err(invalid(format!("`{name}` cannot be `.` or `..`."))),
            _ => Ok(filled),
        }
    }

    pub(super) fn fill(&self, template: &Template, place: Place) -> Result<String, ToolError> {
        template
            .fill(|name| match self.get(name) {
                Some(value) => Ok(place.escape(&scalar(name, value)?)),
                None if place == Place::Query => Ok(String::new()),
                None => Err(invalid(format!("`{name}` is missing."))),
            })
            .and_then(|filled| {
                let name = template.names().next();
                match name.filter(|_| place == Place::Path && filled.is_empty()) {
                    Some(name) => Err(invalid(format!("`{name}` is empty."))),
                    None => Ok(filled),
                }
            })
    }

    /// The values of one name in a query: none for a sole argument that was not given, several for a list.
    pub(super) fn query_values(&self, template: &Template) -> Result<Vec<String>, ToolError> {
        let Some(name) = template.sole() else { return Ok(vec![self.fill(template, Place::Query)?]) };
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => {
                values.iter().map(|value| Ok(Place::Query.escape(&scalar(name, value)?))).collect()
            }
            Some(value) => Ok(vec![Place::Query.escape(&scalar(name, value)?)]),
        }
    }
}

fn scalar(name: &str, value: &Value) -> Result<String, ToolError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        Value::Null => Ok(String::new()),
        Value::Array(_) | Value::Object(_) => {
            Err(invalid(format!("`{name}` must be text, a number or true or false.")))
        }
    }
}
