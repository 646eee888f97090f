//! Reads who watches: when told to, and every few seconds, because being told is a convenience.

use std::sync::Arc;
use std::time::Duration;

use shared::live::Watcher;
use shared::ports::ListWatchers as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::relay::calls::Common;
use crate::relay::doors::Doors;

/// A console that nobody told of waits this long for what is being said; what was written down it has already.
const EVERY: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(4);

pub(super) async fn run<D: Doors>(common: Arc<Common<D>>, lists: mpsc::Sender<Vec<Watcher>>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match tokio::time::timeout(PATIENCE, common.ports.store.watchers()).await {
            Ok(Ok(watchers)) => {
                if lists.send(watchers).await.is_err() {
                    return;
                }
            }
            Ok(Err(error)) => tracing::debug!(%error, "who watches could not be read"),
            Err(_) => tracing::debug!("who watches could not be read in time"),
        }
        // Told or not, it is time.
        let _told = tokio::time::timeout(EVERY, common.gallery.changed.notified()).await;
    }
}
