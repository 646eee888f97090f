//! The doors that are there for consoles which watch: their list, their sockets, and what they have missed.

use std::future::Future;

use super::PortResult;
use crate::ids::{CallSid, ConnectionId};
use crate::live::Watcher;
use crate::session::{Event, Line};
use crate::time::CallTime;

/// `dynamodb:Query`: what was written down of a call, by its writers' fences, for a console that has missed it.
pub trait ReadMissed: Send + Sync {
    fn lines_written(&self, sid: &CallSid) -> impl Future<Output = PortResult<Vec<(u64, Line)>>> + Send;
    /// Not before `since`.
    fn events_written(
        &self,
        sid: &CallSid,
        since: CallTime,
    ) -> impl Future<Output = PortResult<Vec<WrittenEvent>>> + Send;
}

/// An event, and by what it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenEvent {
    pub fence: u64,
    pub number: u64,
    pub at: CallTime,
    pub event: Event,
}

/// `dynamodb:Query`: the consoles that watch.
pub trait ListWatchers: Send + Sync {
    fn watchers(&self) -> impl Future<Output = PortResult<Vec<Watcher>>> + Send;
}

/// `dynamodb:GetItem`, `PutItem`, `UpdateItem`, `DeleteItem`: the consoles that watch, for whoever lets them in.
pub trait KeepWatchers: Send + Sync {
    /// New, or with another wish.
    fn keep_watcher(&self, watcher: &Watcher) -> impl Future<Output = PortResult<()>> + Send;
    fn watcher(&self, connection: &ConnectionId) -> impl Future<Output = PortResult<Option<Watcher>>> + Send;
    /// It is still there. [`PortError::Gone`](super::PortError::Gone): nobody knows of it.
    fn watcher_seen(&self, connection: &ConnectionId, at_ms: u64) -> impl Future<Output = PortResult<()>> + Send;
    /// To forget twice is to forget.
    fn forget_watcher(&self, connection: &ConnectionId) -> impl Future<Output = PortResult<()>> + Send;
}

/// `execute-api:ManageConnections`: the consoles' sockets.
pub trait WatcherSocket: Send + Sync {
    fn tell(&self, id: &ConnectionId, text: &str) -> impl Future<Output = PortResult<()>> + Send;
    fn dismiss(&self, id: &ConnectionId) -> impl Future<Output = PortResult<()>> + Send;
}
