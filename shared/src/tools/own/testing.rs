//! A world for tools of one's own: a service that answers what was written down before, secrets, a function.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::super::address::Guard;
use super::super::testing::block_on;
use super::super::{ToolError, ToolErrorKind, ToolOutcome, ToolRequest};
use super::run::{Doors, HttpAnswer, HttpFault, HttpRequest, Tally, ToolSecret};
use super::{OwnTool, run};
use crate::ports::{InvokeFunction, PortError, PortResult, SendHttp, ToolSecrets};
use crate::redact::{Pii, Secret};

/// Answers in the order in which they were given, and notes what was asked.
pub(super) struct World {
    answers: Vec<(OnceLock<HttpRequest>, Result<HttpAnswer, HttpFault>)>,
    next: AtomicUsize,
    pauses: AtomicUsize,
    pub(super) secrets: Vec<(&'static str, ToolSecret)>,
    pub(super) function: Result<&'static str, ToolErrorKind>,
    event: OnceLock<String>,
}

impl World {
    pub(super) fn new(answers: impl IntoIterator<Item = Result<HttpAnswer, HttpFault>>) -> Self {
        Self {
            answers: answers.into_iter().map(|answer| (OnceLock::new(), answer)).collect(),
            next: AtomicUsize::new(0),
            pauses: AtomicUsize::new(0),
            secrets: vec![("CRM_KEY", ToolSecret { value: Secret::new("s3cret-key"), hosts: Vec::new() })],
            function: Ok("{}"),
            event: OnceLock::new(),
        }
    }

    pub(super) fn asked(&self) -> Vec<HttpRequest> {
        self.answers.iter().filter_map(|(request, _)| request.get().cloned()).collect()
    }

    pub(super) fn urls(&self) -> Vec<String> {
        self.asked().iter().map(|request| request.url.reveal().to_string()).collect()
    }

    pub(super) fn event(&self) -> Value {
        serde_json::from_str(self.event.get().unwrap()).unwrap()
    }

    pub(super) fn paused(&self) -> usize {
        self.pauses.load(Ordering::Relaxed)
    }

    pub(super) fn run(&self, tool: &OwnTool, arguments: &Value) -> (ToolOutcome, Tally) {
        let request = ToolRequest {
            sid: "CA1".into(),
            call: "call_1".into(),
            name: tool.name.clone(),
            arguments: arguments.to_string().into(),
            agent: "default".into(),
            own: Some(Box::new(tool.clone())),
        };
        let guard = Guard::default();
        let doors = Doors { http: self, secrets: self, functions: self, guard: &guard };
        let mut tally = Tally::default();
        let outcome = block_on(run(tool, &request, &doors, &mut tally));
        (outcome, tally)
    }
}

impl SendHttp for World {
    async fn send(&self, request: &HttpRequest) -> Result<HttpAnswer, HttpFault> {
        let (asked, answer) = &self.answers[self.next.fetch_add(1, Ordering::Relaxed)];
        asked.set(request.clone()).unwrap();
        answer.clone()
    }

    async fn pause(&self, _: Duration) {
        self.pauses.fetch_add(1, Ordering::Relaxed);
    }
}

impl ToolSecrets for World {
    async fn secret(&self, name: &str) -> PortResult<Option<ToolSecret>> {
        if name == "BROKEN" {
            return Err(PortError::Unavailable("no secrets today".to_owned()));
        }
        Ok(self.secrets.iter().find(|(of, _)| *of == name).map(|(_, secret)| secret.clone()))
    }
}

impl InvokeFunction for World {
    async fn invoke(&self, _: &str, event: &Pii<String>, _: Duration) -> Result<Vec<u8>, ToolError> {
        self.event.set(event.reveal().clone()).unwrap();
        let answer = self.function.map(|text| text.as_bytes().to_vec());
        answer.map_err(|kind| ToolError::new(kind, "The function failed."))
    }
}

/// Looks an order up.
pub(super) fn lookup() -> Value {
    json!({
        "name": "find_order",
        "description": "An order by its number.",
        "parameters": {
            "type": "object",
            "properties": {
                "order": { "type": "string" },
                "with": { "type": "array", "items": { "type": "string" } },
                "page": { "type": "integer" },
            },
            "required": ["order"],
            "additionalProperties": false,
        },
        "target": {
            "type": "http",
            "method": "GET",
            "url": "https://api.example.com/v1/orders/{order}?page={page}",
            "query": { "with": "{with}" },
            "headers": { "Authorization": "Bearer {{secret:CRM_KEY}}" },
            "retries": 2,
        },
    })
}

/// Books a table, which must not happen twice.
pub(super) fn booking() -> Value {
    json!({
        "name": "book_table",
        "description": "Books a table.",
        "parameters": {
            "type": "object",
            "properties": { "name": { "type": "string" }, "people": { "type": "integer" }, "note": { "type": "string" } },
        },
        "target": {
            "type": "http",
            "method": "POST",
            "url": "https://api.example.com/v1/bookings",
            "headers": { "x-api-key": "{{secret:CRM_KEY}}" },
            "body": { "template": { "guest": "{name}", "party": ["{people}"], "text": "For {name}: {note}", "note": "{note}" } },
        },
    })
}

pub(super) fn tool(definition: &Value) -> OwnTool {
    serde_json::from_value(definition.clone()).unwrap()
}

/// A definition with one thing changed.
pub(super) fn with(mut definition: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    definition.pointer_mut(parent).unwrap()[field] = value;
    definition
}

pub(super) fn json_answer(body: &str) -> Result<HttpAnswer, HttpFault> {
    answer(200, "application/json; charset=utf-8", body.as_bytes())
}

pub(super) fn answer(status: u16, kind: &str, body: &[u8]) -> Result<HttpAnswer, HttpFault> {
    Ok(HttpAnswer { status, content_type: Some(kind.to_owned()), body: body.to_vec(), ..HttpAnswer::default() })
}

pub(super) fn redirect(status: u16, to: &str) -> Result<HttpAnswer, HttpFault> {
    Ok(HttpAnswer { status, location: Some(to.to_owned()), ..HttpAnswer::default() })
}
