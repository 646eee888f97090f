//! A tool's arguments as a model sends them: JSON text that may be anything. Each fault names its field and the mend,
//! so that the model can put it right without asking the caller; none quotes what was sent, which is the caller's.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::{ToolError, ToolErrorKind};

/// The most that is read.
pub const LONGEST_ARGUMENTS: usize = 16 * 1024;

/// The arguments of one call: an object with no other fields than its tool knows.
#[derive(Debug)]
pub(super) struct Arguments(Map<String, Value>);

impl Arguments {
    pub(super) fn parse(text: &str, known: &[&str]) -> Result<Self, ToolError> {
        if text.len() > LONGEST_ARGUMENTS {
            let message =
                format!("The arguments are longer than {LONGEST_ARGUMENTS} bytes; send only what is asked for.");
            return Err(ToolError::new(ToolErrorKind::TooLarge, message));
        }
        // A model that has nothing to say to a tool may say it with nothing.
        let text = if text.trim().is_empty() { "{}" } else { text };
        let value = serde_json::from_str(text).map_err(|_| invalid("The arguments are not JSON; send one object."))?;
        let Value::Object(fields) = value else { return Err(invalid("The arguments are not an object; send one.")) };
        match fields.keys().find(|field| !known.contains(&field.as_str())) {
            None => Ok(Self(fields)),
            Some(field) => Err(invalid(format!("{} is no field of this tool; it has {}.", named(field), list(known)))),
        }
    }

    pub(super) fn required_text(&self, field: &str, longest: usize) -> Result<&str, ToolError> {
        self.text(field, longest)?.ok_or_else(|| invalid(format!("`{field}` is missing; send it as text.")))
    }

    /// Text without blanks around it; none if there is nothing else.
    pub(super) fn text(&self, field: &str, longest: usize) -> Result<Option<&str>, ToolError> {
        let text = self.present(field).map(|value| plain(field, value, longest)).transpose()?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// Several of these, or one alone.
    pub(super) fn texts(&self, field: &str, longest: usize) -> Result<Vec<&str>, ToolError> {
        let values = match self.present(field) {
            None => &[],
            Some(Value::Array(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
        };
        let texts: Vec<&str> = values.iter().map(|value| plain(field, value, longest)).collect::<Result<_, _>>()?;
        Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
    }

    /// A number within its range.
    pub(super) fn whole(&self, field: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, ToolError> {
        let Some(value) = self.present(field) else { return Ok(None) };
        let number = value.as_u64().filter(|number| range.contains(number));
        let (from, to) = range.into_inner();
        number.map(Some).ok_or_else(|| invalid(format!("`{field}` must be a whole number from {from} to {to}.")))
    }

    /// One of a few words, however it is written.
    pub(super) fn choice<'c>(&self, field: &str, choices: &[&'c str]) -> Result<Option<&'c str>, ToolError> {
        let Some(value) = self.present(field) else { return Ok(None) };
        chosen(field, value, choices).map(Some)
    }

    /// Several of them, or one alone.
    pub(super) fn choices<'c>(&self, field: &str, choices: &[&'c str]) -> Result<Vec<&'c str>, ToolError> {
        match self.present(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => values.iter().map(|value| chosen(field, value, choices)).collect(),
            Some(value) => chosen(field, value, choices).map(|choice| vec![choice]),
        }
    }

    fn present(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }
}

fn plain<'v>(field: &str, value: &'v Value, longest: usize) -> Result<&'v str, ToolError> {
    let text = value.as_str().ok_or_else(|| invalid(format!("`{field}` must be text in quotes.")))?.trim();
    if text.chars().count() > longest {
        return Err(invalid(format!("`{field}` is too long; {longest} characters are enough.")));
    }
    Ok(text)
}

fn chosen<'c>(field: &str, value: &Value, choices: &[&'c str]) -> Result<&'c str, ToolError> {
    let word = value.as_str().unwrap_or_default().trim().replace(['-', ' '], "_");
    let choice = choices.iter().find(|choice| choice.eq_ignore_ascii_case(&word));
    choice.copied().ok_or_else(|| invalid(format!("`{field}` must be one of {}.", list(choices))))
}

pub(super) fn invalid(message: impl Into<String>) -> ToolError {
    ToolError::new(ToolErrorKind::InvalidArguments, message)
}

/// A field that is not ours may be anything, even what the caller said.
fn named(field: &str) -> String {
    let plain = field.len() <= 24 && field.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    if plain { format!("`{field}`") } else { "What you sent".to_owned() }
}

fn list(words: &[&str]) -> String {
    match words {
        [] => "no fields".to_owned(),
        words => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Arguments, ToolError> {
        Arguments::parse(text, &["place", "units"])
    }

    fn message<T: std::fmt::Debug>(result: Result<T, ToolError>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.kind, ToolErrorKind::InvalidArguments);
        error.message
    }

    #[test]
    fn nothing_is_an_object_without_fields() {
        for text in ["", " ", "{}", r#"{"place":null}"#] {
            assert_eq!(parse(text).unwrap().text("place", 9).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        assert_eq!(message(parse(r#"{"place":"#)), "The arguments are not JSON; send one object.");
        assert_eq!(message(parse("[]")), "The arguments are not an object; send one.");
    }

    #[test]
    fn a_field_too_many_is_refused_and_quoted_only_if_it_is_a_name() {
        assert_eq!(message(parse(r#"{"city":1}"#)), "`city` is no field of this tool; it has `place`, `units`.");
        let message = message(parse(r#"{"I live in Rome":1}"#));
        assert_eq!(message, "What you sent is no field of this tool; it has `place`, `units`.");
    }

    #[test]
    fn a_fault_names_its_field_and_the_mend() {
        let arguments = parse(r#"{"place":7,"units":"kelvin"}"#).unwrap();
        assert_eq!(message(arguments.text("place", 9)), "`place` must be text in quotes.");
        assert_eq!(message(arguments.choice("units", &["a", "b"])), "`units` must be one of `a`, `b`.");
        let arguments = parse(r#"{"place":"  ","units":["a",7]}"#).unwrap();
        assert_eq!(message(arguments.required_text("place", 9)), "`place` is missing; send it as text.");
        assert_eq!(message(arguments.choices("units", &["a"])), "`units` must be one of `a`.");
        let arguments = parse(r#"{"place":"much too long"}"#).unwrap();
        assert_eq!(message(arguments.text("place", 4)), "`place` is too long; 4 characters are enough.");
    }

    #[test]
    fn a_choice_may_be_written_as_one_likes() {
        let arguments = parse(r#"{"place":" Gluten-Free ","units":["VEGAN","gluten free"]}"#).unwrap();
        let choices = ["vegan", "gluten_free"];
        assert_eq!(arguments.choice("place", &choices).unwrap(), Some("gluten_free"));
        assert_eq!(arguments.choices("place", &choices).unwrap(), ["gluten_free"]);
        assert_eq!(arguments.choices("units", &choices).unwrap(), choices);
    }

    #[test]
    fn endless_arguments_are_not_read() {
        let error = parse(&" ".repeat(LONGEST_ARGUMENTS + 1)).unwrap_err();
        assert_eq!(error.kind, ToolErrorKind::TooLarge);
    }
}
