//! The way back to the caller. Two kinds, one face: a queue into a task that writes as fast as the way allows and
//! keeps taking in what comes meanwhile, so that a `clear` overtakes the audio it revokes.

mod backlog;
mod direct;
mod gateway;

use std::pin::pin;
use std::time::{Duration, Instant};

use shared::calls::MediaPath;
use shared::ids::{ConnectionId, StreamSid};
use shared::session::ToCaller;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use backlog::Backlog;

pub use direct::{DirectSink, Offence, open as open_direct};
pub use gateway::{error_name, open as open_gateway};

/// Where a stream's messages go.
#[derive(Debug)]
pub struct CallerLink {
    pub id: LinkId,
    pub stream: StreamSid,
    pub path: MediaPath,
    queue: mpsc::Sender<Outgoing>,
    task: JoinHandle<()>,
}

/// Names a socket of the carrier's, whatever stream it claims to carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkId {
    Gateway(ConnectionId),
    Direct(u64),
}

/// A message, the moment its cause reached us, and whether that cause was the caller's speech.
#[derive(Debug, Clone, PartialEq)]
pub struct Parcel {
    pub at: Instant,
    pub barge_in: bool,
    pub message: ToCaller,
}

#[derive(Debug)]
enum Outgoing {
    Send(Parcel),
    /// Write what is left, then close the socket.
    Close,
}

/// Messages between driver and link task. The task never stops taking in, so this is a matter of scheduling.
const QUEUE: usize = 1024;

impl CallerLink {
    /// False if the link takes nothing more: the parcel is lost.
    pub fn send(&self, parcel: Parcel) -> bool {
        self.queue.try_send(Outgoing::Send(parcel)).is_ok()
    }

    /// Writes what is left and closes the socket, within `limit`.
    pub async fn close(self, limit: Duration) {
        let mut task = self.task;
        let closed = async {
            // A task that has ended already has closed its socket.
            let _ended = self.queue.send(Outgoing::Close).await;
            let _joined = (&mut task).await;
        };
        if tokio::time::timeout(limit, closed).await.is_err() {
            task.abort();
        }
    }

    /// Writes what is left, within `limit`, and leaves the socket open for another relay.
    pub async fn retire(self, limit: Duration) {
        drop(self.queue);
        let mut task = self.task;
        if tokio::time::timeout(limit, &mut task).await.is_err() {
            task.abort();
        }
    }

    /// Stops writing and leaves the socket as it is: it may be another's by now.
    pub fn abandon(self) {
        self.task.abort();
    }
}

/// A link task's side of the queue.
#[derive(Debug)]
struct Feed {
    queue: mpsc::Receiver<Outgoing>,
    arrived: Vec<Outgoing>,
    backlog: Backlog,
    state: FeedState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FeedState {
    Open,
    /// Asked to close once the backlog is written.
    Closing,
    /// Nobody is left to ask.
    Orphaned,
}

impl Feed {
    fn new(queue: mpsc::Receiver<Outgoing>, backlog: Backlog) -> Self {
        Self { queue, arrived: Vec::with_capacity(64), backlog, state: FeedState::Open }
    }

    /// Waits for the next messages and takes all that are ready. Safe to cancel.
    async fn absorb(&mut self) {
        if self.queue.recv_many(&mut self.arrived, 256).await == 0 {
            self.state = FeedState::Orphaned;
        }
        for outgoing in self.arrived.drain(..) {
            match outgoing {
                Outgoing::Send(parcel) => self.backlog.push(parcel),
                Outgoing::Close => self.state = FeedState::Closing,
            }
        }
    }

    /// Does `work`, and takes in what comes meanwhile.
    async fn absorb_during<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.absorb(), if self.state == FeedState::Open => {}
            }
        }
    }
}
