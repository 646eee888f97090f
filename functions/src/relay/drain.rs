//! How a relay goes away: it takes no new calls, lets the running ones end, and lets go of those that do not.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::calls::Calls;
use super::doors::Doors;

/// After the drain: to write down, close and store what the last calls leave. With the drain it must stay within the
/// 120 s that Fargate grants.
const FAREWELL: Duration = Duration::from_secs(8);

/// Until the process is asked to go: SIGTERM from ECS, SIGINT from a terminal.
pub async fn asked_to_go() -> Result<(), std::io::Error> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Returns when all calls are over, here or for good.
pub async fn drain<D: Doors>(calls: &Arc<Calls<D>>, limit: Duration) {
    calls.begin_drain();
    tracing::info!(calls = calls.count(), "draining");
    if tokio::time::timeout(limit, calls.drained()).await.is_ok() {
        return;
    }
    tracing::warn!(calls = calls.count(), "letting go of the calls that are left");
    calls.shut_down();
    if tokio::time::timeout(FAREWELL, calls.drained()).await.is_err() {
        tracing::error!(calls = calls.count(), "calls are left behind");
    }
}
