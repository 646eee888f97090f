//! DynamoDB on a laptop: `dynoxide`, in this process, over a SQLite file or memory.

use std::path::Path;
use std::time::Duration;

use dynoxide::Database;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Often enough that nobody mistakes an expired item for a living one, seldom enough not to be in the way.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// A file that keeps the tables, or memory.
pub(crate) fn open(file: Option<&Path>) -> Result<Database, dynoxide::DynoxideError> {
    match file {
        Some(file) => Database::new(&file.to_string_lossy()),
        None => Database::memory(),
    }
}

pub(crate) fn serve(database: Database, listener: TcpListener, tasks: &TaskTracker, stopping: CancellationToken) {
    tasks.spawn(sweep(database.clone(), stopping.clone()));
    tasks.spawn(async move {
        if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, stopping.cancelled_owned()).await
        {
            tracing::error!(error, "DynamoDB has stopped");
        }
    });
}

async fn sweep(database: Database, stopping: CancellationToken) {
    while stopping.run_until_cancelled(tokio::time::sleep(SWEEP_INTERVAL)).await.is_some() {
        let database = database.clone();
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(expired)) => tracing::debug!(expired, "items removed by their TTL"),
            Ok(Err(error)) => tracing::warn!(%error, "expired items stay"),
        }
    }
}
