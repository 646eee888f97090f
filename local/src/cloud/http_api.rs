//! The HTTP API: requests to functions, and their answers to responses, as API Gateway does with payload 2.0.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;

use super::dates::unix_ms;
use super::events::HttpCall;
use super::functions::{Function, Functions, WhenBusy};
use super::names::Names;

const LARGEST_REQUEST: usize = 10 * 1024 * 1024;

/// One line of the API's route table.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// The name of the function that answers.
    pub(crate) function: &'static str,
}

#[derive(Debug)]
pub(crate) struct HttpApi {
    pub(crate) functions: Arc<Functions>,
    pub(crate) routes: Vec<Route>,
    /// The route `$default`: the function for what matches no other.
    pub(crate) default: &'static str,
    pub(crate) integration: Duration,
    pub(crate) names: Names,
}

impl HttpApi {
    pub(crate) async fn handle(&self, from: SocketAddr, request: Request) -> Response {
        let request_id = self.names.short();
        let mut response = self.answer(from, request, &request_id).await;
        if let Ok(value) = HeaderValue::try_from(request_id) {
            response.headers_mut().insert("apigw-requestid", value);
        }
        response
    }

    async fn answer(&self, from: SocketAddr, request: Request, request_id: &str) -> Response {
        let (mut parts, body) = request.into_parts();
        let (route_key, function) = self.route(&parts.method, parts.uri.path());
        let Some(function) = self.functions.get(function) else {
            return message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        };
        let Ok(body) = to_bytes(body, LARGEST_REQUEST).await else {
            return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        add_forwarding(&mut parts.headers, from);
        let call = HttpCall {
            route_key: &route_key,
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            body: &body,
            source_ip: &from.ip().to_string(),
            request_id,
            at_ms: unix_ms(),
        };
        self.invoke(function, call.event()).await
    }

    fn route(&self, method: &Method, path: &str) -> (String, &'static str) {
        let exact = self.routes.iter().find(|route| route.method == method && route.path == path);
        exact.map_or(("$default".to_owned(), self.default), |route| {
            (format!("{} {}", route.method, route.path), route.function)
        })
    }

    async fn invoke(&self, function: &Arc<Function>, event: Vec<u8>) -> Response {
        match tokio::time::timeout(self.integration, function.invoke(event, WhenBusy::Wait)).await {
            Ok(Ok(answer)) => proxy_response(&answer).unwrap_or_else(|| {
                tracing::warn!(function = function.name(), "the answer is not a proxy response");
                message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }),
            Ok(Err(error)) => {
                tracing::warn!(function = function.name(), %error, "a request failed");
                message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
            Err(_) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        }
    }
}

/// What stands between the caller and the API says so; whoever listens on the laptop itself speaks plain HTTP.
fn add_forwarding(headers: &mut http::HeaderMap, from: SocketAddr) {
    let proto = headers.get("x-forwarded-proto").cloned().unwrap_or(HeaderValue::from_static("http"));
    headers.insert("x-forwarded-proto", proto);
    if let Ok(value) = HeaderValue::try_from(from.ip().to_string()) {
        headers.append("x-forwarded-for", value);
    }
}

fn message(status: StatusCode, text: &str) -> Response {
    let mut response = Response::new(Body::from(format!(r#"{{"message":"{text}"}}"#)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The function's answer in format 2.0. Fields that the format does not have are not looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyResponse {
    status_code: u16,
    #[serde(default)]
    headers: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

fn proxy_response(answer: &[u8]) -> Option<Response> {
    let answer: ProxyResponse = serde_json::from_slice(answer).ok()?;
    let text = answer.body.unwrap_or_default();
    let body = match answer.is_base64_encoded {
        Some(true) => STANDARD.decode(text).ok()?,
        _ => text.into_bytes(),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status_code).ok()?;
    let headers = response.headers_mut();
    for (name, value) in answer.headers.unwrap_or_default() {
        let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        headers.insert(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
    }
    for cookie in answer.cookies.unwrap_or_default() {
        headers.append(header::SET_COOKIE, HeaderValue::try_from(cookie).ok()?);
    }
    // Ours to know, not the function's.
    headers.remove(header::CONTENT_LENGTH);
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_becomes_a_response() {
        let answer = br#"{"statusCode":201,"headers":{"content-type":"text/xml","x-count":3},"multiValueHeaders":{},
            "cookies":["a=1","b=2"],"body":"aGVsbG8=","isBase64Encoded":true}"#;
        let response = proxy_response(answer).unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["content-type"], "text/xml");
        assert_eq!(response.headers()["x-count"], "3");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), "hello");
    }

    #[test]
    fn what_is_not_an_answer_is_an_error() {
        for answer in ["", "null", "\"ok\"", r#"{"status":200}"#, r#"{"statusCode":99}"#] {
            assert!(proxy_response(answer.as_bytes()).is_none(), "{answer}");
        }
    }
}
