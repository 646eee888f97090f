//! The direct media path on a laptop: what the load balancer does, that is, almost nothing.
//!
//! A WebSocket to `/call` goes to the public listener of a relay that is up, each in turn. The handshake is passed
//! on with all its headers, and after it bytes are copied, not messages.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode};
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use super::stack::Sockets;

/// Why no relay answered.
#[derive(Debug, thiserror::Error)]
enum Unreachable {
    #[error("cannot connect to the relay")]
    Connect(#[from] std::io::Error),
    #[error("the relay does not speak HTTP")]
    Http(#[from] hyper::Error),
}

/// Passes the handshake on, and with it the connection.
pub(crate) async fn forward(
    from: SocketAddr,
    relay: Option<SocketAddr>,
    mut request: Request,
    sockets: &Sockets,
) -> Response {
    let Some(relay) = relay else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    add_forwarding(&mut request, from);
    match exchange(relay, request, sockets).await {
        Ok(response) => response,
        Err(error) => {
            tracing::warn!(%relay, %error, "a stream could not be forwarded");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

fn add_forwarding(request: &mut Request, from: SocketAddr) {
    let headers = request.headers_mut();
    let proto = headers.get("x-forwarded-proto").cloned().unwrap_or(HeaderValue::from_static("http"));
    headers.insert("x-forwarded-proto", proto);
    if let Ok(value) = HeaderValue::try_from(from.ip().to_string()) {
        headers.append("x-forwarded-for", value);
    }
}

async fn exchange(relay: SocketAddr, mut request: Request, sockets: &Sockets) -> Result<Response, Unreachable> {
    let stream = TcpStream::connect(relay).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake::<_, Body>(TokioIo::new(stream)).await?;
    sockets.tasks.spawn(connection.with_upgrades());
    let caller = request.extensions_mut().remove::<OnUpgrade>();
    let mut response = sender.send_request(request).await?;
    let relay = response.extensions_mut().remove::<OnUpgrade>();
    if let (StatusCode::SWITCHING_PROTOCOLS, Some(caller), Some(relay)) = (response.status(), caller, relay) {
        sockets.tasks.spawn(sockets.stopping.clone().run_until_cancelled_owned(splice(caller, relay)));
    }
    Ok(response.map(Body::new))
}

async fn splice(caller: OnUpgrade, relay: OnUpgrade) {
    let (Ok(caller), Ok(relay)) = tokio::join!(caller, relay) else { return };
    // How it ends is between the two.
    let _ = copy_bidirectional(&mut TokioIo::new(caller), &mut TokioIo::new(relay)).await;
}
