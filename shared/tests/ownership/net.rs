//! Time, and everything that is on its way through it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use fastrand::Rng;
use shared::calls::Relay;

use super::messages::{Event, Process, Reply};

/// What a cable can be cut between. Functions stand in subnets, and each of those has cables of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Store,
    Slot(usize),
    Subnet(usize),
}

/// How long messages take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) delay_ms: u64,
    /// One message in so many takes 300 ms and more; none if this is 0.
    pub(crate) tail: u32,
}

pub(crate) struct Net {
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    pub(crate) weather: Weather,
    /// While it is not 0, all messages take their time.
    pub(crate) congestions: u32,
    /// What heartbeats tell everybody, at once and for free.
    pub(crate) registry: Vec<Relay>,
    cuts: BTreeMap<(Place, Place), u32>,
    queue: BinaryHeap<Reverse<Entry>>,
    entries: u64,
    tokens: u64,
}

/// Events of one millisecond come in any order.
#[derive(Debug)]
struct Entry {
    at: u64,
    tie: u32,
    number: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.tie, self.number).cmp(&(other.at, other.tie, other.number))
    }
}

impl Net {
    pub(crate) fn new(seed: u64, weather: Weather) -> Self {
        Self {
            now: 0,
            rng: Rng::with_seed(seed),
            weather,
            congestions: 0,
            registry: Vec::new(),
            cuts: BTreeMap::new(),
            queue: BinaryHeap::new(),
            entries: 0,
            tokens: 0,
        }
    }

    pub(crate) fn at(&mut self, at: u64, event: Event) {
        self.entries += 1;
        let entry = Entry { at: at.max(self.now), tie: self.rng.u32(..), number: self.entries, event };
        self.queue.push(Reverse(entry));
    }

    pub(crate) fn after(&mut self, ms: u64, event: Event) {
        self.at(self.now + ms, event);
    }

    /// The next event that is due by `until`; time goes on to it.
    pub(crate) fn next(&mut self, until: u64) -> Option<Event> {
        if self.queue.peek().is_none_or(|Reverse(entry)| entry.at > until) {
            self.now = until;
            return None;
        }
        let Reverse(entry) = self.queue.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }

    /// Sends a request and sets the alarm for when it was not answered in time.
    pub(crate) fn request(
        &mut self,
        from: (Process, Place),
        to: Place,
        patience: Duration,
        request: impl FnOnce(u64) -> Event,
    ) -> u64 {
        self.tokens += 1;
        let token = self.tokens;
        if !self.is_cut(from.1, to) {
            let delay = self.delay();
            self.after(delay, request(token));
        }
        let patience = u64::try_from(patience.as_millis()).unwrap();
        self.after(patience, Event::TimedOut { at: from.0, token });
        token
    }

    pub(crate) fn answer(&mut self, from: Place, to: (Process, Place), token: u64, reply: Reply) {
        if !self.is_cut(from, to.1) {
            let delay = self.delay();
            self.after(delay, Event::Answer { from, to: to.0, place: to.1, token, reply });
        }
    }

    fn delay(&mut self) -> u64 {
        let Weather { delay_ms, tail } = self.weather;
        if self.congestions > 0 {
            self.rng.u64(100..=450)
        } else if tail > 0 && self.rng.u32(0..tail) == 0 {
            self.rng.u64(300..=1_500)
        } else {
            self.rng.u64(0..=delay_ms)
        }
    }

    pub(crate) fn is_cut(&self, a: Place, b: Place) -> bool {
        self.cuts.get(&(a.min(b), a.max(b))).is_some_and(|cuts| *cuts > 0)
    }

    pub(crate) fn cut(&mut self, a: Place, b: Place) {
        *self.cuts.entry((a.min(b), a.max(b))).or_default() += 1;
    }

    pub(crate) fn mend(&mut self, a: Place, b: Place) {
        *self.cuts.entry((a.min(b), a.max(b))).or_default() -= 1;
    }
}
