//! What happens in a call, for whoever watches. While nobody does, nothing leaves this file; what happened last is kept for
//! a moment, because a console that comes now may have read the store before it was written there.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::agent::Agent;
use shared::audio::recording::RecordOp;
use shared::calls::{Call, CallStatus};
use shared::live::{Demand, LiveEntry};
use shared::session::{Event, Line, LineQuality, ToolWords};
use shared::time::CallTime;
use tokio::sync::watch;

use crate::relay::clock::CallClock;
use crate::relay::gallery::{Gallery, News};

/// Longer than it takes to write something down, unless the store is away.
const KEPT_FOR: Duration = Duration::from_secs(15);
const MOST_KEPT: usize = 64;

#[derive(Debug)]
pub(super) struct Showing {
    gallery: Arc<Gallery>,
    demand: watch::Receiver<Arc<Demand>>,
    /// As lists of calls have it.
    call: Call,
    fence: u64,
    clock: CallClock,
    watched: bool,
    listened: bool,
    arrivals: u64,
    recent: VecDeque<(Instant, LiveEntry)>,
}

impl Showing {
    pub(super) fn new(gallery: Arc<Gallery>, call: Call, fence: u64, clock: CallClock) -> Self {
        let (demand, call) = (gallery.demand(), Call { lease: None, ..call });
        let (watched, listened, arrivals, recent) = (false, false, 0, VecDeque::new());
        Self { gallery, demand, call, fence, clock, watched, listened, arrivals, recent }
    }

    /// Waits until somebody comes or leaves.
    pub(super) async fn demand_changed(&mut self) {
        if self.demand.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// What is wanted now. Returns whether the call is watched, if the session is to be told.
    pub(super) fn look_up(&mut self) -> Option<bool> {
        let demand = Arc::clone(&self.demand.borrow_and_update());
        let (before, arrived) = (self.watched, self.arrivals != demand.arrivals);
        (self.watched, self.arrivals) = (demand.watched(&self.call.sid), demand.arrivals);
        self.listened = demand.listened(&self.call.sid);
        if self.watched && arrived {
            self.tell_recent();
        }
        (self.watched != before || (self.watched && arrived)).then_some(self.watched)
    }

    pub(super) fn line(&mut self, line: &Line) {
        self.show(self.line_entry(line.clone(), true));
    }

    pub(super) fn spoken_so_far(&self, line: Line) {
        self.tell(self.line_entry(line, false));
    }

    pub(super) fn event(&mut self, number: u64, at: CallTime, event: Event) {
        self.show(LiveEntry::Event { call: self.call.sid.clone(), fence: self.fence, number, at, event });
    }

    pub(super) fn quality(&self, at: CallTime, quality: LineQuality) {
        self.tell(LiveEntry::Quality { call: self.call.sid.clone(), at, quality });
    }

    pub(super) fn tool(&self, words: ToolWords) {
        self.tell(LiveEntry::Tool { call: self.call.sid.clone(), words });
    }

    pub(super) fn status(&mut self, status: CallStatus) {
        self.call.status = status;
        self.tell_call();
    }

    pub(super) fn agent(&mut self, agent: &Agent) {
        self.call.agent = agent.clone();
        self.tell_call();
    }

    /// What the recorder gets, and as it gets it.
    pub(super) fn sound(&self, op: &RecordOp) {
        if self.listened {
            let (call, clock) = (self.call.sid.clone(), self.clock);
            self.gallery.tell(News::Sound { call, clock, op: op.clone() });
        }
    }

    fn line_entry(&self, line: Line, is_final: bool) -> LiveEntry {
        LiveEntry::Line { call: self.call.sid.clone(), fence: self.fence, is_final, line }
    }

    fn tell_call(&self) {
        if self.watched {
            self.tell(LiveEntry::Call { call: Box::new(self.call.clone()) });
        }
    }

    fn tell_recent(&self) {
        self.tell_call();
        let recent = self.recent.iter().filter(|(at, _)| at.elapsed() < KEPT_FOR);
        recent.for_each(|(_, entry)| self.tell(entry.clone()));
    }

    /// What is written down as well.
    fn show(&mut self, entry: LiveEntry) {
        if self.watched {
            self.tell(entry.clone());
        }
        let now = Instant::now();
        while self.recent.len() >= MOST_KEPT || self.recent.front().is_some_and(|(at, _)| now - *at > KEPT_FOR) {
            self.recent.pop_front();
        }
        self.recent.push_back((now, entry));
    }

    fn tell(&self, entry: LiveEntry) {
        if self.watched {
            self.gallery.tell(News::Entry(entry));
        }
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        if self.listened {
            self.gallery.tell(News::Over(self.call.sid.clone()));
        }
    }
}
