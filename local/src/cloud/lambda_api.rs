//! Lambda's own API, as far as anybody calls it: `Invoke`.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::functions::{Functions, InvokeError, WhenBusy};
use super::sigv4::AccessKey;
use super::{ACCOUNT, REGION};

const LARGEST_EVENT: usize = 6 * 1024 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct LambdaApi {
    pub(crate) functions: Arc<Functions>,
    pub(crate) key: AccessKey,
}

pub(crate) fn router(api: LambdaApi) -> Router {
    Router::new().route("/2015-03-31/functions/{name}/invocations", post(invoke)).with_state(api)
}

async fn invoke(State(api): State<LambdaApi>, Path(name): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(event) = to_bytes(body, LARGEST_EVENT).await else {
        return failure(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", "the event is larger than 6 MB");
    };
    if let Err(refused) = api.key.check("lambda", &parts, &event) {
        return failure(StatusCode::FORBIDDEN, "InvalidSignatureException", &refused.to_string());
    }
    // A name, or an ARN that ends in one.
    let name = name.rsplit(':').next().unwrap_or_default();
    let Some(function) = api.functions.get(name) else {
        let arn = format!("Function not found: arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}");
        return failure(StatusCode::NOT_FOUND, "ResourceNotFoundException", &arn);
    };
    let event = if event.is_empty() { Bytes::from_static(b"{}") } else { event };
    match parts.headers.get("x-amz-invocation-type").map(HeaderValue::as_bytes) {
        Some(b"Event") => {
            function.submit(event, WhenBusy::Wait, |_| {});
            executed(StatusCode::ACCEPTED, Bytes::new())
        }
        Some(b"DryRun") => executed(StatusCode::NO_CONTENT, Bytes::new()),
        _ => answered(function.invoke(event, WhenBusy::Refuse).await),
    }
}

fn answered(result: Result<Bytes, InvokeError>) -> Response {
    match result {
        Ok(answer) => executed(StatusCode::OK, answer),
        Err(InvokeError::Function(payload)) => {
            let mut response = executed(StatusCode::OK, payload);
            response.headers_mut().insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
            response
        }
        Err(InvokeError::Throttled) => {
            failure(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Rate Exceeded.")
        }
        Err(error @ InvokeError::Stopping) => {
            failure(StatusCode::SERVICE_UNAVAILABLE, "ServiceException", &error.to_string())
        }
    }
}

fn executed(status: StatusCode, payload: Bytes) -> Response {
    let mut response = Response::new(Body::from(payload));
    *response.status_mut() = status;
    response.headers_mut().insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
    response
}

fn failure(status: StatusCode, kind: &'static str, text: &str) -> Response {
    let mut response = Response::new(Body::from(serde_json::json!({ "Type": "User", "Message": text }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
