//! Bad weather at DynamoDB and S3: errors and latency, for a while, as their clients would see them from AWS.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use reqwest::Client;

/// Of the requests that come while a service fails, so many in ten fail: clients try again, and some get through.
const FAILING_IN_TEN: u32 = 7;

/// What a service does to its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// `ProvisionedThroughputExceededException`, `ThrottlingException`, `SlowDown`.
    Throttled,
    /// 500.
    Broken,
    /// Every answer comes so much later.
    Slow(Duration),
}

/// The weather at one service.
#[derive(Debug, Clone, Default)]
pub struct Weather {
    troubles: Arc<Mutex<Vec<(Instant, Trouble)>>>,
}

impl Weather {
    /// From now on, for so long. Troubles add up.
    pub fn bring(&self, trouble: Trouble, length: Duration) {
        self.lock().push((Instant::now() + length, trouble));
    }

    pub fn clear(&self) {
        self.lock().clear();
    }

    fn now(&self) -> Vec<Trouble> {
        let now = Instant::now();
        let mut troubles = self.lock();
        troubles.retain(|(until, _)| *until > now);
        troubles.iter().map(|(_, trouble)| *trouble).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Trouble)>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as long as the weather asks for; returns what it makes of the request, if it does not let it through.
    async fn pass(&self) -> Option<Trouble> {
        for trouble in self.now() {
            match trouble {
                Trouble::Slow(length) => tokio::time::sleep(length).await,
                failing => {
                    if fastrand::u32(0..10) < FAILING_IN_TEN {
                        return Some(failing);
                    }
                }
            }
        }
        None
    }
}

/// S3 behind its weather.
pub(crate) fn over_s3(router: Router, weather: Weather) -> Router {
    router.layer(from_fn_with_state(weather, s3))
}

async fn s3(State(weather): State<Weather>, request: Request, next: Next) -> Response {
    let (status, code) = match weather.pass().await {
        None | Some(Trouble::Slow(_)) => return next.run(request).await,
        Some(Trouble::Throttled) => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Some(Trouble::Broken) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
    };
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>On purpose.</Message></Error>");
    (status, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}

/// DynamoDB behind its weather: passes on to `inner`.
pub(crate) fn over_dynamodb(inner: String, weather: Weather) -> Router {
    Router::new().fallback(dynamodb).with_state((
        weather,
        inner,
        Client::builder().no_proxy().build().unwrap_or_default(),
    ))
}

async fn dynamodb(
    State((weather, inner, client)): State<(Weather, String, Client)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match weather.pass().await {
        None | Some(Trouble::Slow(_)) => {}
        Some(Trouble::Throttled) if fastrand::bool() => {
            let kind = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException";
            return failure(StatusCode::BAD_REQUEST, kind);
        }
        Some(Trouble::Throttled) => {
            return failure(StatusCode::BAD_REQUEST, "com.amazon.coral.availability#ThrottlingException");
        }
        Some(Trouble::Broken) => {
            return failure(StatusCode::INTERNAL_SERVER_ERROR, "com.amazonaws.dynamodb.v20120810#InternalServerError");
        }
    }
    match client.post(inner).headers(headers).body(body).send().await {
        Ok(answer) => passed_on(answer).await,
        Err(error) => {
            tracing::warn!(%error, "DynamoDB behind its weather does not answer");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

async fn passed_on(answer: reqwest::Response) -> Response {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = Response::new(Body::from(answer.bytes().await.unwrap_or_default()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn failure(status: StatusCode, kind: &str) -> Response {
    let body = format!(r#"{{"__type":"{kind}","message":"On purpose."}}"#);
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], body).into_response()
}
