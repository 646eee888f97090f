//! What a service answered, as the model gets it: JSON or plain text, the part that was asked for, without our keys.

use serde_json::{Value, json};

use super::http::HttpTool;
use super::run::{Failure, HttpAnswer};
use crate::redact::Secret;
use crate::tools::ToolErrorKind::{InvalidArguments, NotFound, TooLarge, Unavailable};

pub(super) fn read(tool: &HttpTool, answer: &HttpAnswer) -> Result<Value, Failure> {
    if let Some(failure) = of_status(answer.status) {
        return Err(failure);
    }
    if answer.body.len() > tool.largest_answer {
        return Err(too_large());
    }
    if answer.content_encoding.as_deref().is_some_and(|coding| !coding.trim().eq_ignore_ascii_case("identity")) {
        return Err(Failure::new(
            Unavailable,
            "compressed",
            "The service's answer is compressed, which was not asked for.",
        ));
    }
    if answer.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(json!({ "status": answer.status }));
    }
    match kind(answer.content_type.as_deref()) {
        Kind::Json => pointed(tool, parse(&answer.body)?),
        Kind::Text => text(&answer.body),
        Kind::Html => Err(Failure::new(Unavailable, "html", "The service answered with a web page, not with data.")),
        Kind::Other => {
            Err(Failure::new(Unavailable, "content_type", "The service's answer is neither JSON nor plain text."))
        }
    }
}

/// Longer than what is read; the driver says so before it has read it all.
pub(super) fn too_large() -> Failure {
    Failure::new(TooLarge, "answer_too_large", "The service's answer is too long. Ask for less.")
}

fn of_status(status: u16) -> Option<Failure> {
    let (kind, message) = match status {
        200..=299 => return None,
        400 | 422 => (InvalidArguments, "The service does not take these arguments"),
        401 | 403 | 407 => (Unavailable, "The service does not let us in"),
        404 | 410 => (NotFound, "The service knows nothing of this"),
        409 | 412 => (Unavailable, "The service refuses this as it stands"),
        408 | 425 | 429 => (Unavailable, "The service asks for patience"),
        300..=399 => (Unavailable, "The service sends us elsewhere and does not say where"),
        _ => (Unavailable, "The service is out of order"),
    };
    Some(Failure::new(kind, format!("http_{status}"), format!("{message} ({status}).")))
}

/// Whether the same may work in a moment.
pub(super) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

enum Kind {
    Json,
    Text,
    Html,
    Other,
}

/// Without a word from the service it is taken for JSON, and must be some.
fn kind(content_type: Option<&str>) -> Kind {
    let whole = content_type.unwrap_or("application/json").to_ascii_lowercase();
    let (essence, parameters) = whole.split_once(';').unwrap_or((&whole, ""));
    let charset = parameters.split(';').find_map(|it| it.trim().strip_prefix("charset="));
    let readable = charset.is_none_or(|set| matches!(set.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"));
    match essence.trim() {
        "application/json" | "text/json" => Kind::Json,
        json if json.starts_with("application/") && json.ends_with("+json") => Kind::Json,
        "text/plain" | "text/csv" | "text/markdown" if readable => Kind::Text,
        "text/html" | "application/xhtml+xml" => Kind::Html,
        _ => Kind::Other,
    }
}

fn parse(body: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(body)
        .map_err(|_| Failure::new(Unavailable, "not_json", "The service's answer is said to be JSON and is not."))
}

fn text(body: &[u8]) -> Result<Value, Failure> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Failure::new(Unavailable, "not_text", "The service's answer is said to be text and is not."))?;
    Ok(json!({ "text": text }))
}

fn pointed(tool: &HttpTool, mut value: Value) -> Result<Value, Failure> {
    let part = value.pointer_mut(&tool.pointer).map(Value::take);
    part.ok_or_else(|| {
        Failure::new(NotFound, "nothing_there", "The service's answer has nothing of what was asked for.")
    })
}

/// Secrets that were sent, to be taken out of what comes back.
#[derive(Debug, Default)]
pub(super) struct Redactor(pub(super) Vec<Secret>);

const HIDDEN: &str = "‹secret›";

impl Redactor {
    pub(super) fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Number(number) => {
                let text = number.to_string();
                if self.is_in(&text) { Value::String(self.text(text)) } else { Value::Number(number) }
            }
            Value::Array(values) => values.into_iter().map(|value| self.value(value)).collect(),
            Value::Object(fields) => {
                Value::Object(fields.into_iter().map(|(name, value)| (self.text(name), self.value(value))).collect())
            }
            other => other,
        }
    }

    fn is_in(&self, text: &str) -> bool {
        self.0.iter().any(|secret| text.contains(secret.reveal()))
    }

    fn text(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| {
            if text.contains(secret.reveal()) { text.replace(secret.reveal(), HIDDEN) } else { text }
        })
    }
}
