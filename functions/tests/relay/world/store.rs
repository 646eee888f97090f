//! The store, in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use shared::agent::Agent;
use shared::calls::{Call, CallStatus, Claimed, Ending, Holder, Lease, Relay as RelayRecord, StreamPass};
use shared::ids::{AgentId, CallSid, ConnectionId, RelayId};
use shared::insights::Review;
use shared::live::Watcher;
use shared::money::{Day, Usd};
use shared::page::{Cursor, Page};
use shared::ports::*;
use shared::redact::Secret;
use shared::search::Term;
use shared::session::{Event, Journal, Line};
use shared::time::{CallTime, Samples};
use tokio::sync::{Semaphore, watch};
use url::Url;

use super::until;

#[derive(Debug, Default)]
pub struct Books {
    pub calls: BTreeMap<CallSid, Call>,
    pub tokens: BTreeMap<String, StreamPass>,
    pub relays: BTreeMap<RelayId, RelayRecord>,
    pub journals: BTreeMap<CallSid, Journal>,
    /// By number and fence.
    pub lines: BTreeMap<(CallSid, u32, u64), Line>,
    /// By time, fence and number.
    pub events: BTreeMap<(CallSid, CallTime, u64, u64), Event>,
    /// By position and fence.
    pub audio: BTreeMap<(CallSid, Samples, u64), Bytes>,
    pub pulses: BTreeMap<RelayId, usize>,
    pub deposed: BTreeSet<RelayId>,
    pub held: BTreeSet<(RelayId, CallSid)>,
    pub watchers: Vec<Watcher>,
    pub writes: usize,
    /// By what calls are found.
    pub terms: BTreeMap<CallSid, Vec<Term>>,
    /// Of each agent, on whatever day.
    pub spent: BTreeMap<AgentId, Usd>,
}

#[derive(Debug)]
pub struct Store {
    pub books: watch::Sender<Books>,
    /// Shut, it keeps what is to be written down waiting.
    pub desk: Semaphore,
    pub faults: Mutex<VecDeque<PortError>>,
    /// What meets those who look a call up.
    pub unread: Mutex<VecDeque<PortError>>,
    /// What meets those who count money.
    pub miscounts: Mutex<VecDeque<PortError>>,
    /// The next end of a call that is to be written down meets a bug.
    pub bug: AtomicBool,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            books: watch::Sender::default(),
            desk: Semaphore::new(Semaphore::MAX_PERMITS),
            faults: Mutex::default(),
            unread: Mutex::default(),
            miscounts: Mutex::default(),
            bug: AtomicBool::default(),
        }
    }
}

impl Store {
    fn write<R>(&self, change: impl FnOnce(&mut Books) -> R) -> R {
        let mut result = None;
        self.books.send_modify(|books| {
            books.writes += 1;
            result = Some(change(books));
        });
        result.unwrap()
    }

    pub fn status(&self, sid: &CallSid) -> CallStatus {
        self.books.borrow().calls[sid].status
    }

    pub async fn ended(&self, sid: &CallSid) -> Ending {
        until(&self.books, |books| books.calls[sid].status.ended()).await
    }

    pub async fn event<R>(&self, sid: &CallSid, mut is: impl FnMut(&Event) -> Option<R>) -> R {
        until(&self.books, |books| {
            books.events.iter().filter(|((of, ..), _)| of == sid).find_map(|(_, event)| is(event))
        })
        .await
    }

    pub fn set_lease(&self, sid: &CallSid, lease: &Lease) {
        self.write(|books| books.calls.get_mut(sid).unwrap().lease = Some(lease.clone()));
    }

    /// Another relay takes the call.
    pub fn steal(&self, sid: &CallSid) {
        self.write(|books| {
            let lease = books.calls.get_mut(sid).unwrap().lease.as_mut().unwrap();
            *lease = holder("thief").lease(lease.fence + 1);
        });
    }
}

/// Some relay that is none.
pub fn holder(relay: &str) -> Holder {
    Holder { relay: relay.into(), address: Url::parse(&format!("http://{relay}.invalid:8081")).unwrap() }
}

impl Books {
    fn held(&mut self, sid: &CallSid, lease: &Lease) -> PortResult<&mut Call> {
        let call = self.calls.get_mut(sid).ok_or(PortError::Gone)?;
        if call.lease.as_ref() == Some(lease) { Ok(call) } else { Err(anothers()) }
    }
}

fn anothers() -> PortError {
    PortError::Conflict("another relay has the call".to_owned())
}

impl ReadCall for Store {
    async fn call(&self, sid: &CallSid) -> PortResult<Option<Call>> {
        let fault = self.unread.lock().unwrap().pop_front();
        fault.map_or_else(|| Ok(self.books.borrow().calls.get(sid).cloned()), Err)
    }

    async fn lease(&self, sid: &CallSid) -> PortResult<Option<Lease>> {
        Ok(self.books.borrow().calls.get(sid).and_then(|call| call.lease.clone()))
    }
}

impl WriteCall for Store {
    async fn open_call(&self, call: &Call) -> PortResult<()> {
        self.write(|books| {
            if books.calls.contains_key(&call.sid) {
                return Err(PortError::Conflict("the call exists".to_owned()));
            }
            books.calls.insert(call.sid.clone(), call.clone());
            Ok(())
        })
    }

    async fn claim(&self, sid: &CallSid, by: &Holder, held: Option<u64>) -> PortResult<Claimed> {
        self.write(|books| {
            let call = books.calls.get_mut(sid).ok_or(PortError::Gone)?;
            let lease = by.lease(held.unwrap_or_default() + 1);
            if call.lease.as_ref().map(|lease| lease.fence) != held && call.lease.as_ref() != Some(&lease) {
                return Err(anothers());
            }
            call.lease = Some(lease.clone());
            Ok(Claimed { lease, journal: books.journals.get(sid).cloned() })
        })
    }

    async fn hand_over(&self, sid: &CallSid, lease: &Lease, to: &Holder, journal: &Journal) -> PortResult<Lease> {
        self.write(|books| {
            let next = to.lease(lease.fence + 1);
            let call = books.calls.get_mut(sid).ok_or(PortError::Gone)?;
            if call.lease.as_ref() != Some(&next) {
                books.held(sid, lease)?.lease = Some(next.clone());
                books.journals.insert(sid.clone(), journal.clone());
            }
            Ok(next)
        })
    }

    async fn write_journal(&self, sid: &CallSid, lease: &Lease, journal: &Journal) -> PortResult<()> {
        self.write(|books| {
            books.held(sid, lease)?;
            books.journals.insert(sid.clone(), journal.clone());
            Ok(())
        })
    }

    async fn set_status(&self, sid: &CallSid, status: CallStatus, lease: &Lease) -> PortResult<()> {
        assert!(status.ended().is_none() || !self.bug.swap(false, Ordering::Relaxed), "a bug, as the test wants it");
        self.write(|books| {
            let call = books.held(sid, lease)?;
            if call.status.ended().is_none() {
                call.status = status;
            }
            Ok(())
        })
    }

    async fn set_agent(&self, sid: &CallSid, agent: &Agent, lease: &Lease) -> PortResult<()> {
        self.write(|books| {
            books.held(sid, lease)?.agent = agent.clone();
            Ok(())
        })
    }

    async fn end_call(&self, sid: &CallSid, ending: Ending) -> PortResult<()> {
        self.write(|books| {
            let call = books.calls.get_mut(sid).ok_or(PortError::Gone)?;
            if call.status.ended().is_none() {
                call.status = CallStatus::Ended(ending);
            }
            Ok(())
        })
    }

    async fn count_stream(&self, _sid: &CallSid) -> PortResult<u32> {
        Ok(1)
    }
}

impl Chronicle for Store {
    async fn append(&self, sid: &CallSid, fence: u64, entries: &[Entry]) -> PortResult<()> {
        drop(self.desk.acquire().await.unwrap());
        if let Some(fault) = self.faults.lock().unwrap().pop_front() {
            return Err(fault);
        }
        self.write(|books| {
            for entry in entries {
                match entry.clone() {
                    Entry::Line(line) => _ = books.lines.insert((sid.clone(), line.number, fence), line),
                    Entry::Event { number, at, event } => {
                        books.events.insert((sid.clone(), at, fence, number), event);
                    }
                    Entry::Audio { from, mulaw } => _ = books.audio.insert((sid.clone(), from, fence), mulaw),
                }
            }
        });
        Ok(())
    }
}

impl IndexCalls for Store {
    async fn index_call(&self, call: &Call, terms: &[Term]) -> PortResult<()> {
        self.write(|books| books.terms.insert(call.sid.clone(), terms.to_vec()));
        Ok(())
    }

    async fn review_call(&self, sid: &CallSid, review: &Review) -> PortResult<()> {
        self.write(|books| books.calls.get_mut(sid).map(|call| call.review = Some(review.clone())));
        Ok(())
    }
}

impl ReadHistory for Store {
    async fn recent_calls(&self, _limit: u32, _after: Option<&Cursor>) -> PortResult<Page<Call>> {
        Ok(Page { items: Vec::new(), next: None })
    }
    async fn transcript(&self, sid: &CallSid) -> PortResult<Vec<Line>> {
        let books = self.books.borrow();
        let written = books.lines.iter().filter(|((of, ..), _)| of == sid);
        Ok(shared::transcript::merge(written.map(|((_, _, fence), line)| (*fence, line.clone()))))
    }
    async fn events(&self, sid: &CallSid) -> PortResult<Vec<(CallTime, Event)>> {
        let books = self.books.borrow();
        let events = books.events.iter().filter(|((of, ..), _)| of == sid);
        Ok(events.map(|((_, at, ..), event)| (*at, event.clone())).collect())
    }
    async fn caller_audio(&self, sid: &CallSid, from: Samples) -> PortResult<Vec<(Samples, Bytes)>> {
        let books = self.books.borrow();
        let ends = |begins: Samples, mulaw: &Bytes| begins + Samples(mulaw.len() as u64);
        let wanted = books.audio.iter().filter(|((of, begins, _), mulaw)| of == sid && ends(*begins, mulaw) > from);
        // Of several fences the last one stays.
        let pieces: BTreeMap<_, _> = wanted.map(|((_, begins, _), mulaw)| (*begins, mulaw.clone())).collect();
        Ok(pieces.into_iter().collect())
    }
    async fn relays(&self) -> PortResult<Vec<RelayRecord>> {
        Ok(self.books.borrow().relays.values().cloned().collect())
    }
}

impl ListWatchers for Store {
    async fn watchers(&self) -> PortResult<Vec<Watcher>> {
        Ok(self.books.borrow().watchers.clone())
    }
}

impl Pulses for Store {
    async fn pulse(&self, relay: &RelayId) -> PortResult<()> {
        self.write(|books| {
            if books.deposed.contains(relay) {
                return Err(PortError::Conflict("this relay was deposed".to_owned()));
            }
            *books.pulses.entry(relay.clone()).or_default() += 1;
            Ok(())
        })
    }
    async fn depose(&self, relay: &RelayId) -> PortResult<bool> {
        Ok(self.write(|books| books.deposed.insert(relay.clone())))
    }
}

impl Holdings for Store {
    async fn note_held(&self, relay: &RelayId, sid: &CallSid) -> PortResult<()> {
        self.write(|books| books.held.insert((relay.clone(), sid.clone())));
        Ok(())
    }
    async fn forget_held(&self, relay: &RelayId, sid: &CallSid) -> PortResult<()> {
        self.write(|books| books.held.remove(&(relay.clone(), sid.clone())));
        Ok(())
    }
    async fn held_by(&self, relay: &RelayId) -> PortResult<Vec<CallSid>> {
        let books = self.books.borrow();
        Ok(books.held.iter().filter(|(of, _)| of == relay).map(|(_, sid)| sid.clone()).collect())
    }
}

impl Tokens for Store {
    async fn issue_token(&self, token: &Secret, pass: &StreamPass) -> PortResult<()> {
        self.write(|books| books.tokens.insert(token.reveal().to_owned(), pass.clone()));
        Ok(())
    }
    async fn redeem_token(&self, token: &Secret) -> PortResult<CallSid> {
        self.write(|books| books.tokens.remove(token.reveal())).map(|pass| pass.call).ok_or(PortError::Gone)
    }
}

impl LookAtTokens for Store {
    async fn stream_pass(&self, token: &Secret) -> PortResult<Option<StreamPass>> {
        Ok(self.books.borrow().tokens.get(token.reveal()).cloned())
    }
}

impl Placements for Store {
    async fn note_placed(&self, relay: &RelayId) -> PortResult<()> {
        self.write(|books| {
            books.relays.values_mut().filter(|listed| listed.id == *relay).for_each(|listed| listed.opened += 1)
        });
        Ok(())
    }
}

impl CountSpending for Store {
    async fn count_spending(&self, agent: &AgentId, _day: Day, amount: Usd) -> PortResult<Usd> {
        if let Some(fault) = self.miscounts.lock().unwrap().pop_front() {
            return Err(fault);
        }
        Ok(self.write(|books| {
            let total = books.spent.entry(agent.clone()).or_default();
            *total += amount;
            *total
        }))
    }
}

impl Relays for Store {
    async fn register(&self, relay: &RelayRecord) -> PortResult<()> {
        self.write(|books| books.relays.insert(relay.id.clone(), relay.clone()));
        Ok(())
    }
    async fn deregister(&self, id: &RelayId) -> PortResult<()> {
        self.write(|books| books.relays.remove(id));
        Ok(())
    }
    async fn control_opened(&self, _id: &RelayId, _connection: &ConnectionId) -> PortResult<()> {
        Ok(())
    }
    async fn control_closed(&self, _connection: &ConnectionId) -> PortResult<()> {
        Ok(())
    }
}
