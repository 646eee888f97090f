//! Consoles that watch, their sockets, and what was written down under several fences.

use std::collections::BTreeMap;

use shared::ids::{CallSid, ConnectionId};
use shared::live::Watcher;
use shared::ports::{KeepWatchers, PortError, PortResult, ReadMissed, WatcherSocket, WrittenEvent};
use shared::session::Line;
use shared::time::CallTime;

use super::World;

#[derive(Debug, Default)]
pub(in super::super) struct Watching {
    pub(in super::super) watchers: BTreeMap<ConnectionId, Watcher>,
    pub(in super::super) told: Vec<(ConnectionId, String)>,
    pub(in super::super) dismissed: Vec<ConnectionId>,
    /// Sockets that are closed already.
    pub(in super::super) gone: Vec<ConnectionId>,
    pub(in super::super) lines: Vec<(CallSid, u64, Line)>,
    pub(in super::super) events: Vec<(CallSid, WrittenEvent)>,
}

impl KeepWatchers for World {
    async fn keep_watcher(&self, watcher: &Watcher) -> PortResult<()> {
        self.write()?.watching.watchers.insert(watcher.connection.clone(), watcher.clone());
        Ok(())
    }

    async fn watcher(&self, connection: &ConnectionId) -> PortResult<Option<Watcher>> {
        Ok(self.read()?.watching.watchers.get(connection).cloned())
    }

    async fn watcher_seen(&self, connection: &ConnectionId, at_ms: u64) -> PortResult<()> {
        self.write()?.watching.watchers.get_mut(connection).ok_or(PortError::Gone)?.seen_at_ms = at_ms;
        Ok(())
    }

    async fn forget_watcher(&self, connection: &ConnectionId) -> PortResult<()> {
        self.write()?.watching.watchers.remove(connection);
        Ok(())
    }
}

impl WatcherSocket for World {
    async fn tell(&self, id: &ConnectionId, text: &str) -> PortResult<()> {
        let mut state = self.state();
        if state.watching.gone.contains(id) {
            return Err(PortError::Gone);
        }
        state.watching.told.push((id.clone(), text.to_owned()));
        Ok(())
    }

    async fn dismiss(&self, id: &ConnectionId) -> PortResult<()> {
        self.state().watching.dismissed.push(id.clone());
        Ok(())
    }
}

impl ReadMissed for World {
    async fn lines_written(&self, sid: &CallSid) -> PortResult<Vec<(u64, Line)>> {
        let state = self.read()?;
        let of = state.watching.lines.iter().filter(|(call, ..)| call == sid);
        Ok(of.map(|(_, fence, line)| (*fence, line.clone())).collect())
    }

    async fn events_written(&self, sid: &CallSid, since: CallTime) -> PortResult<Vec<WrittenEvent>> {
        let state = self.read()?;
        let of = state.watching.events.iter().filter(|(call, written)| call == sid && written.at >= since);
        Ok(of.map(|(_, written)| written.clone()).collect())
    }
}
