//! The two listeners. The public one takes streams of the direct path; the private one takes frames of the gateway
//! path from `ws-default`, and tells whoever may ask how the relay is.

mod frames;
mod listener;
mod lobby;
mod peers;
mod stream;
mod timely;
mod vetting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::{any, delete, get, post};
use prometheus_client::metrics::counter::Counter;
use shared::calls::MediaPath;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::listener::{Manners, Strangers};
use self::lobby::Lobby;
use self::vetting::Vetting;
use super::calls::Calls;
use super::doors::Doors;
use super::metrics::{label, path_name};
use super::settings::{Settings, SocketLimits};
use crate::private_api::header;

/// API Gateway's longest message. Twilio's are under 1 KB.
const LONGEST_BODY: usize = 128 * 1024;
/// For the head of a request on the private listener, and for the next one on a socket that is kept: longer than whoever
/// asks keeps an idle one (`adapters/relay_frames.rs`).
const OUR_HEAD: Duration = Duration::from_secs(30);

const TO_OURS: Manners = Manners { head: OUR_HEAD, strangers: None };

#[derive(Debug)]
pub struct Server<D: Doors> {
    calls: Arc<Calls<D>>,
    vetting: Vetting,
    limits: SocketLimits,
    /// Frames that came by either path.
    posted: Counter,
    streamed: Counter,
    /// Numbers the sockets of the direct path.
    sockets: AtomicU64,
}

/// The listeners, bound: where they are is known before there is anything to serve.
#[derive(Debug)]
pub struct Bound {
    public: TcpListener,
    private: TcpListener,
    pub public_address: SocketAddr,
    pub private_address: SocketAddr,
}

/// The listeners, served.
#[derive(Debug)]
pub struct Listening {
    pub public: SocketAddr,
    pub private: SocketAddr,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    address: SocketAddr,
    source: std::io::Error,
}

impl<D: Doors> Server<D> {
    pub fn new(settings: &Settings, calls: Arc<Calls<D>>) -> Arc<Self> {
        let received = |path| calls.common().metrics.frames_received.get_or_create_owned(&label(path_name(path)));
        let (token, url) = (settings.signing_token.as_ref(), settings.public_wss_url.clone());
        Arc::new(Self {
            posted: received(MediaPath::Gateway),
            streamed: received(MediaPath::Direct),
            calls,
            vetting: Vetting::new(token, url, settings.gate.clone(), settings.behind_proxy),
            limits: settings.sockets,
            sockets: AtomicU64::new(0),
        })
    }

    /// Serves until `stop`; sockets that are open by then have ended with their calls.
    pub fn serve(self: Arc<Self>, bound: Bound, stop: CancellationToken) -> Listening {
        Listening {
            public: bound.public_address,
            private: bound.private_address,
            tasks: [
                tokio::spawn(listener::serve(bound.public, self.public_routes(), self.to_strangers(), stop.clone())),
                tokio::spawn(listener::serve(bound.private, self.private_routes(), TO_OURS, stop)),
            ],
        }
    }

    fn to_strangers(&self) -> Manners {
        let SocketLimits { upgrade, unproven } = self.limits;
        let refused = self.calls.common().metrics.streams_refused.clone();
        Manners { head: upgrade, strangers: Some(Strangers { lobby: Lobby::new(unproven), upgrade, refused }) }
    }

    fn public_routes(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/call", any(stream::upgrade::<D>))
            .route("/call/", any(stream::upgrade::<D>))
            .route("/health", get(health::<D>))
            .with_state(Arc::clone(self))
    }

    fn private_routes(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/frames/{connection}", post(frames::take::<D>).delete(frames::closed::<D>))
            .route("/sockets/{connection}", delete(frames::close_socket::<D>))
            .route("/calls/{sid}/yield", post(peers::give_up::<D>))
            .route("/calls/{sid}/lease", post(peers::take::<D>))
            .route("/metrics", get(metrics::<D>))
            .route("/health", get(health::<D>))
            .layer(DefaultBodyLimit::max(LONGEST_BODY))
            .with_state(Arc::clone(self))
    }
}

impl Bound {
    pub async fn to(settings: &Settings) -> Result<Self, ListenError> {
        let public = bind(settings.public_listen).await?;
        let private = bind(settings.private_listen).await?;
        Ok(Self {
            public_address: address(&public, settings.public_listen)?,
            private_address: address(&private, settings.private_listen)?,
            public,
            private,
        })
    }
}

impl Listening {
    /// After `stop`: requests that are being answered get their answer, within a second.
    pub async fn stopped(self) {
        for mut task in self.tasks {
            if tokio::time::timeout(std::time::Duration::from_secs(1), &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

/// The address may have been another relay's before.
fn is_meant_for_us<D: Doors>(server: &Server<D>, headers: &axum::http::HeaderMap) -> bool {
    let named = headers.get(header::RELAY).map(|named| named.as_bytes());
    named.is_none_or(|named| named == server.calls.common().me.relay.as_str().as_bytes())
}

/// A relay that drains is not unhealthy: its calls go on. It just wants no more of them.
async fn health<D: Doors>(State(server): State<Arc<Server<D>>>) -> (StatusCode, &'static str) {
    if server.calls.is_draining() { (StatusCode::SERVICE_UNAVAILABLE, "draining") } else { (StatusCode::OK, "OK") }
}

async fn metrics<D: Doors>(State(server): State<Arc<Server<D>>>) -> ([(http::HeaderName, &'static str); 1], String) {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(http::header::CONTENT_TYPE, kind)], server.calls.common().metrics.text())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError { address, source })
}

fn address(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, ListenError> {
    listener.local_addr().map_err(|source| ListenError { address: asked, source })
}
