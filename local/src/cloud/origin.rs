//! The one address of the laptop's cloud: WebSockets to the stages, the console's files, everything else to the HTTP API.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use shared::calls::MediaPath;

use super::console::Console;
use super::http_api::HttpApi;
use super::load_balancer;
use super::relays::Relays;
use super::stack::Sockets;
use super::websocket_api::is_upgrade;

pub(crate) struct Origin {
    pub(crate) media_path: MediaPath,
    pub(crate) sockets: Sockets,
    pub(crate) console: Console,
    pub(crate) http: HttpApi,
    /// Set when they are started, which is after the origin that they connect to.
    pub(crate) relays: Arc<OnceLock<Relays>>,
}

pub(crate) fn router(origin: Origin) -> Router {
    Router::new().fallback(handle).with_state(Arc::new(origin))
}

async fn handle(
    State(origin): State<Arc<Origin>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let stage = is_upgrade(request.headers()).then(|| request.uri().path());
    match (stage, origin.media_path) {
        (Some("/call"), MediaPath::Gateway) => origin.sockets.call.connect(from, request).await,
        (Some("/call"), MediaPath::Direct) => {
            let relay = origin.relays.get().and_then(Relays::next_public);
            load_balancer::forward(from, relay, request, &origin.sockets).await
        }
        (Some("/logs"), _) => origin.sockets.logs.connect(from, request).await,
        (Some("/control"), _) => origin.sockets.control.connect(from, request).await,
        _ => match origin.console.answer(request.method(), request.uri().path(), request.headers()).await {
            Some(page) => page,
            None => origin.http.handle(from, request).await,
        },
    }
}
