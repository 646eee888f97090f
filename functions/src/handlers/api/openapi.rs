//! The API, described: an OpenAPI 3.1 document out of the types that are read and answered, and of what
//! `operations` says of each route. `docs/openapi.json` is this, written by a test, which also fails when it is not fresh.
//!
//! No function links this.

mod operations;
mod schemas;

use serde_json::{Map, Value, json};

use self::operations::{Answer, Operation, Sends};
use self::schemas::Schemas;
use super::answers::Problem;
use super::routes::Route;

/// The document.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for operation in operations::all(&mut schemas) {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_lowercase()] = described(&operation, &mut schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "voicebridge",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the console and the curious ask over HTTP. Errors are problem documents (RFC 9457).",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "http://localhost:8787", "description": "the cloud on this laptop" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "CONSOLE_TOKEN, a pass, or a session (POST /api/session)",
                },
            },
        },
    })
}

fn described(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": responses(operation, schemas),
    });
    let parameters: Vec<Value> = in_path(operation.path).chain(operation.query.iter().map(in_query)).collect();
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(sends) = &operation.sends {
        described["requestBody"] = body(sends);
    }
    match operation.needs() {
        Some(role) => described["x-role"] = json!(role),
        None => described["security"] = json!([]),
    }
    described
}

fn in_path(path: &str) -> impl Iterator<Item = Value> + '_ {
    let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| {
        let kind = if name == "version" { "integer" } else { "string" };
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": kind } })
    })
}

fn in_query(&(name, kind, description): &(&str, &str, &str)) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": { "type": kind } })
}

fn body(sends: &Sends) -> Value {
    let content: Map<String, Value> =
        sends.content.iter().map(|(kind, schema)| ((*kind).to_owned(), json!({ "schema": schema }))).collect();
    json!({ "required": sends.required, "content": content })
}

fn responses(operation: &Operation, schemas: &mut Schemas) -> Value {
    let problem = schemas.answer::<Problem>();
    let problem = json!({
        "description": "why not",
        "content": { "application/problem+json": { "schema": problem } },
    });
    let mut responses = Map::new();
    for Answer { status, description, content } in &operation.answers {
        let content: Map<String, Value> =
            content.iter().map(|(kind, schema)| ((*kind).to_owned(), json!({ "schema": schema }))).collect();
        let mut response = json!({ "description": description });
        if !content.is_empty() {
            response["content"] = content.into();
        }
        responses.insert(status.to_string(), response);
    }
    responses.insert("default".to_owned(), problem);
    responses.into()
}

impl Operation {
    fn needs(&self) -> Option<shared::console::Role> {
        Route::find(&self.example()).and_then(|route| route.needs(&self.method))
    }

    /// The path, with something in place of its parameters.
    fn example(&self) -> String {
        let segment = |name: &str| match name {
            "{sid}" => "CA00000000000000000000000000000001".to_owned(),
            "{phone}" => "PN00000000000000000000000000000001".to_owned(),
            "{number}" => "+15551234567".to_owned(),
            "{version}" => "1".to_owned(),
            "{file}" => "0".repeat(24),
            "{id}" => "default".to_owned(),
            fixed => fixed.to_owned(),
        };
        self.path.split('/').map(segment).collect::<Vec<_>>().join("/")
    }
}

#[cfg(test)]
pub(super) mod tests;
