//! The document is fresh, and every answer that a test gets is as it says.

use std::sync::LazyLock;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;

use super::*;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

#[test]
#[allow(clippy::disallowed_methods, reason = "a test writes and reads its file")]
fn the_document_in_docs_is_fresh() {
    let fresh = serde_json::to_string_pretty(&*DOCUMENT).unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(FILE, &fresh).unwrap();
    }
    let written = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        written == fresh,
        "docs/openapi.json is not of this code: UPDATE_OPENAPI=1 cargo test -p functions openapi"
    );
}

#[test]
fn every_operation_is_of_a_route_that_takes_its_method() {
    let mut schemas = Schemas::new();
    let mut documented: std::collections::BTreeMap<&str, Vec<String>> = std::collections::BTreeMap::new();
    for operation in operations::all(&mut schemas) {
        let route = Route::find(&operation.example()).unwrap_or_else(|| panic!("{}", operation.path));
        assert!(route.allows(&operation.method), "{} {}", operation.method, operation.path);
        documented.entry(operation.path).or_default().push(operation.method.to_string());
        let takes = route.allow().split(", ").count();
        assert!(documented[operation.path].len() <= takes, "{}", operation.path);
    }
    let ids: std::collections::BTreeSet<_> =
        operations::all(&mut schemas).iter().map(|operation| operation.id).collect();
    assert_eq!(ids.len(), operations::all(&mut schemas).len());
}

#[test]
fn rustdocs_links_are_words() {
    let document = DOCUMENT.to_string();
    assert!(!document.contains("[`") && !document.contains("](crate"), "a link is left");
}

/// Panics if this request is of no documented route, or its answer is not as the document says.
pub(in crate::handlers::api) fn check(request: &ApiGatewayV2httpRequest, answer: &ApiGatewayV2httpResponse) {
    let path = request.raw_path.as_deref().unwrap_or_default();
    let method = request.request_context.http.method.as_str().to_lowercase();
    let Some(route) = Route::find(path) else { return };
    if !route.allows(&request.request_context.http.method) {
        return;
    }
    let described = find(path, &method).unwrap_or_else(|| panic!("{method} {path} is not in the document"));
    let responses = &DOCUMENT["paths"][&described][&method]["responses"];
    let status = answer.status_code.to_string();
    let told = if responses[&status].is_object() { &responses[&status] } else { &responses["default"] };
    let kind = answer.headers.get("content-type").map(|kind| kind.to_str().unwrap()).unwrap_or_default();
    let place = format!("{method} {described} {status} {kind}");
    let content = told["content"].as_object();
    if answer.status_code >= 400 || !kind.is_empty() {
        assert!(content.is_some_and(|content| content.contains_key(kind)), "{place} is not in the document");
    }
    if let (Some(Body::Text(text)), Some(content)) = (&answer.body, content)
        && kind.ends_with("json")
    {
        hold(&content[kind]["schema"], &serde_json::from_str(text).unwrap(), &place);
    }
}

/// The path of the document that this is one of: the one with the fewest parameters.
fn find(path: &str, method: &str) -> Option<String> {
    let given: Vec<&str> = path.split('/').collect();
    let fits = |described: &&String| {
        let segments: Vec<&str> = described.split('/').collect();
        segments.len() == given.len()
            && segments.iter().zip(&given).all(|(segment, given)| segment.starts_with('{') || segment == given)
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let fitting = paths.keys().filter(fits).filter(|described| paths[*described][method].is_object());
    fitting.min_by_key(|described| described.matches('{').count()).cloned()
}

fn hold(schema: &Value, answer: &Value, place: &str) {
    let mut whole = schema.clone();
    whole["components"] = DOCUMENT["components"].clone();
    let validator = jsonschema::draft202012::new(&whole).unwrap_or_else(|error| panic!("{place}: {error}"));
    let faults: Vec<String> =
        validator.iter_errors(answer).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{place}:\n{}", faults.join("\n"));
}

#[test]
#[should_panic(expected = "is not of type")]
fn an_answer_that_is_not_as_described_is_found() {
    let schema = &DOCUMENT["paths"]["/status"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    let answer = json!({ "version": "1", "media_path": "direct", "relays": "two", "calls": 0, "ready": true });
    hold(schema, &answer, "get /status");
}
