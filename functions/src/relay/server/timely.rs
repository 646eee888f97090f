//! A body that has to be there in time.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

/// Whoever asks gives up sooner.
const BODY_TIMEOUT: Duration = Duration::from_secs(3);

/// What `T` reads from a body.
#[derive(Debug)]
pub(super) struct Timely<T>(pub(super) T);

impl<S: Send + Sync, T: FromRequest<S>> FromRequest<S> for Timely<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        match tokio::time::timeout(BODY_TIMEOUT, T::from_request(request, state)).await {
            Ok(Ok(body)) => Ok(Self(body)),
            Ok(Err(rejection)) => Err(rejection.into_response()),
            Err(_) => Err(StatusCode::REQUEST_TIMEOUT.into_response()),
        }
    }
}
