//! The table of running calls, behind the only lock of the relay: held for a look-up, never across an `await`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::agent::Agent;
use shared::audio::hold_music::Piece;
use shared::calls::{Call, Holder, Lease, Relay};
use shared::ids::{CallSid, ConnectionId, MusicId, StreamSid};
use shared::ownership::{Lost, YieldAnswer};
use shared::ports::{Clock as _, Holdings as _, PortError, ReadHistory as _};
use shared::session::{OperatorCommand, Past};
use shared::transfer::News;
use shared::twilio::media::StreamMessage;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::caller_link::{CallerLink, LinkId};
use super::doors::{Doors, Ports};
use super::driver::Driver;
use super::gallery::Gallery;
use super::inbound::Faults;
use super::jukebox::Jukebox;
use super::metrics::Metrics;
use super::model_socket::Dialler;
use super::office::{Office, Permit};
use super::opening::{self, Attempt};
use super::spool::Spool;
use super::stamped::Stamped;

/// Ten seconds of frames. A driver that is further behind has lost them, and the caller hears of it.
pub(super) const FRAMES: usize = 512;
const COMMANDS: usize = 16;
/// Calls that have ended here and may still get a frame or two.
const REMEMBERED: usize = 1024;

/// What all calls of a relay share.
#[derive(Debug)]
pub struct Common<D: Doors> {
    /// This relay, as the one that holds its calls.
    pub me: Holder,
    pub office: Arc<Office>,
    pub ports: Ports<D>,
    pub metrics: Arc<Metrics>,
    pub dialler: Dialler,
    /// The way of all recordings.
    pub spool: Arc<Spool<D::Recordings>>,
    pub jukebox: Arc<Jukebox<D::Music>>,
    /// Where what happens is shown to whoever watches.
    pub gallery: Arc<Gallery>,
    pub most_calls: usize,
    /// Where the carrier reaches us over HTTP.
    pub public_url: Option<url::Url>,
    /// How many processors may be used.
    pub cores: f32,
}

impl<D: Doors> Common<D> {
    /// The best other relay, if there is one and it is known in time.
    pub(super) async fn successor(&self, patience: Duration) -> Option<Holder> {
        let relays = tokio::time::timeout(patience, self.ports.store.relays()).await.ok()?.ok()?;
        let others: Vec<_> = relays.into_iter().filter(|relay| relay.id != self.me.relay).collect();
        Relay::pick(&others, self.ports.clock.unix_ms()).map(Relay::holder)
    }
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
    calls: BTreeMap<CallSid, Place>,
    connections: BTreeMap<ConnectionId, CallSid>,
    ended: VecDeque<CallSid>,
    draining: bool,
}

/// A call that runs here, or is about to.
#[derive(Debug, Clone)]
pub enum Place {
    Opening(Arc<Attempt>),
    Open(CallHandle),
}

/// The way to a running call. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct CallHandle {
    pub sid: CallSid,
    pub inbox: mpsc::Sender<FromCaller>,
    pub commands: mpsc::Sender<Command>,
    pub faults: Arc<Faults>,
    pub permit: Permit,
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

#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// The carrier says that it is over.
    CallEnded,
    ChangeAgent(Box<Agent>),
    Operator(OperatorCommand),
    /// What the carrier tells of a transfer.
    News(News),
    /// The process is about to go, and there is another to go on.
    HandOver,
    /// A file of hold music is here.
    HoldMusic(MusicId, Piece),
}

/// Why a call that does not run here should.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// If it is ours by its lease: its announcement may have been lost.
    Ours,
    /// It was announced, as it was just written.
    Announced(Box<Call>),
    /// The caller's own socket is here: whoever had the call speaks into one that is gone.
    Socket,
    /// Its holder does not answer.
    Lost(Lost),
    /// Its holder gave it to us.
    Given,
}

impl Claim {
    /// Of the lease that was lost.
    pub fn lost_fence(&self) -> Option<u64> {
        match self {
            Self::Lost(lost) => Some(lost.lease.fence),
            Self::Ours | Self::Announced(_) | Self::Socket | Self::Given => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    #[error("the call is unknown, over, or another relay's")]
    NotOurs,
    #[error("another relay has claimed the call")]
    Claimed,
    #[error("its holder works")]
    HolderWorks,
    #[error("this relay takes no new calls")]
    Busy,
    #[error("neither the call's frames nor its holder's silence could be had")]
    Unproven,
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
        match self.lock().calls.get(sid)? {
            Place::Open(handle) => Some(handle.clone()),
            Place::Opening(_) => None,
        }
    }

    pub fn find_by_connection(&self, connection: &ConnectionId) -> Option<CallHandle> {
        let sid = self.lock().connections.get(connection)?.clone();
        self.find(&sid)
    }

    pub fn bind(&self, connection: &ConnectionId, sid: &CallSid) {
        self.lock().connections.insert(connection.detached(), sid.clone());
    }

    /// A call that runs here, or should.
    pub async fn find_or_open(self: &Arc<Self>, sid: &CallSid, claim: Claim) -> Result<CallHandle, NotTaken> {
        match self.place(sid, claim)? {
            Place::Open(handle) => Ok(handle),
            Place::Opening(attempt) => attempt.opened().await,
        }
    }

    /// Opens a call once, however many ask for it at the same time.
    pub fn place(self: &Arc<Self>, sid: &CallSid, claim: Claim) -> Result<Place, NotTaken> {
        let mut table = self.lock();
        if let Some(place) = table.calls.get(sid) {
            return Ok(place.clone());
        }
        if table.ended.contains(sid) {
            return Err(NotTaken::NotOurs);
        }
        if table.draining || table.calls.len() >= self.common.most_calls {
            return Err(NotTaken::Busy);
        }
        let (attempt, frames) = Attempt::new();
        let place = Place::Opening(Arc::clone(&attempt));
        table.calls.insert(sid.detached(), place.clone());
        drop(table);
        self.drivers.spawn(opening::run(Arc::clone(self), sid.detached(), claim, attempt, frames));
        Ok(place)
    }

    /// The call is ours: from here on it runs. Refused if it was given up while it was being opened.
    pub(super) fn start(
        self: &Arc<Self>,
        taken: Taken,
        inbox: mpsc::Sender<FromCaller>,
        frames: mpsc::Receiver<FromCaller>,
    ) -> Result<CallHandle, NotTaken> {
        let (sid, fence) = (taken.call.sid.clone(), taken.lease.fence);
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let permit = Permit::new(Arc::clone(&self.common.office), fence);
        let handle = CallHandle { sid: sid.clone(), inbox, commands, faults: Arc::default(), permit };
        {
            let mut table = self.lock();
            if self.common.office.has_given_up(&sid, fence) {
                return Err(NotTaken::Claimed);
            }
            table.calls.insert(sid.clone(), Place::Open(handle.clone()));
        }
        tracing::info!(call = %sid, fence, "call taken");
        self.note_held(&sid);
        self.common.metrics.calls_opened.inc();
        self.common.metrics.calls.inc();
        self.fetch_music(&taken.call.agent, &handle);
        let driver = Driver::new(Arc::clone(self), taken, &handle, self.shutdown.clone());
        let driving = tokio::spawn(driver.run(frames, command_receiver));
        self.drivers.spawn(Arc::clone(self).survive(sid, driving));
        Ok(handle)
    }

    /// Off the way of everything else: the built-in piece is there at once.
    pub fn fetch_music(&self, agent: &Agent, handle: &CallHandle) {
        let Some(id) = agent.hold_music.file().cloned() else { return };
        let (jukebox, commands) = (Arc::clone(&self.common.jukebox), handle.commands.clone());
        tokio::spawn(async move {
            if let Some(piece) = jukebox.piece(&id).await {
                // Fails only when the call is over.
                let _over = commands.send(Command::HoldMusic(id, piece)).await;
            }
        });
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

    /// Another relay has been told that we do not answer, and asks for the call. Once this says that it may have it,
    /// nothing more is said here.
    pub async fn yield_call(&self, sid: &CallSid, fence: u64) -> YieldAnswer {
        let handle = {
            // With the table held, so that the call is not opened between the look and the note.
            let table = self.lock();
            match table.calls.get(sid) {
                Some(Place::Open(handle)) => Some(handle.clone()),
                Some(Place::Opening(_)) | None => {
                    self.common.office.give_up(sid, fence);
                    None
                }
            }
        };
        let Some(handle) = handle else { return YieldAnswer::Yielded };
        let answer = handle.permit.asked_to_yield(fence);
        if answer == YieldAnswer::Yielded {
            self.common.office.give_up(sid, fence.max(handle.permit.fence()));
            handle.permit.fenced.cancel();
            // A post that is on its way is the last one.
            handle.inbox.closed().await;
        }
        answer
    }

    /// For whoever looks after our calls if we cannot.
    fn note_held(self: &Arc<Self>, sid: &CallSid) {
        let (calls, sid) = (Arc::clone(self), sid.clone());
        tokio::spawn(async move {
            let Common { ports, me, .. } = calls.common().as_ref();
            if let Err(error) = ports.store.note_held(&me.relay, &sid).await {
                tracing::warn!(code = "holding_not_noted", call = %sid, %error);
            }
        });
    }

    /// A call is not opened after all.
    pub(super) fn abandon(&self, sid: &CallSid) {
        self.lock().calls.remove(sid);
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

    /// Lets every call go to another relay, as soon as nobody would notice.
    pub fn hand_over(&self) {
        let table = self.lock();
        for place in table.calls.values() {
            if let Place::Open(handle) = place {
                // A call with so many commands before it is told again in a moment.
                let _told = handle.commands.try_send(Command::HandOver);
            }
        }
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
