//! While it has calls, ECS must not choose this task when it scales in or deploys: it asks to be protected.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html>

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::calls::Calls;
use super::doors::Doors;
use super::ecs;

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A relay that hangs is not protected for longer than this.
const EXPIRES_MINUTES: u32 = 60;
const RENEW_AFTER: Duration = Duration::from_secs(20 * 60);
const PATIENCE: Duration = Duration::from_secs(5);

/// Follows the number of calls until `stop`. `agent` is what ECS tells the task in `ECS_AGENT_URI`.
pub async fn run<D: Doors>(calls: Arc<Calls<D>>, agent: Url, stop: CancellationToken) {
    let Some(endpoint) = Endpoint::new(&agent) else { return };
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut protected: Option<Instant> = None;
    while stop.run_until_cancelled(looks.tick()).await.is_some() {
        let wanted = calls.count() > 0;
        let done = match protected {
            Some(since) => wanted && since.elapsed() < RENEW_AFTER,
            None => !wanted,
        };
        if done {
            continue;
        }
        match endpoint.put(wanted).await {
            Ok(()) => protected = wanted.then(Instant::now),
            Err(error) => {
                tracing::warn!(code = "task_not_protected", wanted, error = error.without_url().to_string());
            }
        }
    }
}

struct Endpoint {
    client: reqwest::Client,
    url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Protection {
    protection_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_minutes: Option<u32>,
}

impl Endpoint {
    fn new(agent: &Url) -> Option<Self> {
        match ecs::client(PATIENCE) {
            Ok(client) => {
                let url = format!("{}/task-protection/v1/state", agent.as_str().trim_end_matches('/'));
                Some(Self { client, url })
            }
            Err(error) => {
                tracing::error!(code = "task_not_protected", error = error.to_string());
                None
            }
        }
    }

    async fn put(&self, wanted: bool) -> reqwest::Result<()> {
        let body = Protection { protection_enabled: wanted, expires_in_minutes: wanted.then_some(EXPIRES_MINUTES) };
        self.client.put(&self.url).json(&body).send().await?.error_for_status().map(drop)
    }
}
