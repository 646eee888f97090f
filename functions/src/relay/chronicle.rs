//! Writes down what happens in a call while it happens, in batches, behind the audio's back: a slow store costs
//! entries, which are counted, and never a frame.

use std::sync::Arc;
use std::time::Duration;

use shared::calls::{CallStatus, Lease};
use shared::ids::CallSid;
use shared::ports::{Chronicle, Entry, PortError, PortResult, WriteCall};
use shared::session::{Event, Line};
use shared::time::CallTime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::caller_link::error_name;
use super::metrics::{Metrics, label};
use super::stamped::Stamped;

const QUEUE: usize = 1024;
/// What one batched write of DynamoDB takes.
const BATCH: usize = 25;
/// How long an entry waits for company.
const LINGER: Duration = Duration::from_millis(200);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const RETRIES: u32 = 5;

/// The driver's side.
#[derive(Debug)]
pub struct Scribe {
    queue: mpsc::Sender<Stamped<Note>>,
    task: JoinHandle<()>,
    events: u64,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
enum Note {
    Entry(Entry),
    Status(CallStatus),
}

impl Scribe {
    /// `fenced` is cancelled when the store says that another relay holds the call.
    pub fn start<S>(sid: CallSid, lease: Lease, store: Arc<S>, fenced: CancellationToken, metrics: Arc<Metrics>) -> Self
    where
        S: Chronicle + WriteCall + 'static,
    {
        let (queue, notes) = mpsc::channel(QUEUE);
        let desk =
            Desk { sid, lease, store, notes, batch: Vec::with_capacity(BATCH), fenced, metrics: metrics.clone() };
        Self { queue, task: tokio::spawn(desk.run()), events: 0, metrics }
    }

    pub fn line(&self, line: Line) {
        self.put(Note::Entry(Entry::Line(line)));
    }

    pub fn event(&mut self, at: CallTime, event: Event) {
        self.events += 1;
        self.put(Note::Entry(Entry::Event { number: self.events, at, event }));
    }

    pub fn status(&self, status: CallStatus) {
        self.put(Note::Status(status));
    }

    /// Writes what is left, within `limit`.
    pub async fn finish(self, limit: Duration) {
        drop(self.queue);
        let mut task = self.task;
        if tokio::time::timeout(limit, &mut task).await.is_err() {
            task.abort();
            self.metrics.chronicle_dropped.inc();
        }
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
    batch: Vec<Stamped<Note>>,
    fenced: CancellationToken,
    metrics: Arc<Metrics>,
}

impl<S: Chronicle + WriteCall> Desk<S> {
    async fn run(mut self) {
        while self.notes.recv_many(&mut self.batch, BATCH).await > 0 {
            self.linger().await;
            self.write().await;
        }
    }

    async fn linger(&mut self) {
        let until = tokio::time::Instant::now() + LINGER;
        while self.batch.len() < BATCH && !self.notes.is_closed() {
            let more = self.notes.recv_many(&mut self.batch, BATCH);
            match tokio::time::timeout_at(until, more).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    async fn write(&mut self) {
        let first = self.batch.first().map(|note| note.at);
        let (entries, statuses) = sort(self.batch.drain(..));
        if self.fenced.is_cancelled() {
            return self.drop_entries(entries.len());
        }
        for part in entries.chunks(BATCH) {
            let append = || self.store.append(&self.sid, self.lease.fence, part);
            if !self.persist(append).await {
                self.drop_entries(part.len());
            }
        }
        for status in statuses {
            self.persist(|| self.store.set_status(&self.sid, status, &self.lease)).await;
        }
        if let Some(first) = first {
            self.metrics.chronicle_lag_seconds.observe(first.elapsed().as_secs_f64());
        }
    }

    /// Tries until it is written, refused, or not worth it any more.
    async fn persist<F: Future<Output = PortResult<()>>>(&self, write: impl Fn() -> F) -> bool {
        let mut wait = FIRST_RETRY;
        for _ in 0..=RETRIES {
            let Err(error) = write().await else { return true };
            self.metrics.chronicle_errors.get_or_create(&label(error_name(&error))).inc();
            match error {
                PortError::Conflict(_) => {
                    tracing::warn!(call = %self.sid, fence = self.lease.fence, "another relay holds the call");
                    self.fenced.cancel();
                    return false;
                }
                PortError::Throttled(_) | PortError::Unavailable(_) => tokio::time::sleep(wait).await,
                PortError::Gone | PortError::Corrupt(_) => break,
            }
            wait *= 2;
        }
        tracing::warn!(call = %self.sid, "the store does not take what happens in this call");
        false
    }

    fn drop_entries(&self, count: usize) {
        self.metrics.chronicle_dropped.inc_by(count as u64);
    }
}

/// Entries in order, of each line only its latest form; and what the call's status became.
fn sort(notes: impl Iterator<Item = Stamped<Note>>) -> (Vec<Entry>, Vec<CallStatus>) {
    let (mut entries, mut statuses) = (Vec::<Entry>::new(), Vec::new());
    for note in notes {
        match note.value {
            Note::Status(status) => statuses.push(status),
            Note::Entry(entry) => {
                entries.retain(|earlier| !replaces(&entry, earlier));
                entries.push(entry);
            }
        }
    }
    (entries, statuses)
}

fn replaces(entry: &Entry, earlier: &Entry) -> bool {
    matches!((entry, earlier), (Entry::Line(new), Entry::Line(old)) if new.number == old.number)
}
