//! What is still to be written down of a call: only the latest form of a line and of the journal, and no more of the rest
//! than a bound.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use shared::agent::Agent;
use shared::calls::CallStatus;
use shared::ports::Entry;
use shared::session::{Journal, Line};
use tokio::sync::oneshot;

use super::Note;
use crate::relay::stamped::Stamped;

/// Of each kind. An hour's lines; the events of some minutes; the speech of a minute and more.
const MOST_LINES: usize = 1_000;
const MOST_ENTRIES: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Unwritten {
    lines: BTreeMap<u32, Line>,
    /// Events and speech, oldest first.
    entries: VecDeque<Entry>,
    status: Option<CallStatus>,
    agent: Option<Box<Agent>>,
    journal: Option<Box<Journal>>,
    /// Who waits for all of it.
    waiting: Vec<oneshot::Sender<()>>,
    oldest: Option<Instant>,
}

impl Unwritten {
    /// Returns how much is lost for it.
    pub(super) fn add(&mut self, Stamped { at, value: note }: Stamped<Note>) -> u64 {
        self.oldest.get_or_insert(at);
        match note {
            Note::Line(line) => _ = self.lines.insert(line.number, line),
            Note::Event { number, at, event } => self.entries.push_back(Entry::Event { number, at, event }),
            Note::Speech { from, mulaw } => self.entries.push_back(Entry::Audio { from, mulaw }),
            Note::Status(status) => self.status = Some(status),
            Note::Agent(agent) => self.agent = Some(agent),
            Note::Journal(journal) => self.journal = Some(journal),
            Note::Flush(done) => self.waiting.push(done),
        }
        let lines = (self.lines.len() > MOST_LINES).then(|| self.lines.pop_first()).flatten().is_some();
        let entries = (self.entries.len() > MOST_ENTRIES).then(|| self.entries.pop_front()).flatten().is_some();
        u64::from(lines) + u64::from(entries)
    }

    pub(super) fn len(&self) -> usize {
        let ones = [self.status.is_some(), self.agent.is_some(), self.journal.is_some()];
        self.lines.len() + self.entries.len() + ones.into_iter().filter(|one| *one).count()
    }

    /// Somebody waits.
    pub(super) fn is_urgent(&self) -> bool {
        self.waiting.iter().any(|done| !done.is_closed())
    }

    /// Lines first: they are what people said.
    pub(super) fn next_batch(&self, most: usize) -> Option<Vec<Entry>> {
        let lines = self.lines.values().cloned().map(Entry::Line);
        let batch: Vec<Entry> = lines.chain(self.entries.iter().cloned()).take(most).collect();
        (!batch.is_empty()).then_some(batch)
    }

    /// These are written, in the form in which they were handed out: nothing was added meanwhile.
    pub(super) fn wrote(&mut self, batch: &[Entry]) {
        for entry in batch {
            match entry {
                Entry::Line(line) => _ = self.lines.remove(&line.number),
                Entry::Event { .. } | Entry::Audio { .. } => _ = self.entries.pop_front(),
            }
        }
    }

    pub(super) fn status(&self) -> Option<CallStatus> {
        self.status
    }

    pub(super) fn wrote_status(&mut self) {
        self.status = None;
    }

    pub(super) fn agent(&self) -> Option<&Agent> {
        self.agent.as_deref()
    }

    pub(super) fn wrote_agent(&mut self) {
        self.agent = None;
    }

    pub(super) fn journal(&self) -> Option<&Journal> {
        self.journal.as_deref()
    }

    pub(super) fn wrote_journal(&mut self) {
        self.journal = None;
    }

    /// Nothing is left. Returns since when the oldest of it had been waiting.
    pub(super) fn all_written(&mut self) -> Option<Instant> {
        // Whoever does not wait any more has gone on without it.
        self.waiting.drain(..).for_each(|done| _ = done.send(()));
        self.oldest.take()
    }

    /// It is another's to write now.
    pub(super) fn give_up(&mut self) {
        *self = Self::default();
    }
}
