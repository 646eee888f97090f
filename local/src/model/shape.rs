//! Shapes of JSON and how a value fails them: as strict as the real API, and as particular about what is wrong.

use serde_json::Value;

/// What a value must look like.
#[derive(Debug)]
pub(super) enum Shape {
    Text,
    Integer,
    /// Within these bounds.
    Number(f64, f64),
    Flag,
    Anything,
    Word(&'static [&'static str]),
    List(&'static Shape),
    /// An object whose names are free.
    Map(&'static Shape),
    Object(&'static [Field]),
    /// An object whose shape depends on the word in one of its fields.
    Tagged(&'static str, &'static [(&'static str, &'static Shape)]),
    /// The first that is of the value's JSON type.
    Either(&'static [Shape]),
}

#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    shape: Shape,
    required: bool,
}

pub(super) const fn optional(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: false }
}

pub(super) const fn required(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: true }
}

/// Why a value is refused, in the words of the real API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) param: Option<String>,
}

impl Shape {
    pub(super) fn check(&self, value: &Value, path: &str) -> Result<(), Refusal> {
        match self {
            Self::List(inner) => {
                let list = value.as_array().ok_or_else(|| self.wrong_type(value, path))?;
                list.iter().enumerate().try_for_each(|(index, item)| inner.check(item, &format!("{path}[{index}]")))
            }
            Self::Map(inner) => {
                let map = value.as_object().ok_or_else(|| self.wrong_type(value, path))?;
                map.iter().try_for_each(|(name, item)| inner.check(item, &join(path, name)))
            }
            Self::Object(fields) => self.check_object(fields, value, path),
            Self::Tagged(tag, shapes) => self.check_tagged(tag, shapes, value, path),
            Self::Either(shapes) => {
                let shape = shapes.iter().find(|shape| shape.is_type_of(value));
                shape.ok_or_else(|| self.wrong_type(value, path))?.check(value, path)
            }
            _ if !self.is_type_of(value) => Err(self.wrong_type(value, path)),
            Self::Word(words) if !words.iter().any(|word| value == word) => Err(wrong_word(value, words, path)),
            Self::Number(low, high) if !value.as_f64().is_some_and(|number| (*low..=*high).contains(&number)) => {
                Err(invalid(path, format!("Invalid value: {value}. Expected a number between {low} and {high}.")))
            }
            _ => Ok(()),
        }
    }

    fn check_object(&self, fields: &[Field], value: &Value, path: &str) -> Result<(), Refusal> {
        let object = value.as_object().ok_or_else(|| self.wrong_type(value, path))?;
        if let Some(name) = object.keys().find(|name| !fields.iter().any(|field| field.name == *name)) {
            return Err(unknown(&join(path, name)));
        }
        fields.iter().try_for_each(|field| match object.get(field.name) {
            None if field.required => Err(missing(&join(path, field.name))),
            Some(Value::Null) if !field.required => Ok(()),
            None => Ok(()),
            Some(item) => field.shape.check(item, &join(path, field.name)),
        })
    }

    fn check_tagged(
        &self,
        tag: &str,
        shapes: &[(&'static str, &'static Self)],
        value: &Value,
        path: &str,
    ) -> Result<(), Refusal> {
        let object = value.as_object().ok_or_else(|| self.wrong_type(value, path))?;
        let path_of_tag = join(path, tag);
        let word = object.get(tag).ok_or_else(|| missing(&path_of_tag))?;
        let shape = shapes.iter().find(|(name, _)| word == name).map(|(_, shape)| shape);
        let names = || shapes.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        shape.ok_or_else(|| wrong_word(word, &names(), &path_of_tag))?.check(value, path)
    }

    fn is_type_of(&self, value: &Value) -> bool {
        match self {
            Self::Text | Self::Word(_) => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number(..) => value.is_number(),
            Self::Flag => value.is_boolean(),
            Self::Anything => true,
            Self::List(_) => value.is_array(),
            Self::Map(_) | Self::Object(_) | Self::Tagged(..) => value.is_object(),
            Self::Either(shapes) => shapes.iter().any(|shape| shape.is_type_of(value)),
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Text | Self::Word(_) => "a string",
            Self::Integer => "an integer",
            Self::Number(..) => "a decimal",
            Self::Flag => "a boolean",
            Self::List(_) => "an array",
            Self::Map(_) | Self::Object(_) | Self::Tagged(..) => "an object",
            Self::Either(_) => "one of several types",
            Self::Anything => "anything",
        }
    }

    fn wrong_type(&self, value: &Value, path: &str) -> Refusal {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        let expected = self.type_name();
        let message = format!("Invalid type for '{path}': expected {expected}, but got {found} instead.");
        Refusal { code: "invalid_type", message, param: Some(path.to_owned()) }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn unknown(path: &str) -> Refusal {
    let message = format!("Unknown parameter: '{path}'.");
    Refusal { code: "unknown_parameter", message, param: Some(path.to_owned()) }
}

fn missing(path: &str) -> Refusal {
    let message = format!("Missing required parameter: '{path}'.");
    Refusal { code: "missing_required_parameter", message, param: Some(path.to_owned()) }
}

fn invalid(path: &str, message: String) -> Refusal {
    Refusal { code: "invalid_value", message, param: Some(path.to_owned()) }
}

fn wrong_word(value: &Value, words: &[&str], path: &str) -> Refusal {
    let supported = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
    let found = value.as_str().map_or_else(|| value.to_string(), |word| format!("'{word}'"));
    invalid(path, format!("Invalid value: {found}. Supported values are: {supported}."))
}
