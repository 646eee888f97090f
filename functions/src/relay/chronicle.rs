//! Writes down what happens in a call while it happens, behind the audio's back: lines and events in batches, and after
//! them the journal from which a successor would go on. A store that is slow or away is waited for: what is replaced by
//! something newer is not written at all, the rest is kept up to a bound, and what goes beyond it is counted as lost.

mod unwritten;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use shared::agent::Agent;
use shared::calls::{CallStatus, Lease};
use shared::ids::CallSid;
use shared::ports::{Chronicle, PortError, PortResult, WriteCall};
use shared::session::{Event, Journal, Line};
use shared::time::{CallTime, Samples};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::unwritten::Unwritten;
use super::caller_link::error_name;
use super::metrics::{Metrics, label};
use super::stamped::Stamped;

const QUEUE: usize = 1024;
/// What one batched write of DynamoDB takes.
const BATCH: usize = 25;
/// How long an entry waits for company.
const LINGER: Duration = Duration::from_millis(40);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(3);
/// How long whatever must not happen before it is written down waits for a store that does not write.
const LONGEST_WAIT: Duration = Duration::from_millis(300);

/// The driver's side.
#[derive(Debug)]
pub struct Scribe {
    queue: mpsc::Sender<Stamped<Note>>,
    task: JoinHandle<usize>,
    events: u64,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
enum Note {
    Line(Line),
    Event {
        number: u64,
        at: CallTime,
        event: Event,
    },
    Speech {
        from: Samples,
        mulaw: Bytes,
    },
    Status(CallStatus),
    Agent(Box<Agent>),
    Journal(Box<Journal>),
    /// Answered when everything before it is written.
    Flush(oneshot::Sender<()>),
}

impl Scribe {
    /// `fenced` is cancelled when the store says that another relay holds the call.
    pub fn start<S>(sid: CallSid, lease: Lease, store: Arc<S>, fenced: CancellationToken, metrics: Arc<Metrics>) -> Self
    where
        S: Chronicle + WriteCall + 'static,
    {
        let (queue, notes) = mpsc::channel(QUEUE);
        let desk = Desk {
            sid,
            lease,
            store,
            notes,
            arrived: Vec::with_capacity(BATCH),
            unwritten: Unwritten::default(),
            fenced,
            metrics: metrics.clone(),
        };
        Self { queue, task: tokio::spawn(desk.run()), events: 0, metrics }
    }

    pub fn line(&self, line: Line) {
        self.put(Note::Line(line));
    }

    /// Returns its number among this holder's.
    pub fn event(&mut self, at: CallTime, event: Event) -> u64 {
        self.events += 1;
        self.put(Note::Event { number: self.events, at, event });
        self.events
    }

    pub fn speech(&self, from: Samples, mulaw: Bytes) {
        self.put(Note::Speech { from, mulaw });
    }

    pub fn status(&self, status: CallStatus) {
        self.put(Note::Status(status));
    }

    pub fn agent(&self, agent: Box<Agent>) {
        self.put(Note::Agent(agent));
    }

    pub fn journal(&self, journal: Box<Journal>) {
        self.put(Note::Journal(journal));
    }

    /// Ends when everything that was handed in so far is written, or has been waited for long enough.
    pub fn written(&self) -> impl Future<Output = ()> + Send + use<> {
        let (done, written) = oneshot::channel();
        self.put(Note::Flush(done));
        async move { drop(tokio::time::timeout(LONGEST_WAIT, written).await) }
    }

    /// Writes what is left, within `limit`.
    pub async fn finish(self, limit: Duration) {
        drop(self.queue);
        let mut task = self.task;
        let lost = match tokio::time::timeout(limit, &mut task).await {
            Ok(Ok(lost)) => lost,
            Ok(Err(_)) => 1,
            Err(_) => {
                task.abort();
                1
            }
        };
        self.metrics.chronicle_dropped.inc_by(lost as u64);
    }

    fn put(&self, note: Note) {
        if self.queue.try_send(Stamped::now(note)).is_err() {
            self.metrics.chronicle_dropped.inc();
        }
    }
}

/// The task's side.
struct Desk<S> {
    sid: CallSid,
    lease: Lease,
    store: Arc<S>,
    notes: mpsc::Receiver<Stamped<Note>>,
    arrived: Vec<Stamped<Note>>,
    unwritten: Unwritten,
    fenced: CancellationToken,
    metrics: Arc<Metrics>,
}

impl<S: Chronicle + WriteCall> Desk<S> {
    /// Returns how much was left unwritten.
    async fn run(mut self) -> usize {
        while self.wait_for_notes().await {
            self.take_in(LINGER, false).await;
            let mut retry = FIRST_RETRY;
            while !self.fenced.is_cancelled() && !self.write().await {
                self.take_in(retry, true).await;
                retry = (retry * 2).min(LONGEST_RETRY);
            }
            if self.fenced.is_cancelled() {
                self.unwritten.give_up();
            }
        }
        self.unwritten.len()
    }

    async fn wait_for_notes(&mut self) -> bool {
        let some = self.notes.recv_many(&mut self.arrived, QUEUE).await > 0;
        self.sort();
        some
    }

    /// More of them, for so long; but nobody is kept waiting, unless the store is the cause.
    async fn take_in(&mut self, wait: Duration, failing: bool) {
        let until = Instant::now() + wait;
        while failing || !self.unwritten.is_urgent() {
            match tokio::time::timeout_at(until, self.notes.recv_many(&mut self.arrived, QUEUE)).await {
                Ok(0) if failing => return tokio::time::sleep_until(until).await,
                Ok(0) | Err(_) => return,
                Ok(_) => self.sort(),
            }
        }
    }

    fn sort(&mut self) {
        let mut lost = 0;
        for note in self.arrived.drain(..) {
            lost += self.unwritten.add(note);
        }
        self.metrics.chronicle_dropped.inc_by(lost);
    }

    /// False if the store would not take all of it now. The journal comes after what it presupposes.
    async fn write(&mut self) -> bool {
        while let Some(entries) = self.unwritten.next_batch(BATCH) {
            match self.ask(self.store.append(&self.sid, self.lease.fence, &entries)).await {
                Outcome::Later => return false,
                Outcome::Done => self.unwritten.wrote(&entries),
                Outcome::Never => {
                    self.metrics.chronicle_dropped.inc_by(entries.len() as u64);
                    self.unwritten.wrote(&entries);
                }
            }
        }
        if let Some(status) = self.unwritten.status() {
            match self.ask(self.store.set_status(&self.sid, status, &self.lease)).await {
                Outcome::Later => return false,
                Outcome::Done | Outcome::Never => self.unwritten.wrote_status(),
            }
        }
        if let Some(agent) = self.unwritten.agent() {
            match self.ask(self.store.set_agent(&self.sid, agent, &self.lease)).await {
                Outcome::Later => return false,
                Outcome::Done | Outcome::Never => self.unwritten.wrote_agent(),
            }
        }
        if let Some(journal) = self.unwritten.journal() {
            match self.ask(self.store.write_journal(&self.sid, &self.lease, journal)).await {
                Outcome::Later => return false,
                Outcome::Done | Outcome::Never => self.unwritten.wrote_journal(),
            }
        }
        if let Some(oldest) = self.unwritten.all_written() {
            self.metrics.chronicle_lag_seconds.observe(oldest.elapsed().as_secs_f64());
        }
        true
    }

    async fn ask(&self, write: impl Future<Output = PortResult<()>>) -> Outcome {
        let Err(error) = write.await else { return Outcome::Done };
        self.metrics.chronicle_errors.get_or_create(&label(error_name(&error))).inc();
        match error {
            PortError::Conflict(_) => {
                tracing::warn!(call = %self.sid, fence = self.lease.fence, "another relay holds the call");
                self.fenced.cancel();
                Outcome::Never
            }
            PortError::Throttled(_) | PortError::Unavailable(_) => Outcome::Later,
            PortError::Gone | PortError::Corrupt(_) => {
                tracing::warn!(code = "not_written_down", call = %self.sid, %error);
                Outcome::Never
            }
        }
    }
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    Later,
    Never,
}
