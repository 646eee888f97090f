//! The table of running calls, behind the only lock of the relay: held for a look-up, never across an `await`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::calls::{Call, CallStatus, Claimed, Holder, Lease};
use shared::ids::{CallSid, ConnectionId, StreamSid};
use shared::ports::{PortError, ReadCall as _, ReadHistory as _, WriteCall as _};
use shared::session::{Journal, Past, Succession};
use shared::time::Samples;
use shared::twilio::media::StreamMessage;
use tokio::sync::{OnceCell, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::caller_link::{CallerLink, LinkId};
use super::doors::{Doors, Ports};
use super::driver::Driver;
use super::inbound::Faults;
use super::metrics::Metrics;
use super::model_socket::Dialler;
use super::stamped::Stamped;

/// Ten seconds of frames. A driver that is further behind has lost them, and the caller hears of it.
const FRAMES: usize = 512;
const COMMANDS: usize = 16;
/// Calls that have ended here and may still get a frame or two.
const REMEMBERED: usize = 1024;

/// What all calls of a relay share.
#[derive(Debug)]
pub struct Common<D: Doors> {
    /// This relay, as the one that holds its calls.
    pub me: Holder,
    pub ports: Ports<D>,
    pub metrics: Arc<Metrics>,
    pub dialler: Dialler,
    pub most_calls: usize,
}

#[derive(Debug)]
pub struct Calls<D: Doors> {
    common: Arc<Common<D>>,
    table: Mutex<Table>,
    drivers: TaskTracker,
    /// Told to all drivers when the process goes away.
    shutdown: CancellationToken,
}

#[derive(Debug, Default)]
struct Table {
    calls: BTreeMap<CallSid, Arc<OnceCell<CallHandle>>>,
    connections: BTreeMap<ConnectionId, CallSid>,
    ended: VecDeque<CallSid>,
    draining: bool,
}

/// The way to a running call. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct CallHandle {
    pub sid: CallSid,
    pub inbox: mpsc::Sender<FromCaller>,
    pub commands: mpsc::Sender<Command>,
    pub faults: Arc<Faults>,
}

/// What reaches a call from its carrier, in the order of arrival.
#[derive(Debug)]
pub enum FromCaller {
    /// A stream on the direct path has proved whose it is.
    Attached(Box<CallerLink>),
    Frame(Stamped<StreamMessage>),
    /// A frame on the gateway path says with each message where it belongs; the first one opens the link.
    Gateway {
        connection: ConnectionId,
        stream: StreamSid,
        frame: Stamped<StreamMessage>,
    },
    Detached(LinkId),
}

/// A call that is ours now.
#[derive(Debug)]
pub struct Taken {
    pub call: Call,
    pub lease: Lease,
    /// What another relay left of it, or this one in an earlier life.
    pub past: Option<Past>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The carrier says that it is over.
    CallEnded,
    HangUp,
}

/// What to do about a call that another relay holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OthersCall {
    Leave,
    /// The caller's socket is here: take the call over.
    Claim,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    #[error("the call is unknown, over, or another relay's")]
    NotOurs,
    #[error("this relay takes no new calls")]
    Busy,
    #[error("the call could not be looked up")]
    Store(#[source] PortError),
}

impl<D: Doors> Calls<D> {
    pub fn new(common: Arc<Common<D>>) -> Arc<Self> {
        let shutdown = CancellationToken::new();
        Arc::new(Self { common, table: Mutex::default(), drivers: TaskTracker::new(), shutdown })
    }

    pub fn common(&self) -> &Arc<Common<D>> {
        &self.common
    }

    /// A call that runs here already.
    pub fn find(&self, sid: &CallSid) -> Option<CallHandle> {
        self.lock().calls.get(sid)?.get().cloned()
    }

    pub fn find_by_connection(&self, connection: &ConnectionId) -> Option<CallHandle> {
        let table = self.lock();
        table.calls.get(table.connections.get(connection)?)?.get().cloned()
    }

    pub fn bind(&self, connection: &ConnectionId, sid: &CallSid) {
        self.lock().connections.insert(connection.detached(), sid.clone());
    }

    /// A call that was announced: dial ahead.
    pub async fn prepare(self: &Arc<Self>, call: Call) -> Result<CallHandle, NotTaken> {
        if call.lease.as_ref().is_none_or(|lease| lease.relay != self.common.me.relay) {
            return Err(NotTaken::NotOurs);
        }
        let sid = call.sid.clone();
        self.open(&sid, self.take(call, OthersCall::Leave)).await
    }

    /// A call that runs here, or should: its announcement may have been lost.
    pub async fn find_or_open(self: &Arc<Self>, sid: &CallSid, others: OthersCall) -> Result<CallHandle, NotTaken> {
        match self.find(sid) {
            Some(handle) => Ok(handle),
            None => self.open(sid, self.look_up(sid, others)).await,
        }
    }

    /// Opens a call once, however many ask for it at the same time.
    async fn open(
        self: &Arc<Self>,
        sid: &CallSid,
        acquire: impl Future<Output = Result<Taken, NotTaken>> + Send,
    ) -> Result<CallHandle, NotTaken> {
        let cell = self.reserve(sid)?;
        let opened = cell.get_or_try_init(|| async { Ok(self.start(acquire.await?)) }).await.cloned();
        if opened.is_err() {
            self.release(sid, &cell);
        }
        opened
    }

    fn reserve(&self, sid: &CallSid) -> Result<Arc<OnceCell<CallHandle>>, NotTaken> {
        let mut table = self.lock();
        if let Some(cell) = table.calls.get(sid) {
            return Ok(Arc::clone(cell));
        }
        if table.ended.contains(sid) {
            return Err(NotTaken::NotOurs);
        }
        if table.draining || table.calls.len() >= self.common.most_calls {
            return Err(NotTaken::Busy);
        }
        Ok(Arc::clone(table.calls.entry(sid.detached()).or_default()))
    }

    /// Gives up a place in the table, unless somebody else still tries to fill it.
    fn release(&self, sid: &CallSid, cell: &Arc<OnceCell<CallHandle>>) {
        let mut table = self.lock();
        let only_ours = Arc::strong_count(cell) == 2 && !cell.initialized();
        if only_ours && table.calls.get(sid).is_some_and(|kept| Arc::ptr_eq(kept, cell)) {
            table.calls.remove(sid);
        }
    }

    async fn look_up(&self, sid: &CallSid, others: OthersCall) -> Result<Taken, NotTaken> {
        let call = self.common.ports.store.call(sid).await.map_err(NotTaken::Store)?.ok_or(NotTaken::NotOurs)?;
        self.take(call, others).await
    }

    async fn take(&self, call: Call, others: OthersCall) -> Result<Taken, NotTaken> {
        let held = call.lease.as_ref();
        let ours = held.is_some_and(|lease| lease.relay == self.common.me.relay);
        match (call.status, held) {
            (CallStatus::Ended(_), _) => Err(NotTaken::NotOurs),
            (_, Some(_)) if !ours && others == OthersCall::Leave => Err(NotTaken::NotOurs),
            (CallStatus::Ringing, Some(lease)) if ours => Ok(Taken { lease: lease.clone(), past: None, call }),
            (CallStatus::Ringing | CallStatus::InProgress, _) => self.claim(call, ours).await,
        }
    }

    /// Also what is ours already: a claim brings the journal, and keeps out whatever writes of it are still on their way.
    async fn claim(&self, call: Call, ours: bool) -> Result<Taken, NotTaken> {
        let held = call.lease.as_ref().map(|lease| lease.fence);
        let claimed = self.common.ports.store.claim(&call.sid, &self.common.me, held).await;
        let Claimed { lease, journal } = claimed.map_err(|error| match error {
            PortError::Conflict(_) | PortError::Gone => NotTaken::NotOurs,
            error => NotTaken::Store(error),
        })?;
        if held.is_some() && !ours {
            self.common.metrics.take_overs.inc();
        }
        let past = match call.status {
            CallStatus::InProgress => Some(self.past(&call.sid, Succession::TakenOver, journal).await),
            CallStatus::Ringing | CallStatus::Ended(_) => None,
        };
        Ok(Taken { call, lease, past })
    }

    /// What cannot be had is done without: the caller is there, and somebody has to answer.
    async fn past(&self, sid: &CallSid, succession: Succession, journal: Option<Journal>) -> Past {
        let store = &self.common.ports.store;
        let understood = journal.as_ref().map_or(Samples::ZERO, Journal::understood);
        let (lines, speech) = tokio::join!(store.transcript(sid), store.caller_audio(sid, understood));
        let missed = |error: PortError| tracing::error!(code = "past_unknown", call = %sid, %error);
        Past {
            succession,
            journal,
            lines: lines.map_err(missed).unwrap_or_default(),
            speech: speech.map_err(missed).unwrap_or_default(),
        }
    }

    fn start(self: &Arc<Self>, taken: Taken) -> CallHandle {
        let (inbox, from_caller) = mpsc::channel(FRAMES);
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let sid = taken.call.sid.clone();
        tracing::info!(call = %sid, fence = taken.lease.fence, "call taken");
        let handle = CallHandle { sid, inbox, commands, faults: Arc::default() };
        self.common.metrics.calls_opened.inc();
        self.common.metrics.calls.inc();
        let shutdown = self.shutdown.clone();
        let driver = Driver::new(Arc::clone(self), taken, handle.inbox.clone(), shutdown);
        let driving = tokio::spawn(driver.run(from_caller, command_receiver));
        self.drivers.spawn(Arc::clone(self).survive(handle.sid.clone(), driving));
        handle
    }

    /// A bug in one call must not be the other calls' end, nor this one's: its next frame finds no driver here, and
    /// opens the call anew with what was written down.
    async fn survive(self: Arc<Self>, sid: CallSid, driving: JoinHandle<()>) {
        if driving.await.is_err_and(|error| error.is_panic()) {
            tracing::error!(code = "driver_panicked", call = %sid);
            self.common.metrics.driver_panics.inc();
            self.forget(&sid);
        }
    }

    /// A call goes on elsewhere, and may come back.
    pub fn forget(&self, sid: &CallSid) {
        let mut table = self.lock();
        if table.calls.remove(sid).is_some() {
            self.common.metrics.calls.dec();
        }
        table.connections.retain(|_, call| call != sid);
    }

    /// A call is over. Its last frames find nobody, and ask no store for it.
    pub fn ended(&self, sid: &CallSid) {
        self.forget(sid);
        let mut table = self.lock();
        table.ended.push_back(sid.clone());
        if table.ended.len() > REMEMBERED {
            table.ended.pop_front();
        }
    }

    pub fn count(&self) -> usize {
        self.lock().calls.len()
    }

    pub fn is_draining(&self) -> bool {
        self.lock().draining
    }

    /// Takes no new calls from here on.
    pub fn begin_drain(&self) {
        self.lock().draining = true;
        self.drivers.close();
    }

    /// Waits until all calls have ended and all is written down. After [`begin_drain`](Self::begin_drain).
    pub async fn drained(&self) {
        self.drivers.wait().await;
    }

    /// Ends all calls.
    pub fn shut_down(&self) {
        self.shutdown.cancel();
    }

    /// A panic with the lock held leaves the table as it was between two statements: usable.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
