//! One task per call: takes everything that is ready, hands it to the session, and carries out what the session
//! wants done. It carries; it does not judge.
//!
//! When several things are ready at once, they are taken in this order: the caller's frames, the model's frames, outcomes of
//! tools and of what the carrier was asked for, the day's count, commands, who watches, the session's timer, the process going
//! away, and the news that another relay holds the call.

mod carry;
mod ending;
mod errands;
mod links;
mod purse;
mod ready;
mod showing;
mod sockets;
mod tools;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::agent::Agent;
use shared::calls::{Call, Ending, Lease, MediaPath};
use shared::ids::{CallSid, SocketNumber};
use shared::model::{Capabilities, Dialect, ModelEvent};
use shared::money::price_list;
use shared::ports::Clock as _;
use shared::session::{Input, Journal, Past, Plan, Session};
use shared::time::{CallTime, Samples};
use shared::tools::ToolSpec;
use shared::transfer::documents::Documents;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::calls::{CallHandle, Calls, Command, Common, FromCaller, Taken};
use super::chronicle::Scribe;
use super::clock::CallClock;
use super::doors::Doors;
use super::metrics::Told;
use super::model_socket::FromModel;
use super::recorder::Recorder;
use super::stamped::Stamped;
use errands::{Desk, Errands};
use links::Links;
use purse::Purse;
use ready::Ready;
use showing::Showing;
use sockets::Sockets;
use tools::Tools;

pub struct Driver<D: Doors> {
    sid: CallSid,
    lease: Lease,
    path: MediaPath,
    common: Arc<Common<D>>,
    calls: Arc<Calls<D>>,
    clock: CallClock,
    session: Session,
    dialect: &'static dyn Dialect,
    links: Links,
    models: Sockets,
    tools: Tools,
    purse: Purse<D::Store, D::Clock>,
    errands: Errands<D::Telephony>,
    /// Unless the agent says that nothing is recorded.
    recorder: Option<Recorder<D::Recordings>>,
    scribe: Scribe,
    told: Told,
    showing: Showing,
    ready: Ready,
    /// What carrying itself brought to light.
    aftermath: VecDeque<Input>,
    shutdown: CancellationToken,
    fenced: CancellationToken,
    end: Option<End>,
}

/// Why a driver stops.
#[derive(Debug, Clone, PartialEq)]
enum End {
    HungUp(Ending),
    /// The process goes away, and the call stays.
    LetGo(Box<Journal>),
    /// Another relay holds the call.
    Fenced,
}

/// What an output is owed to: when it reached us, and whether it was the caller's voice.
#[derive(Debug, Clone, Copy)]
struct Cause {
    at: Instant,
    barge_in: bool,
}

impl<D: Doors> Driver<D> {
    pub fn new(calls: Arc<Calls<D>>, taken: Taken, handle: &CallHandle, shutdown: CancellationToken) -> Self {
        let Taken { call, lease, past } = taken;
        let common = Arc::clone(calls.common());
        let dialect = shared::model::dialect(call.agent.backend);
        let clock = CallClock::set(call.began_at_ms, common.ports.clock.unix_ms());
        let fenced = handle.permit.fenced.clone();
        let metrics = &common.metrics;
        let store = Arc::clone(&common.ports.store);
        let scribe = Scribe::start(call.sid.clone(), lease.clone(), store, fenced.clone(), Arc::clone(metrics));
        let recordings = Arc::clone(&common.spool);
        let recorder = call
            .agent
            .recording
            .enabled
            .then(|| Recorder::start(call.recorded(), lease.fence, clock, recordings, Arc::clone(metrics)));
        Self {
            session: begin(plan(&call, dialect.capabilities()), past, clock.now()),
            dialect,
            links: Links::new(handle.inbox.clone(), handle.permit.clone()),
            models: Sockets::default(),
            tools: Tools::new(),
            purse: Purse::new(call.agent.id.clone(), Arc::clone(&common.ports.store), Arc::clone(&common.ports.clock)),
            errands: Errands::new(desk(&call, &common)),
            recorder,
            scribe,
            ready: Ready::default(),
            aftermath: VecDeque::new(),
            shutdown,
            fenced,
            end: None,
            told: Told::default(),
            showing: Showing::new(Arc::clone(&common.gallery), call.clone(), lease.fence, clock),
            path: call.media_path,
            sid: call.sid,
            lease,
            common,
            calls,
            clock,
        }
    }

    pub async fn run(mut self, mut inbox: mpsc::Receiver<FromCaller>, mut commands: mpsc::Receiver<Command>) {
        self.drain(self.clock.now(), Cause { at: Instant::now(), barge_in: false });
        self.look_up(self.clock.now());
        while self.end.is_none() && !self.session.is_over() {
            self.wait(&mut inbox, &mut commands).await;
            self.ready.top_up(&mut inbox, &mut self.models, &mut self.tools, &mut commands);
            self.ready.top_up_carried(&mut self.errands.outcomes);
            self.act();
        }
        drop(inbox);
        self.finish().await;
    }

    /// Until at least one thing is ready.
    async fn wait(&mut self, inbox: &mut mpsc::Receiver<FromCaller>, commands: &mut mpsc::Receiver<Command>) {
        let due = self.session.deadline().map(|(time, _)| self.clock.instant(time));
        let ready = &mut self.ready;
        tokio::select! {
            biased;
            _ = inbox.recv_many(&mut ready.caller, ready::BATCH) => {}
            () = self.models.receive(&mut ready.model) => {}
            Some(outcome) = self.tools.outcomes.recv() => ready.tools.push(outcome),
            Some(carried) = self.errands.outcomes.recv() => ready.carried.push(carried),
            Some(counted) = self.purse.counted.recv() => ready.counted.push(counted),
            Some(command) = commands.recv() => ready.commands.push(command),
            () = self.showing.demand_changed() => ready.demand = true,
            () = sleep_until(due) => {}
            () = self.shutdown.cancelled(), if !ready.shutdown_taken => ready.shutdown = true,
            () = self.fenced.cancelled() => self.end = Some(End::Fenced),
        }
    }

    /// Hands over all that is ready, in the order of priority, with one reading of the clock.
    fn act(&mut self) {
        let now = self.clock.now();
        let mut ready = std::mem::take(&mut self.ready);
        ready.caller.drain(..).for_each(|message| self.hear_caller(now, message));
        ready.model.drain(..).for_each(|(socket, message)| self.hear_model(now, socket, message));
        for (call, outcome) in ready.tools.drain(..) {
            self.tools.forget(&call);
            self.feed(now, Input::Tool { call, outcome });
        }
        for (number, outcome) in ready.carried.drain(..) {
            self.feed(now, Input::Carried { number, outcome });
        }
        for total in ready.counted.drain(..).filter_map(|counted| self.purse.note(counted)).collect::<Vec<_>>() {
            self.feed(now, Input::DaySpent { total });
        }
        ready.commands.drain(..).for_each(|command| self.feed(now, command_input(command)));
        if std::mem::take(&mut ready.demand) {
            self.look_up(now);
        }
        if std::mem::take(&mut ready.shutdown) {
            ready.shutdown_taken = true;
            self.feed(now, Input::Shutdown);
        }
        self.ready = ready;
        if self.session.deadline().is_some_and(|(due, _)| due <= now) {
            self.feed(now, Input::Tick);
        }
    }

    fn hear_caller(&mut self, now: CallTime, message: FromCaller) {
        match message {
            FromCaller::Attached(link) => {
                let stream = link.stream.clone();
                self.links.attach(*link);
                self.feed(now, Input::CallerAttached { stream });
            }
            FromCaller::Gateway { connection, stream, frame } => {
                if self.links.is_new(&connection, &stream) {
                    self.links.attach_gateway(&self.sid, &connection, &stream, &self.common);
                    self.calls.bind(&connection, &self.sid);
                    self.feed(now, Input::CallerAttached { stream: stream.detached() });
                }
                self.feed_at(now, frame.at, Input::Caller(frame.value));
            }
            FromCaller::Frame(frame) => self.feed_at(now, frame.at, Input::Caller(frame.value)),
            FromCaller::Detached(link) => {
                if let Some(stream) = self.links.detach(&link) {
                    self.feed(now, Input::CallerDetached { stream });
                }
            }
        }
    }

    fn hear_model(&mut self, now: CallTime, socket: SocketNumber, message: Stamped<FromModel>) {
        match message.value {
            FromModel::Connected => self.feed(now, Input::ModelConnected(socket)),
            FromModel::Event(event) => {
                let cause = Cause { at: message.at, barge_in: matches!(event, ModelEvent::SpeechStarted { .. }) };
                self.hand_over(now, cause, Input::Model(socket, event));
            }
            FromModel::Lost(cause) => {
                self.models.close(socket);
                self.feed(now, Input::ModelDisconnected { socket, cause });
            }
        }
    }

    /// Whether anybody watches, as of now.
    fn look_up(&mut self, now: CallTime) {
        if let Some(watched) = self.showing.look_up() {
            self.feed(now, Input::Watched(watched));
        }
    }

    fn feed(&mut self, now: CallTime, input: Input) {
        self.feed_at(now, Instant::now(), input);
    }

    fn feed_at(&mut self, now: CallTime, at: Instant, input: Input) {
        self.hand_over(now, Cause { at, barge_in: false }, input);
    }

    /// One input, then drain; and so with what the draining brought to light.
    fn hand_over(&mut self, now: CallTime, cause: Cause, input: Input) {
        self.session.handle(now, input);
        self.drain(now, cause);
        while let Some(input) = self.aftermath.pop_front() {
            self.session.handle(now, input);
            self.drain(now, cause);
        }
    }

    fn drain(&mut self, now: CallTime, cause: Cause) {
        while let Some(output) = self.session.poll() {
            self.carry(now, cause, output);
        }
    }
}

fn begin(plan: Plan, past: Option<Past>, now: CallTime) -> Session {
    match past {
        Some(past) => Session::resume(plan, past, now),
        None => Session::open(plan, now),
    }
}

fn command_input(command: Command) -> Input {
    match command {
        Command::CallEnded => Input::CallEnded,
        Command::ChangeAgent(agent) => {
            let tools = tools_of(&agent);
            Input::AgentChanged { agent, tools }
        }
        Command::Operator(asks) => Input::Operator(asks),
        Command::News(news) => Input::Transfer(news),
        Command::HandOver => Input::HandOver,
        Command::HoldMusic(file, piece) => Input::HoldMusic { file, piece },
    }
}

/// `None`: no account, or nobody knows where Twilio reaches us.
fn desk<D: Doors>(call: &Call, common: &Common<D>) -> Option<Desk<D::Telephony>> {
    let telephony = Arc::clone(common.ports.telephony.as_ref()?);
    let documents = Documents::new(common.public_url.as_ref()?.as_str(), &call.sid);
    Some(Desk { telephony, documents, called: call.to.clone() })
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// Of each call another, and on each relay the same (FNV-1a).
fn seed(sid: &CallSid) -> u64 {
    sid.as_str()
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// Through API Gateway a mark is a paid message and frames overtake each other; on a socket neither is so.
fn plan(call: &Call, capabilities: Capabilities) -> Plan {
    let (mark_every_ms, reorder) = match call.media_path {
        MediaPath::Gateway => (500, Duration::from_millis(120)),
        MediaPath::Direct => (200, Duration::ZERO),
    };
    Plan {
        sid: call.sid.clone(),
        tools: tools_of(&call.agent),
        facts: call.facts(),
        agent: call.agent.clone(),
        capabilities,
        mark_every: Samples::from_millis(mark_every_ms),
        reorder_ms: u64::try_from(reorder.as_millis()).unwrap_or_default(),
        seed: seed(&call.sid),
        rates: price_list().rates(&call.agent.model, call.media_path),
    }
}

fn tools_of(agent: &Agent) -> Vec<ToolSpec> {
    let (tools, unknown) = shared::tools::of(agent);
    if !unknown.is_empty() {
        tracing::warn!(agent = %agent.id, ?unknown, "the agent names tools that do not exist");
    }
    tools
}

impl<D: Doors> std::fmt::Debug for Driver<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("sid", &self.sid).field("lease", &self.lease).finish_non_exhaustive()
    }
}
