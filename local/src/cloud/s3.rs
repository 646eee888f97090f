//! S3 on a laptop: `s3s-fs`, in this process, over a folder. Requests must be signed with the cloud's key; a page may send
//! those that are, whatever its origin: the console puts large files there by links that the API signs.

use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};

use super::sigv4::AccessKey;

pub(crate) fn router(folder: &Path, key: &AccessKey) -> Result<Router, s3s_fs::Error> {
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder)?);
    builder.set_auth(Keys(key.clone()));
    Ok(Router::new().fallback(handle).with_state(builder.build()))
}

/// Every process of the cloud signs with the same secret.
struct Keys(AccessKey);

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, id: &str) -> S3Result<SecretKey> {
        if self.0.knows(id) { Ok(SecretKey::from(self.0.secret.reveal())) } else { Err(s3_error!(InvalidAccessKeyId)) }
    }
}

async fn handle(State(service): State<S3Service>, request: Request) -> Response {
    let is_question = request.method() == Method::OPTIONS;
    let mut response =
        if is_question { StatusCode::NO_CONTENT.into_response() } else { answer(&service, request).await };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if is_question {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, PUT"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, range"));
    }
    response
}

async fn answer(service: &S3Service, request: Request) -> Response {
    match service.call(request.map(s3s::Body::http_body_unsync)).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!(?error, "S3 cannot answer");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
