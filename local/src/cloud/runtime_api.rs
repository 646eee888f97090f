//! The Lambda Runtime API: where a function's process asks for work and leaves its answers.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. Each process has a path prefix of its own,
//! `/{function}/{environment}`, which `lambda_runtime` keeps when it is given in `AWS_LAMBDA_RUNTIME_API`.
//!
//! Served by `hyper` itself, without a router: every frame of every caller passes here twice.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::functions::{Assignment, EnvironmentId, Function, Functions, InvokeError};
use super::names::mix;
use super::{ACCOUNT, REGION};

/// Lambda's own limit for a synchronous answer.
const LARGEST_ANSWER: usize = 6 * 1024 * 1024;

pub(crate) async fn serve(
    listener: TcpListener,
    functions: Arc<Functions>,
    tasks: TaskTracker,
    stopping: CancellationToken,
) {
    while let Some(accepted) = stopping.run_until_cancelled(listener.accept()).await {
        // What fails here is the other side's hurry: it is gone again.
        let Ok((stream, _)) = accepted else { continue };
        tasks.spawn(stopping.clone().run_until_cancelled_owned(carry(stream, Arc::clone(&functions))));
    }
}

async fn carry(stream: TcpStream, functions: Arc<Functions>) {
    // A failure to say so costs only time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let functions = Arc::clone(&functions);
        async move { Ok::<_, Infallible>(handle(&functions, request).await) }
    });
    // It ends when the process does.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn handle(functions: &Functions, request: Request<Incoming>) -> Response {
    let (parts, body) = request.into_parts();
    let mut path = parts.uri.path().trim_start_matches('/').splitn(5, '/');
    let (name, id) = (path.next().unwrap_or_default(), path.next().and_then(|id| id.parse().ok()));
    let api = (path.next(), path.next(), path.next());
    let (Some(function), Some(id), (Some("2018-06-01"), Some("runtime"), Some(what))) = (functions.get(name), id, api)
    else {
        return refusal(StatusCode::NOT_FOUND, "UnknownPath");
    };
    if what == "invocation/next" {
        return next(function, id).await;
    }
    let Ok(body) = to_bytes(Body::new(body), LARGEST_ANSWER).await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "Function.ResponseSizeTooLarge");
    };
    let result = match what.strip_prefix("invocation/").and_then(|rest| rest.split_once('/')) {
        Some((request_id, "response")) => function.answered(id, request_id, Ok(body)),
        Some((request_id, "error")) => function.answered(id, request_id, Err(InvokeError::Function(body))),
        _ if what == "init/error" => {
            tracing::warn!(function = function.name(), "a process failed to initialise");
            function.init_failed(id, InvokeError::Function(body));
            true
        }
        _ => return refusal(StatusCode::NOT_FOUND, "UnknownPath"),
    };
    if result { accepted() } else { refusal(StatusCode::BAD_REQUEST, "InvalidRequestID") }
}

async fn next(function: &Function, id: EnvironmentId) -> Response {
    let Some(assigned) = function.next(id) else { return refusal(StatusCode::FORBIDDEN, "InvalidStateTransition") };
    match assigned.await {
        Ok(assignment) => invocation(function, assignment),
        Err(_) => refusal(StatusCode::GONE, "Stopping"),
    }
}

fn invocation(function: &Function, assignment: Assignment) -> Response {
    let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", function.name());
    let (seconds, random) = (assignment.deadline_ms / 1000, mix(assignment.deadline_ms));
    let trace = format!("Root=1-{seconds:08x}-{random:024x};Parent={random:016x};Sampled=0");
    let mut response = Response::new(Body::from(assignment.event));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("lambda-runtime-deadline-ms", HeaderValue::from(assignment.deadline_ms));
    let texts = [
        ("lambda-runtime-aws-request-id", assignment.request_id),
        ("lambda-runtime-invoked-function-arn", arn),
        ("lambda-runtime-trace-id", trace),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
    response
}

/// Without a body, on purpose: `lambda_runtime` does not read it, and a connection with an unread body is not
/// used again.
fn accepted() -> Response {
    StatusCode::ACCEPTED.into_response()
}

fn refusal(status: StatusCode, kind: &'static str) -> Response {
    (status, format!(r#"{{"errorType":"{kind}","errorMessage":"refused by the Runtime API"}}"#)).into_response()
}
