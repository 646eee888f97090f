//! What people send to be kept: JSON or YAML, not endless; and which version they saw when they wrote it.

use http::{StatusCode, header};
use serde_json::Value;
use shared::agent::{Agent, LARGEST, Saved, document};

use super::super::http::{Request, Response};

/// An agent's own limit, and room for comments and indentation.
const LONGEST_DOCUMENT: usize = 2 * LARGEST;

const YAML: [&str; 3] = ["application/yaml", "application/x-yaml", "text/yaml"];

/// What is answered instead of doing what was asked.
pub(super) type Refusal = Box<Response>;

/// The body, whatever it is written in; or what is to be answered instead.
pub(super) fn read(request: &Request) -> Result<Value, Refusal> {
    if request.body.len() > LONGEST_DOCUMENT {
        return Err(Response::problem(StatusCode::PAYLOAD_TOO_LARGE, "a document has at most 128 KB").into());
    }
    let bad = |why: &str| Refusal::from(Response::problem(StatusCode::BAD_REQUEST, why));
    let text = std::str::from_utf8(&request.body).map_err(|_| bad("the document is not UTF-8"))?;
    let document = match kind(request.header(header::CONTENT_TYPE.as_str())) {
        Some(Kind::Json) => document::of_json(text),
        Some(Kind::Yaml) => document::of_yaml(text),
        None => {
            let why = "a document is application/json or application/yaml";
            return Err(Response::problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into());
        }
    };
    document.map_err(|error| bad(&error.to_string()))
}

enum Kind {
    Json,
    Yaml,
}

fn kind(content_type: Option<&str>) -> Option<Kind> {
    let essence = content_type.unwrap_or("application/json").split(';').next().unwrap_or_default().trim();
    let is = |name: &&str| essence.eq_ignore_ascii_case(name);
    match () {
        () if is(&"application/json") => Some(Kind::Json),
        () if YAML.iter().any(is) => Some(Kind::Yaml),
        () => None,
    }
}

/// The agent as it was asked for, with its version as its tag.
pub(super) fn agent(request: &Request, saved: &Saved) -> Response {
    let wanted = request.header(header::ACCEPT.as_str()).unwrap_or_default();
    let answer = if YAML.iter().any(|kind| wanted.contains(kind)) {
        // An export is a beginning, not a version of something.
        match document::to_yaml(&Agent { version: 0, ..saved.agent.clone() }) {
            Ok(yaml) => Response::yaml(yaml),
            Err(_) => Response::problem(StatusCode::INTERNAL_SERVER_ERROR, "the agent could not be written"),
        }
    } else {
        Response::json(&saved.agent)
    };
    answer.header(header::ETAG, &tag(saved.agent.version)).header(header::VARY, "Accept")
}

pub(super) fn tag(version: u32) -> String {
    format!("\"{version}\"")
}

/// Whether the writer saw what is there now: `Err` is what they are answered if they did not, or do not say.
pub(super) fn precondition(request: &Request, current: Option<u32>) -> Result<(), Refusal> {
    let failed = |why: &str| Err(Refusal::from(Response::problem(StatusCode::PRECONDITION_FAILED, why)));
    if request.header(header::IF_NONE_MATCH.as_str()).is_some_and(|tags| tags.trim() == "*") && current.is_some() {
        return failed("there is one already");
    }
    match (request.header(header::IF_MATCH.as_str()), current) {
        (None, None) => Ok(()),
        (None, Some(_)) => {
            let why = "say by If-Match which version this replaces: the ETag of the one that you saw, or *";
            Err(Response::problem(StatusCode::PRECONDITION_REQUIRED, why).into())
        }
        (Some(_), None) => failed("there is none any more"),
        (Some(tags), Some(current)) => {
            let matches = tags.split(',').map(str::trim).any(|given| given == "*" || given == tag(current));
            if matches { Ok(()) } else { failed("somebody else has changed it since; look at it again") }
        }
    }
}
