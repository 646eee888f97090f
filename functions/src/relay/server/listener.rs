//! A listener: takes sockets, serves one's requests, and takes no longer over any than it may.
//!
//! `axum::serve` has no limit for the head of a request, and none for a socket that says nothing at all; a stranger who
//! opens sockets and waits would have them all.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lobby::{Lobby, Visitor};
use crate::relay::metrics::{Counts, label};

/// Between tries to take a socket when none can be had: this process has too many open.
const BREATH: Duration = Duration::from_millis(100);
/// Of a stranger's request. Twilio's has 1 KB.
const LONGEST_HEAD: usize = 32 * 1024;

/// How a listener treats its visitors.
#[derive(Debug, Clone)]
pub(super) struct Manners {
    /// For the head of a request; and for the next one, on a socket that is kept.
    pub(super) head: Duration,
    /// Of those who are strangers until they have shown otherwise.
    pub(super) strangers: Option<Strangers>,
}

#[derive(Debug, Clone)]
pub(super) struct Strangers {
    pub(super) lobby: Arc<Lobby>,
    /// From a socket's opening to its upgrade or to the answer: a stranger has one request.
    pub(super) upgrade: Duration,
    pub(super) refused: Counts,
}

/// Serves until `stop`, and then until what was asked is answered.
pub(super) async fn serve(listener: TcpListener, routes: Router, manners: Manners, stop: CancellationToken) {
    let sockets = TaskTracker::new();
    while let Some((stream, peer)) = stop.run_until_cancelled(accept(&listener)).await {
        let (routes, stop) = (routes.clone(), stop.clone());
        match manners.strangers.clone() {
            None => drop(sockets.spawn(attend(stream, routes, manners.head, stop))),
            Some(strangers) => drop(sockets.spawn(receive(stream, peer, routes, strangers, stop))),
        }
    }
    drop(listener);
    sockets.close();
    sockets.wait().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a socket keeps its small packets waiting");
                }
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(code = "socket_not_taken", %error);
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// One of ours: many requests, one after another.
async fn attend(stream: TcpStream, routes: Router, head: Duration, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)));
    tokio::select! {
        // Whatever broke, the other side knows.
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _broken = connection.await;
}

/// Anybody: one request, soon.
async fn receive(stream: TcpStream, peer: SocketAddr, routes: Router, strangers: Strangers, stop: CancellationToken) {
    let visitor = strangers.lobby.enter(peer);
    let asked_out = visitor.asked_out.clone();
    let kind = tokio::select! {
        done = one_request(stream, routes, visitor, strangers.upgrade, stop) => done,
        () = asked_out.cancelled() => Err("crowded"),
    };
    if let Err(kind) = kind {
        strangers.refused.get_or_create(&label(kind)).inc();
    }
}

async fn one_request(
    stream: TcpStream,
    routes: Router,
    visitor: Arc<Visitor>,
    upgrade: Duration,
    stop: CancellationToken,
) -> Result<(), &'static str> {
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&visitor));
        let answer = routes.call(request);
        async { answer.await.map(last) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(upgrade).max_buf_size(LONGEST_HEAD);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let served = async {
        tokio::select! {
            served = connection.as_mut() => return served,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    };
    match tokio::time::timeout(upgrade, served).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if !error.is_timeout() => Ok(()),
        Ok(Err(_)) | Err(_) => Err("slow"),
    }
}

/// After it the socket is closed, unless it has become another thing.
fn last(mut answer: Response) -> Response {
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}
