//! Who watches, as a relay sees it: what each of them is still owed, and when one has to go.
//!
//! A call never waits for its audience. What is owed to a watcher has a bound; whoever does not take it is dropped, and a
//! console that was dropped comes back with its cursor.

use std::collections::{BTreeMap, BTreeSet};

use super::batch::Batch;
use super::{Cursor, Frames, LiveEntry, Watcher};
use crate::ids::{CallSid, ConnectionId};

/// Some seconds of sixty busy calls.
const LARGEST_BACKLOG: usize = 512 * 1024;
/// A post that does not succeed is tried again for so long.
const LONGEST_FAILURE_MS: u64 = 5_000;
/// While somebody is being told what they missed, cursors are not for the relays to give: the socket may break before all of
/// it was told.
const CATCHING_UP_MS: u64 = 15_000;

#[derive(Debug, Default)]
pub struct Audience {
    seats: BTreeMap<ConnectionId, Seat>,
    batch: Batch,
    /// Still on the list, and not to be let in again.
    gone: BTreeSet<ConnectionId>,
    arrivals: u64,
}

#[derive(Debug)]
struct Seat {
    watcher: Watcher,
    backlog: Frames,
    /// What is being posted, or has to be posted again.
    frame: Option<String>,
    posting: bool,
    failing_since_ms: Option<u64>,
}

/// What calls have to tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demand {
    all: bool,
    calls: BTreeSet<CallSid>,
    listened: BTreeSet<CallSid>,
    /// Counts those who came, or asked for something else.
    pub arrivals: u64,
    /// Since when the last of them has asked.
    pub asked_at_ms: u64,
}

impl Demand {
    pub fn watched(&self, call: &CallSid) -> bool {
        self.all || self.calls.contains(call)
    }

    pub fn listened(&self, call: &CallSid) -> bool {
        self.listened.contains(call)
    }

    /// Nobody wants anything.
    pub fn is_none(&self) -> bool {
        !self.all && self.calls.is_empty() && self.listened.is_empty()
    }
}

/// How a post ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    Taken,
    /// There is no such socket any more.
    Gone,
    /// Not now.
    Refused,
}

/// Why somebody does not watch any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    Gone,
    /// Its socket is to be closed.
    Slow,
}

impl Audience {
    /// The list of watchers, as it is now. Returns what is wanted of calls, if that has changed.
    pub fn seat(&mut self, listed: Vec<Watcher>, now_ms: u64) -> Option<Demand> {
        let before = self.demand();
        let listed: BTreeMap<_, _> = listed.into_iter().map(|watcher| (watcher.connection.clone(), watcher)).collect();
        self.gone.retain(|id| listed.contains_key(id));
        self.seats.retain(|id, _| listed.get(id).is_some_and(|watcher| !watcher.is_gone(now_ms)));
        for (id, watcher) in listed {
            if !self.gone.contains(&id) && !watcher.is_gone(now_ms) {
                self.let_in(id, watcher);
            }
        }
        let after = self.demand();
        (before != after).then_some(after)
    }

    fn let_in(&mut self, id: ConnectionId, watcher: Watcher) {
        match self.seats.get_mut(&id) {
            Some(seat) => {
                self.arrivals += u64::from(seat.watcher.asked_at_ms != watcher.asked_at_ms);
                seat.watcher = watcher;
            }
            None => {
                self.arrivals += 1;
                let seat =
                    Seat { watcher, backlog: Frames::default(), frame: None, posting: false, failing_since_ms: None };
                self.seats.insert(id, seat);
            }
        }
    }

    pub fn demand(&self) -> Demand {
        let watchers = || self.seats.values().map(|seat| &seat.watcher);
        Demand {
            all: watchers().any(|watcher| watcher.call.is_none()),
            calls: watchers().filter_map(|watcher| watcher.call.clone()).collect(),
            listened: watchers().filter_map(|watcher| watcher.listens.clone()).collect(),
            arrivals: self.arrivals,
            asked_at_ms: watchers().map(|watcher| watcher.asked_at_ms).max().unwrap_or_default(),
        }
    }

    pub fn len(&self) -> usize {
        self.seats.len()
    }

    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Something to show, with the next flush.
    pub fn take_in(&mut self, entry: LiveEntry) {
        if !self.is_empty() {
            self.batch.add(entry);
        }
    }

    /// Nothing is owed to anybody.
    pub fn is_idle(&self) -> bool {
        self.batch.is_empty() && self.seats.values().all(|seat| seat.backlog.is_empty() && seat.frame.is_none())
    }

    /// Gives each what it wants of what came. Returns how many entries were too long to be told, and who is too slow.
    pub fn flush(&mut self) -> (u64, Vec<ConnectionId>) {
        let mut too_long = 0;
        for entry in self.batch.take() {
            let Some(json) = Frames::json(&entry) else {
                too_long += 1;
                continue;
            };
            for seat in self.seats.values_mut().filter(|seat| seat.watcher.wants(&entry)) {
                seat.backlog.push(json.clone());
            }
        }
        let slow: Vec<_> = self
            .seats
            .iter()
            .filter(|(_, seat)| seat.backlog.bytes() > LARGEST_BACKLOG)
            .map(|(id, _)| id.clone())
            .collect();
        slow.iter().for_each(|id| self.leave(id));
        (too_long, slow)
    }

    /// What is to be posted now: one frame at a time to each, and none to somebody whose last one is under way.
    pub fn frames(&mut self, now_ms: u64) -> Vec<(ConnectionId, String)> {
        let idle = self.seats.iter_mut().filter(|(_, seat)| !seat.posting);
        idle.filter_map(|(id, seat)| Some((id.clone(), seat.next_frame(now_ms)?))).collect()
    }

    pub fn posted(&mut self, id: &ConnectionId, how: Posted, now_ms: u64) -> Option<Departure> {
        let seat = self.seats.get_mut(id)?;
        seat.posting = false;
        let departure = match how {
            Posted::Taken => {
                (seat.frame, seat.failing_since_ms) = (None, None);
                return None;
            }
            Posted::Gone => Departure::Gone,
            Posted::Refused => {
                let since = *seat.failing_since_ms.get_or_insert(now_ms);
                if now_ms.saturating_sub(since) < LONGEST_FAILURE_MS {
                    return None;
                }
                Departure::Slow
            }
        };
        self.leave(id);
        Some(departure)
    }

    fn leave(&mut self, id: &ConnectionId) {
        self.seats.remove(id);
        self.gone.insert(id.clone());
    }
}

impl Seat {
    fn next_frame(&mut self, now_ms: u64) -> Option<String> {
        if self.frame.is_none() {
            let settled = now_ms.saturating_sub(self.watcher.asked_at_ms) > CATCHING_UP_MS;
            self.frame = self.backlog.next(settled.then_some(Cursor(now_ms)));
        }
        self.posting = self.frame.is_some();
        self.frame.clone()
    }
}

#[cfg(test)]
mod tests;
