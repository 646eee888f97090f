//! A relay's private listener: where `ws-default` puts frames, and `ws-disconnect` says that no more will come.
//!
//! One HTTP request a frame over kept-alive connections inside the VPC: no TLS, no proxy, no DNS.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use shared::calls::{Binding, Relay};
use shared::ids::ConnectionId;
use shared::ports::{Delivery, PortError, PortResult, RelayFrames};
use url::Url;

/// A frame that took longer is of no use to anybody.
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
    async fn send(&self, request: RequestBuilder) -> PortResult<StatusCode> {
        let second = request.try_clone();
        let answer = match (request.send().await, second) {
            (Err(error), Some(second)) if is_stale(&error) => second.send().await,
            (answer, _) => answer,
        };
        answer.map(|answer| answer.status()).map_err(|error| PortError::Unavailable(fault(&error).to_owned()))
    }
}

impl RelayFrames for FramePosts {
    async fn deliver(&self, id: &ConnectionId, binding: &Binding, frame: &str) -> PortResult<Delivery> {
        let request = self.client.post(frames_url(&binding.address, id)?);
        let request = request
            .header("x-call-sid", binding.call.as_str())
            .header("x-stream-sid", binding.stream.as_str())
            .header("content-type", "application/json")
            .body(frame.to_owned());
        match self.send(request).await? {
            status if status.is_success() => Ok(Delivery::Taken),
            StatusCode::NOT_FOUND => Ok(Delivery::NotMine),
            StatusCode::SERVICE_UNAVAILABLE => Ok(Delivery::Draining),
            status => Err(PortError::Unavailable(format!("the relay answered {}", status.as_u16()))),
        }
    }

    async fn closed(&self, id: &ConnectionId, binding: &Binding) -> PortResult<()> {
        self.send(self.client.delete(frames_url(&binding.address, id)?)).await.map(drop)
    }

    async fn close_socket(&self, id: &ConnectionId, relay: &Relay) -> PortResult<()> {
        match self.send(self.client.delete(url(&relay.address, "sockets", id)?)).await? {
            status if status.is_success() => Ok(()),
            StatusCode::GONE => Err(PortError::Gone),
            status => Err(PortError::Unavailable(format!("the relay answered {}", status.as_u16()))),
        }
    }
}

fn frames_url(address: &Url, id: &ConnectionId) -> PortResult<Url> {
    url(address, "frames", id)
}

/// Connection ids end in `=` and may contain `/`; a path segment carries them escaped.
fn url(address: &Url, what: &str, id: &ConnectionId) -> PortResult<Url> {
    let mut url = address.clone();
    let mut segments = url.path_segments_mut().map_err(|()| PortError::Corrupt("a relay's address".to_owned()))?;
    segments.pop_if_empty().push(what).push(id.as_str());
    drop(segments);
    Ok(url)
}

/// Neither a timeout nor a refusal: the connection broke while the request was on its way.
fn is_stale(error: &reqwest::Error) -> bool {
    error.is_request() && !error.is_timeout() && !error.is_connect()
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
        let url = frames_url(&address, &ConnectionId::from("I8m/Ec2b?HcCIWQ=")).unwrap();
        assert_eq!(url.as_str(), "http://10.0.1.17:8081/frames/I8m%2FEc2b%3FHcCIWQ=");
    }
}
