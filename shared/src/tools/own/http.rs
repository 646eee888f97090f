//! A tool that is an HTTP request: its definition, and the request that it makes of a call's arguments.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::super::address::Guard;
use super::super::{ToolError, ToolErrorKind};
use super::Faults;
use super::arguments::{Arguments, Place};
use super::template::{HeaderValue, Template};
use crate::fault::{Fault, segment};
use crate::redact::Pii;

/// Of an answer's body.
pub(super) const USUAL_ANSWER: usize = 64 * 1024;
pub(super) const LARGEST_ANSWER: usize = 1024 * 1024;
const LONGEST_URL: usize = 8 * 1024;
const MOST_RETRIES: u8 = 3;
const MOST_HEADERS: usize = 32;

/// How to ask a web service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpTool {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// With `{argument}` in its path and its query.
    pub url: String,
    /// More of the query, each value with `{argument}`s. One that consists of a sole argument is left out without it, and
    /// repeated for a list.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, String>,
    /// Values with `{{secret:NAME}}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Body::is_none")]
    pub body: Body,
    /// Further attempts when the service cannot be reached, is busy or broken. For methods that may be repeated.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u8,
    /// Bytes of an answer that are read.
    #[serde(default = "usual_answer", skip_serializing_if = "is_usual_answer")]
    pub largest_answer: usize,
    /// JSON Pointer to what the model gets of a JSON answer. Without it: all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pointer: String,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    #[default]
    None,
    /// The arguments, as JSON.
    Arguments,
    /// JSON whose texts have `{argument}`s. A text that consists of one argument becomes it, of whatever type it is.
    Template(Value),
}

impl Body {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(retries: &u8) -> bool {
    *retries == 0
}

fn usual_answer() -> usize {
    USUAL_ANSWER
}

fn is_usual_answer(bytes: &usize) -> bool {
    *bytes == USUAL_ANSWER
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    fn find(name: &str) -> Option<Self> {
        [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete].into_iter().find(|method| method.as_str() == name)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// RFC 9110, section 9.2.2.
    fn is_idempotent(self) -> bool {
        matches!(self, Self::Get | Self::Put | Self::Delete)
    }
}

impl HttpTool {
    pub(super) fn is_idempotent(&self) -> bool {
        Method::find(&self.method).is_some_and(Method::is_idempotent)
    }

    pub(super) fn faults(&self, schema: &Value, guard: &Guard) -> Vec<Fault> {
        let mut faults = Faults::default();
        self.read(schema, guard, &mut faults);
        faults.0
    }

    /// `None` if there is any fault.
    pub(super) fn prepare(&self, schema: &Value, guard: &Guard) -> Option<Prepared> {
        let mut faults = Faults::default();
        let prepared = self.read(schema, guard, &mut faults);
        prepared.filter(|_| faults.0.is_empty())
    }

    fn read(&self, schema: &Value, guard: &Guard, faults: &mut Faults) -> Option<Prepared> {
        let known = |name: &str| schema.pointer("/properties").is_some_and(|all| all.get(name).is_some());
        let method = faults.take("method", Method::find(&self.method).ok_or("must be GET, POST, PUT, PATCH or DELETE"));
        let target = faults.take("url", UrlTemplate::parse(&self.url, guard));
        let query = self.read_query(faults);
        let headers = self.read_headers(faults);
        self.read_limits(method, faults);
        let body = self.read_body(method, faults);
        if let Some(target) = &target {
            unknown("url", target.names(), &known, faults);
            let secrets = headers.iter().any(|(_, value)| value.secrets().next().is_some());
            let safe = !secrets || target.base.scheme() == "https" || guard.trusts(&target.base);
            faults.rule("url", safe, "must begin with https: secrets are sent there");
        }
        for (name, value) in &query {
            unknown(&format!("query/{}", segment(name)), value.names(), &known, faults);
        }
        if let Some(BodyTemplate::Parts(parts)) = &body {
            unknown("body", parts.names().into_iter(), &known, faults);
        }
        Some(Prepared { method: method?, target: target?, query, headers, body: body? })
    }

    fn read_query(&self, faults: &mut Faults) -> Vec<(String, Template)> {
        let read = |(name, value): (&String, &String)| {
            let value = faults.take(&format!("query/{}", segment(name)), Template::parse(value))?;
            Some((name.clone(), value))
        };
        self.query.iter().filter_map(read).collect()
    }

    fn read_headers(&self, faults: &mut Faults) -> Vec<(String, HeaderValue)> {
        faults.rule("headers", self.headers.len() <= MOST_HEADERS, "are more than 32");
        let mut read = Vec::new();
        for (name, value) in &self.headers {
            let path = format!("headers/{}", segment(name));
            let lower = name.to_ascii_lowercase();
            faults.rule(&path, is_token(name), "is no name of a header");
            faults.rule(&path, !is_ours(&lower), "is set by the bridge");
            let twice = read.iter().any(|(earlier, _)| *earlier == lower);
            faults.rule(&path, !twice, "is there twice");
            if let Some(value) = faults.take(&path, HeaderValue::parse(value)) {
                let hidden = !is_credential(&lower) || value.secrets().next().is_some();
                faults.rule(&path, hidden, "holds a key in the clear: write `{{secret:NAME}}` and keep it as a secret");
                read.push((lower, value));
            }
        }
        read
    }

    fn read_limits(&self, method: Option<Method>, faults: &mut Faults) {
        faults.rule("retries", self.retries <= MOST_RETRIES, "must be at most 3");
        let repeatable = self.retries == 0 || method.is_none_or(Method::is_idempotent);
        faults.rule("retries", repeatable, "are for GET, PUT and DELETE: another request must not be sent twice");
        let fine = (1..=LARGEST_ANSWER).contains(&self.largest_answer);
        faults.rule("largest_answer", fine, "must be from 1 to 1048576 bytes");
        let pointer = self.pointer.is_empty() || self.pointer.starts_with('/');
        faults.rule("pointer", pointer, "must be a JSON Pointer, as in `/data/0/name`");
    }

    fn read_body(&self, method: Option<Method>, faults: &mut Faults) -> Option<BodyTemplate> {
        let bodiless = matches!(method, Some(Method::Get | Method::Delete));
        faults.rule("body", self.body.is_none() || !bodiless, "cannot be sent with GET or DELETE");
        match &self.body {
            Body::None => Some(BodyTemplate::None),
            Body::Arguments => Some(BodyTemplate::Arguments),
            Body::Template(value) => faults.take("body", Part::parse(value)).map(BodyTemplate::Parts),
        }
    }
}

fn unknown<'a>(path: &str, names: impl Iterator<Item = &'a str>, known: &impl Fn(&str) -> bool, faults: &mut Faults) {
    for name in names.filter(|name| !known(name)) {
        faults.add(path, format!("uses `{{{name}}}`, which is no property of `parameters`"));
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    let fine = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    (1..=64).contains(&name.len()) && name.chars().all(fine)
}

/// What says how a message is cut up and whom it is for, and what makes a call known again.
fn is_ours(name: &str) -> bool {
    const OURS: [&str; 12] = [
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "idempotency-key",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
    ];
    OURS.contains(&name) || name.starts_with("proxy-") || name.starts_with("transfer-")
}

/// Headers that hold keys, and nothing else.
fn is_credential(name: &str) -> bool {
    ["authorization", "cookie", "x-api-key", "api-key", "apikey", "x-auth-token", "x-access-token"].contains(&name)
}

/// A definition without a fault, ready for arguments.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) method: Method,
    target: UrlTemplate,
    query: Vec<(String, Template)>,
    pub(super) headers: Vec<(String, HeaderValue)>,
    body: BodyTemplate,
}

impl Prepared {
    pub(super) fn origin(&self) -> &Url {
        &self.target.base
    }

    pub(super) fn url(&self, arguments: &Arguments) -> Result<Pii<Url>, ToolError> {
        let mut text = self.target.fill(arguments)?;
        for (name, value) in &self.query {
            for value in arguments.query_values(value)? {
                text.push(if text.contains('?') { '&' } else { '?' });
                text.push_str(&Place::Query.escape(name));
                text.push('=');
                text.push_str(&value);
            }
        }
        if text.len() > LONGEST_URL {
            return Err(ToolError::new(
                ToolErrorKind::TooLarge,
                "The arguments are too long for this tool; shorten them.",
            ));
        }
        let url = Url::parse(&text).ok().filter(|url| url.origin() == self.target.base.origin());
        url.map(Pii::new)
            .ok_or_else(|| ToolError::new(ToolErrorKind::Internal, "The tool's address cannot be written."))
    }

    pub(super) fn body(&self, arguments: &Arguments) -> Option<Pii<String>> {
        let body = match &self.body {
            BodyTemplate::None => return None,
            BodyTemplate::Arguments => arguments.to_value(),
            BodyTemplate::Parts(part) => part.fill(arguments).unwrap_or(Value::Null),
        };
        Some(Pii::new(body.to_string()))
    }
}

/// `https://host/` and what is filled in behind it.
#[derive(Debug)]
struct UrlTemplate {
    base: Url,
    /// Between slashes.
    segments: Vec<Template>,
    /// Between ampersands: a name, and a value if there is any.
    query: Vec<(Template, Option<Template>)>,
}

impl UrlTemplate {
    fn parse(text: &str, guard: &Guard) -> Result<Self, String> {
        if !text.chars().all(|letter| letter.is_ascii_graphic() && letter != '\\') {
            return Err("must be printable ASCII, without blanks and backslashes".to_owned());
        }
        if text.contains('#') {
            return Err("has a fragment: no server ever sees it".to_owned());
        }
        let host = text.find("://").map(|at| at + 3).ok_or("must begin with https://")?;
        let end = text[host..].find(['/', '?']).map_or(text.len(), |at| host + at);
        if text[..end].contains(['{', '}']) {
            return Err("has an argument in its host: the model would choose where to".to_owned());
        }
        let base = Url::parse(&format!("{}/", &text[..end])).map_err(|fault| format!("is no URL: {fault}"))?;
        guard.judge(&base).map_err(|refusal| format!("may not be called: {refusal}"))?;
        let (path, query) = text[end..].split_once('?').unwrap_or((&text[end..], ""));
        let segments = path.trim_start_matches('/').split('/').map(Template::parse).collect::<Result<_, _>>()?;
        let query = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect::<Result<_, _>>()?;
        Ok(Self { base, segments, query })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let query =
            self.query.iter().flat_map(|(name, value)| name.names().chain(value.iter().flat_map(Template::names)));
        self.segments.iter().flat_map(Template::names).chain(query)
    }

    fn fill(&self, arguments: &Arguments) -> Result<String, ToolError> {
        let segments = self.segments.iter().map(|segment| arguments.segment(segment));
        let mut text = format!("{}{}", self.base, segments.collect::<Result<Vec<_>, _>>()?.join("/"));
        let mut mark = '?';
        for (name, value) in &self.query {
            let name = arguments.fill(name, Place::Query)?;
            let values = value.as_ref().map(|value| arguments.query_values(value)).transpose()?;
            let pairs = match values {
                None => vec![name],
                Some(values) => values.into_iter().map(|value| format!("{name}={value}")).collect(),
            };
            for pair in pairs {
                text.push(std::mem::replace(&mut mark, '&'));
                text.push_str(&pair);
            }
        }
        Ok(text)
    }
}

fn pair(text: &str) -> Result<(Template, Option<Template>), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((Template::parse(name)?, Some(Template::parse(value)?))),
        None => Ok((Template::parse(text)?, None)),
    }
}

#[derive(Debug)]
enum BodyTemplate {
    None,
    Arguments,
    Parts(Part),
}

/// JSON with gaps. They are filled with values and not with text, so that nothing an argument holds can become a field.
#[derive(Debug)]
enum Part {
    Fixed(Value),
    Text(Template),
    List(Vec<Part>),
    Fields(Vec<(String, Part)>),
}

impl Part {
    fn parse(value: &Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => Self::Text(Template::parse(text)?),
            Value::Array(parts) => Self::List(parts.iter().map(Self::parse).collect::<Result<_, _>>()?),
            Value::Object(fields) => {
                let read = |(name, part): (&String, &Value)| Ok::<_, String>((name.clone(), Self::parse(part)?));
                Self::Fields(fields.iter().map(read).collect::<Result<_, _>>()?)
            }
            fixed => Self::Fixed(fixed.clone()),
        })
    }

    fn names(&self) -> Vec<&str> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Text(template) => template.names().collect(),
            Self::List(parts) => parts.iter().flat_map(Self::names).collect(),
            Self::Fields(fields) => fields.iter().flat_map(|(_, part)| part.names()).collect(),
        }
    }

    /// `None`: an argument that was not given, and is left out.
    fn fill(&self, arguments: &Arguments) -> Option<Value> {
        Some(match self {
            Self::Fixed(value) => value.clone(),
            Self::Text(template) => match template.sole() {
                Some(name) => return arguments.get(name).cloned(),
                None => Value::String(arguments.text(template)),
            },
            Self::List(parts) => parts.iter().filter_map(|part| part.fill(arguments)).collect(),
            Self::Fields(fields) => {
                let filled = fields.iter().filter_map(|(name, part)| Some((name.clone(), part.fill(arguments)?)));
                Value::Object(filled.collect())
            }
        })
    }
}
