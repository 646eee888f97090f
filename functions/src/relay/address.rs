//! Where `ws-default` reaches this relay: as configured, or as ECS knows it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::ecs;
use super::settings::Settings;

const METADATA_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    #[error("neither RELAY_ADDRESS nor ECS says where this relay is, and it listens on all addresses")]
    Unknown,
    #[error("ECS does not say where this task is")]
    Metadata(#[source] reqwest::Error),
    #[error("this task has no IPv4 address")]
    NoAddress,
    #[error("the address is not a URL")]
    NotUrl(#[source] url::ParseError),
}

/// `listening` is the private listener as it was bound: its port may have been chosen by the system.
pub async fn resolve(settings: &Settings, listening: SocketAddr) -> Result<Url, AddressError> {
    if let Some(address) = &settings.address {
        return Ok(address.clone());
    }
    let host = match &settings.ecs_metadata {
        Some(metadata) => ask_ecs(metadata).await?,
        None if listening.ip().is_unspecified() => return Err(AddressError::Unknown),
        None => listening.ip(),
    };
    Url::parse(&format!("http://{}", SocketAddr::new(host, listening.port()))).map_err(AddressError::NotUrl)
}

/// The task metadata endpoint, version 4.
async fn ask_ecs(metadata: &Url) -> Result<IpAddr, AddressError> {
    let url = format!("{}/task", metadata.as_str().trim_end_matches('/'));
    let client = ecs::client(METADATA_TIMEOUT).map_err(AddressError::Metadata)?;
    let answer = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
    let task: Task = answer.map_err(AddressError::Metadata)?.json().await.map_err(AddressError::Metadata)?;
    let addresses = task.containers.into_iter().flat_map(|c| c.networks).flat_map(|n| n.addresses);
    addresses.into_iter().next().ok_or(AddressError::NoAddress)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Task {
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    #[serde(default)]
    networks: Vec<Network>,
}

#[derive(Debug, Deserialize)]
struct Network {
    #[serde(default, rename = "IPv4Addresses")]
    addresses: Vec<IpAddr>,
}
