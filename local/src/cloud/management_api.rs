//! `@connections`: how the backend writes to a client's WebSocket, looks at it and closes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::any;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::json;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::dates::iso_time;
use super::posts::Posts;
use super::sigv4::{AccessKey, signer};
use super::socket::BufferFull;
use super::websocket_api::WebSocketApi;

/// What is larger is not even read.
const LARGEST_REQUEST: usize = 1024 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct ManagementApi {
    /// By stage.
    pub(crate) apis: BTreeMap<&'static str, Arc<WebSocketApi>>,
    pub(crate) key: AccessKey,
    pub(crate) posts: Option<Arc<Posts>>,
}

pub(crate) fn router(api: ManagementApi) -> Router {
    Router::new().route("/{stage}/@connections/{connection}", any(handle)).with_state(api)
}

async fn handle(
    State(management): State<ManagementApi>,
    Path((stage, id)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_REQUEST).await else {
        return too_large(&id);
    };
    let Some(api) = management.apis.get(stage.as_str()) else {
        return failure(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden", &id);
    };
    if management.key.check("execute-api", &parts, &body).is_err() {
        return failure(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden", &id);
    }
    match parts.method {
        Method::POST => {
            if let Some(posts) = &management.posts {
                posts.note(signer(&parts).unwrap_or_default(), &body);
            }
            post(api, &id, body)
        }
        Method::GET => describe(api, &id),
        Method::DELETE => delete(api, &id),
        _ => failure(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden", &id),
    }
}

fn post(api: &WebSocketApi, id: &str, data: Bytes) -> Response {
    if data.len() > api.limits.message_bytes {
        return too_large(id);
    }
    let Ok(text) = Utf8Bytes::try_from(data) else {
        return failure(StatusCode::BAD_REQUEST, "BadRequestException", "Data is not text", id);
    };
    let Some(connection) = api.connections.get(id) else { return gone(id) };
    match connection.post(text, &api.limits) {
        Ok(()) => empty(StatusCode::OK),
        Err(BufferFull) => {
            failure(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", "The client's buffer is full", id)
        }
    }
}

fn describe(api: &WebSocketApi, id: &str) -> Response {
    let Some(connection) = api.connections.get(id) else { return gone(id) };
    let peer = &connection.peer;
    let description = json!({
        "connectedAt": iso_time(peer.connected_at_ms),
        "identity": { "sourceIp": peer.source_ip, "userAgent": peer.user_agent },
        "lastActiveAt": iso_time(connection.last_active_ms()),
    });
    let mut response = Response::new(Body::from(description.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn delete(api: &WebSocketApi, id: &str) -> Response {
    let Some(connection) = api.connections.remove(id) else { return gone(id) };
    connection.delete();
    empty(StatusCode::NO_CONTENT)
}

fn gone(id: &str) -> Response {
    failure(StatusCode::GONE, "GoneException", "Gone", id)
}

fn too_large(id: &str) -> Response {
    failure(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException", "Request Entity Too Large", id)
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn failure(status: StatusCode, kind: &'static str, text: &str, id: &str) -> Response {
    let mut response = Response::new(Body::from(json!({ "message": text, "connectionId": id }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
