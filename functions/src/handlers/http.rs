//! HTTP as the HTTP API hands it over (payload version 2.0), and our answers.
//!
//! Read here and not by `lambda_http`: a signature is made over the URL as Twilio spelt it, and that crate parses and
//! rewrites the URL, and panics on one that it cannot parse.

use std::net::IpAddr;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use shared::fault::Fault;

pub(super) struct Request {
    pub(super) method: Method,
    /// Both as they came.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// As the gateway saw it.
    pub(super) address: Option<IpAddr>,
}

/// The body was said to be base64 and is not.
pub(super) struct BadBody;

impl Request {
    /// A form's body arrives base64-encoded, JSON as it is; the event's flag says which.
    pub(super) fn read(event: ApiGatewayV2httpRequest) -> Result<Self, BadBody> {
        let body = event.body.unwrap_or_default();
        let body =
            if event.is_base64_encoded { STANDARD.decode(body).map_err(|_| BadBody)? } else { body.into_bytes() };
        let http = event.request_context.http;
        Ok(Self {
            method: http.method,
            path: event.raw_path.unwrap_or_default(),
            query: event.raw_query_string.unwrap_or_default(),
            headers: event.headers,
            body,
            address: http.source_ip.and_then(|address| address.parse().ok()),
        })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl From<BadBody> for Response {
    fn from(_: BadBody) -> Self {
        Self::problem(StatusCode::BAD_REQUEST, "the body is not base64")
    }
}

#[derive(Debug)]
pub(super) struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

impl Response {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::of("text/plain; charset=utf-8", Body::Text(text.into()))
    }

    pub(super) fn xml(kind: &'static str, document: &impl ToString) -> Self {
        Self::of(kind, Body::Text(document.to_string()))
    }

    pub(super) fn json<T: Serialize>(value: &T) -> Self {
        match serde_json::to_string(value) {
            Ok(json) => Self::of("application/json", Body::Text(json)),
            Err(_) => Self::problem(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written"),
        }
    }

    pub(super) fn yaml(text: String) -> Self {
        Self::of("application/yaml", Body::Text(text))
    }

    pub(super) fn bytes(kind: &'static str, bytes: Vec<u8>) -> Self {
        Self::of(kind, Body::Binary(bytes))
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Body::Empty }
    }

    /// RFC 9457.
    pub(super) fn problem(status: StatusCode, detail: &str) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
        Self::of("application/problem+json", Body::Text(body.to_string())).status(status)
    }

    /// With all that is wrong with the document that was sent, each fault at its place.
    pub(super) fn faults(detail: &str, faults: &[Fault]) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let title = status.canonical_reason().unwrap_or_default();
        let errors: Vec<_> = faults
            .iter()
            .map(|Fault { pointer, detail }| json!({ "pointer": format!("#{pointer}"), "detail": detail }))
            .collect();
        let body = json!({
            "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail, "errors": errors,
        });
        Self::of("application/problem+json", Body::Text(body.to_string())).status(status)
    }

    pub(super) fn not_found() -> Self {
        Self::problem(StatusCode::NOT_FOUND, "there is nothing here")
    }

    pub(super) fn not_allowed(allow: &'static str) -> Self {
        let detail = format!("this takes {allow}");
        Self::problem(StatusCode::METHOD_NOT_ALLOWED, &detail).header(header::ALLOW, allow)
    }

    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn code(&self) -> StatusCode {
        self.status
    }

    /// Beside what this header says already.
    pub(super) fn add(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.append(name, HeaderValue::from_static(value));
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    fn of(kind: &'static str, body: Body) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body }.header(header::CONTENT_TYPE, kind)
    }
}

impl From<Response> for ApiGatewayV2httpResponse {
    fn from(response: Response) -> Self {
        let mut answer = Self::default();
        answer.status_code = response.status.as_u16().into();
        answer.headers = response.headers;
        answer.is_base64_encoded = matches!(response.body, Body::Binary(_));
        answer.body = Some(response.body);
        answer
    }
}
