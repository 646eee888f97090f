//! A relay's private listener: where `ws-default` puts frames, `ws-disconnect` says that no more will come, and relays
//! settle between themselves who holds a call.
//!
//! One HTTP request a frame over kept-alive connections inside the VPC: no TLS, no proxy, no DNS.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use shared::calls::{Holder, Lease, Relay};
use shared::ids::{CallSid, ConnectionId};
use shared::ownership::{Outcome, YIELD_PATIENCE};
use shared::ports::{Frame, Peers, PortError, PortResult, RelayFrames, Yielding};
use url::Url;

use crate::private_api::header;

/// For requests that carry no frame and that nobody waits for.
const PATIENCE: Duration = Duration::from_secs(2);
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);
/// The relay closes idle connections later than this, so that we are first and no frame is lost to the race.
const IDLE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
pub struct FramePosts {
    client: Client,
}

impl FramePosts {
    pub fn new() -> PortResult<Self> {
        let client = Client::builder()
            .timeout(PATIENCE)
            .connect_timeout(CONNECT_PATIENCE)
            .pool_idle_timeout(IDLE)
            .tls_certs_only([])
            .no_proxy()
            .build()
            .map_err(|_| PortError::Unavailable("no HTTP client".to_owned()))?;
        Ok(Self { client })
    }

    /// Tries again once on a connection that turned out to be dead before it took the request: the relay's
    /// resequencer throws away a frame that arrives twice.
    async fn send(&self, request: RequestBuilder) -> reqwest::Result<Response> {
        let second = request.try_clone();
        match (request.send().await, second) {
            (Err(error), Some(second)) if is_stale(&error) => second.send().await,
            (answer, _) => answer,
        }
    }

    async fn status(&self, request: RequestBuilder) -> PortResult<StatusCode> {
        let answer = self.send(request).await;
        answer.map(|answer| answer.status()).map_err(|error| PortError::Unavailable(fault(&error).to_owned()))
    }

    fn frame(&self, frame: &Frame<'_>, to: &Holder) -> PortResult<RequestBuilder> {
        let request = self.client.post(url(&to.address, &["frames", frame.connection.as_str()])?);
        let mut request = request
            .header(header::CALL, frame.call.as_str())
            .header(header::STREAM, frame.stream.as_str())
            .header(header::RELAY, to.relay.as_str())
            .header("content-type", "application/json")
            .body(frame.text.to_owned());
        if frame.sole {
            request = request.header(header::SOLE, "1");
        }
        if let Some(lost) = frame.lost {
            let lost = serde_json::to_string(lost).map_err(|_| PortError::Corrupt("a lease".to_owned()))?;
            request = request.header(header::LOST, lost);
        }
        Ok(request)
    }

    fn about_call(&self, sid: &CallSid, lease: &Lease, what: &str) -> PortResult<RequestBuilder> {
        let request = self.client.post(url(&lease.address, &["calls", sid.as_str(), what])?);
        Ok(request.header(header::RELAY, lease.relay.as_str()).json(lease))
    }
}

impl RelayFrames for FramePosts {
    async fn deliver(&self, frame: &Frame<'_>, to: &Holder, patience: Duration) -> Outcome {
        let Ok(request) = self.frame(frame, to) else { return Outcome::NotMine };
        match self.send(request.timeout(patience)).await {
            Ok(answer) => outcome(&answer),
            Err(error) if is_refused(&error) => Outcome::Dead,
            Err(_) => Outcome::Silent,
        }
    }

    async fn closed(&self, id: &ConnectionId, relay: &Url) -> PortResult<()> {
        self.status(self.client.delete(url(relay, &["frames", id.as_str()])?)).await.map(drop)
    }

    async fn close_socket(&self, id: &ConnectionId, relay: &Relay) -> PortResult<()> {
        match self.status(self.client.delete(url(&relay.address, &["sockets", id.as_str()])?)).await? {
            status if status.is_success() => Ok(()),
            StatusCode::GONE => Err(PortError::Gone),
            status => Err(unexpected(status)),
        }
    }
}

impl Peers for FramePosts {
    async fn ask_to_yield(&self, sid: &CallSid, lease: &Lease) -> Yielding {
        let Ok(request) = self.about_call(sid, lease, "yield") else { return Yielding::Silent };
        match self.send(request.timeout(YIELD_PATIENCE)).await.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Yielding::Yielded,
            Ok(StatusCode::LOCKED) => Yielding::Busy,
            Ok(StatusCode::MISDIRECTED_REQUEST) => Yielding::Dead,
            Err(error) if is_refused(&error) => Yielding::Dead,
            Ok(_) | Err(_) => Yielding::Silent,
        }
    }

    async fn give(&self, sid: &CallSid, lease: &Lease) -> PortResult<()> {
        match self.status(self.about_call(sid, lease, "lease")?).await? {
            status if status.is_success() => Ok(()),
            status => Err(unexpected(status)),
        }
    }
}

/// 204 taken · 202 kept · 404 not its call · 409 another's by now · 421 another process · 423 the holder speaks · 503 not now.
/// What is dropped because there is too much of it (429) has been taken all the same: the relay is there, and has the call.
fn outcome(answer: &Response) -> Outcome {
    let fence = || answer.headers().get(header::FENCE)?.to_str().ok()?.parse().ok();
    match answer.status() {
        StatusCode::ACCEPTED => Outcome::Kept,
        StatusCode::CONFLICT => Outcome::Claimed,
        StatusCode::LOCKED => Outcome::Busy,
        StatusCode::MISDIRECTED_REQUEST => Outcome::Dead,
        StatusCode::SERVICE_UNAVAILABLE => Outcome::Declined,
        status if status.is_success() || status == StatusCode::TOO_MANY_REQUESTS => match fence() {
            Some(fence) => Outcome::Taken { fence },
            None => Outcome::Kept,
        },
        _ => Outcome::NotMine,
    }
}

/// Connection ids end in `=` and may contain `/`; a path segment carries them escaped.
fn url(address: &Url, path: &[&str]) -> PortResult<Url> {
    let mut url = address.clone();
    let mut segments = url.path_segments_mut().map_err(|()| PortError::Corrupt("a relay's address".to_owned()))?;
    segments.pop_if_empty().extend(path);
    drop(segments);
    Ok(url)
}

/// Neither a timeout nor a refusal: the connection broke while the request was on its way.
fn is_stale(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_timeout() && !error.is_connect()
}

/// Nobody listens there.
fn is_refused(error: &reqwest::Error) -> bool {
    error.is_connect() && !error.is_timeout()
}

fn unexpected(status: StatusCode) -> PortError {
    PortError::Unavailable(format!("the relay answered {}", status.as_u16()))
}

fn fault(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "the relay did not answer in time"
    } else if error.is_connect() {
        "the relay cannot be reached"
    } else {
        "the relay broke off"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_id_is_escaped_in_a_path() {
        let address = Url::parse("http://10.0.1.17:8081").unwrap();
        let url = url(&address, &["frames", "I8m/Ec2b?HcCIWQ="]).unwrap();
        assert_eq!(url.as_str(), "http://10.0.1.17:8081/frames/I8m%2FEc2b%3FHcCIWQ=");
    }
}
