//! How a relay goes away: it takes no new calls, and gives the running ones to others while nobody speaks.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::calls::Calls;
use super::doors::Doors;

/// Between looks for a relay that could go on.
const ASK_AGAIN: Duration = Duration::from_secs(1);
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

/// Returns when all calls are over, here or for good. While there is another relay to go on with them, each is handed
/// over at its next quiet moment; after `limit`, at once.
pub async fn drain<D: Doors>(calls: &Arc<Calls<D>>, limit: Duration) {
    calls.begin_drain();
    tracing::info!(calls = calls.count(), "draining");
    let handing_over = async {
        loop {
            if calls.common().successor(ASK_AGAIN).await.is_some() {
                calls.hand_over();
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    };
    let drained = async {
        tokio::select! {
            () = calls.drained() => {}
            () = handing_over => {}
        }
    };
    if tokio::time::timeout(limit, drained).await.is_ok() {
        return;
    }
    tracing::warn!(calls = calls.count(), "letting go of the calls that are left");
    calls.shut_down();
    if tokio::time::timeout(FAREWELL, calls.drained()).await.is_err() {
        tracing::error!(calls = calls.count(), "calls are left behind");
    }
}
