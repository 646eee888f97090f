//! A relay process, as far as who speaks: it carries what the machines of `shared::ownership` decide.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::calls::{Holder, Lease};
use shared::ids::{CallSid, RelayId};
use shared::ownership::{
    GivenUp, HandOver, HandOverHeard, HandOverStep, Heard, Lost, Moment, Opening, RENEW_EVERY, Right, STORE_PATIENCE,
    Standing, Step, TakeOver, TakeOverEnd, Tenure, Verdict, YIELD_PATIENCE, YieldAnswer,
};

use super::judge::{Judge, Post};
use super::messages::{Event, Frame, Process, RelayRequest, Reply, StoreRequest, Timer};
use super::net::{Net, Place};
use super::{address, slot_of};

mod drain;

const RENEW_PATIENCE: Duration = Duration::from_millis(500);
const JOURNAL_EVERY_MS: u64 = 1_000;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) offset: u64,
    /// Parts in a million by which it is quick.
    pub(crate) ppm: u64,
}

pub(crate) struct RelayProcess {
    pub(crate) slot: usize,
    pub(crate) generation: u32,
    pub(crate) id: RelayId,
    pub(crate) clock: Clock,
    pub(crate) standing: Standing,
    pub(crate) draining: bool,
    pub(crate) stopped_until: u64,
    pub(crate) slow_until: u64,
    pub(crate) slow_by: u64,
    pub(crate) stops: u32,
    pub(crate) calls: Vec<Held>,
    given_up: GivenUp,
    pending: BTreeMap<u64, Purpose>,
    leaving: bool,
    posters: u32,
}

/// What a relay has of one call.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) tenure: Option<Tenure>,
    flow: Option<Flow>,
    waiting: Vec<Waiting>,
    stream: u32,
    /// The poster that runs; what another one had begun is void.
    poster: u32,
    posting: bool,
}

enum Flow {
    Opening,
    TakeOver(TakeOver),
    HandOver { flow: HandOver, to: Holder, fence: u64 },
}

struct Waiting {
    from: (Process, Place),
    token: u64,
    frame: Frame,
    sole: bool,
}

enum Purpose {
    Renew { asked_at: Moment },
    Opening { call: usize },
    TakeOver { call: usize },
    HandOver { call: usize },
    Write { call: usize, fence: u64 },
}

fn sid(call: usize) -> CallSid {
    CallSid::new(format!("CA{call}"))
}

impl RelayProcess {
    pub(crate) fn start(net: &mut Net, slot: usize, generation: u32, calls: usize, clock: Clock) -> Self {
        let id = RelayId::new(format!("{slot}.{generation}"));
        let process = Self {
            slot,
            generation,
            id,
            clock,
            standing: Standing::default(),
            draining: false,
            stopped_until: 0,
            slow_until: 0,
            slow_by: 0,
            stops: 0,
            calls: (0..calls).map(|_| Held::default()).collect(),
            given_up: GivenUp::default(),
            pending: BTreeMap::new(),
            leaving: false,
            posters: 0,
        };
        process.set(net, 0, Timer::Renew);
        process.set(net, JOURNAL_EVERY_MS, Timer::Journal);
        process
    }

    pub(crate) fn process(&self) -> Process {
        Process::Relay { slot: self.slot, generation: self.generation }
    }

    fn holder(&self) -> Holder {
        Holder { relay: self.id.clone(), address: address(self.slot) }
    }

    fn place(&self) -> Place {
        Place::Slot(self.slot)
    }

    pub(crate) fn now(&self, net: &Net) -> Moment {
        Moment(self.clock.offset + net.now + net.now * self.clock.ppm / 1_000_000)
    }

    fn set(&self, net: &mut Net, after_ms: u64, timer: Timer) {
        net.after(after_ms, Event::Timer { at: self.process(), timer, delayed: false });
    }

    fn ask_store(&mut self, net: &mut Net, patience: Duration, purpose: Purpose, request: StoreRequest) {
        let (from, place) = (self.process(), self.place());
        let event = |token| Event::ToStore { from, place, token, request };
        let token = net.request((from, place), Place::Store, patience, event);
        self.pending.insert(token, purpose);
    }

    fn ask_peer(&mut self, net: &mut Net, peer: &url::Url, purpose: Purpose, request: RelayRequest) {
        let (from, place, slot) = (self.process(), self.place(), slot_of(peer));
        let event = |token| Event::ToRelay { from, place, slot, token, request, delayed: false };
        let token = net.request((from, place), Place::Slot(slot), YIELD_PATIENCE, event);
        self.pending.insert(token, purpose);
    }

    fn answer(&self, net: &mut Net, to: (Process, Place), token: u64, reply: Reply) {
        net.answer(self.place(), to, token, reply);
    }

    // What comes in.

    pub(crate) fn on_request(&mut self, net: &mut Net, from: (Process, Place), token: u64, request: RelayRequest) {
        match request {
            RelayRequest::Prepare { call } => self.open(net, call),
            RelayRequest::Frame { relay, .. } if relay != self.id => self.answer(net, from, token, Reply::Dead),
            RelayRequest::Frame { frame, sole, lost, .. } => {
                self.on_frame(net, Waiting { from, token, frame, sole }, lost);
            }
            RelayRequest::Yield { lease, .. } if lease.relay != self.id => self.answer(net, from, token, Reply::Dead),
            RelayRequest::Yield { call, lease } => {
                let reply = self.on_yield(net, call, &lease);
                self.answer(net, from, token, reply);
            }
            RelayRequest::HandedOver { call, lease } => {
                if lease.relay == self.id {
                    self.begin_tenure(net, call, lease.fence);
                }
                self.answer(net, from, token, Reply::Done);
            }
        }
    }

    fn on_frame(&mut self, net: &mut Net, waiting: Waiting, lost: Option<Lost>) {
        let call = waiting.frame.call;
        if self.standing.right(self.now(net)) == Right::Deposed {
            let reply = if lost.is_some() { Reply::Declined } else { Reply::NotMine };
            return self.answer(net, waiting.from, waiting.token, reply);
        }
        if let (Some(lost), Some(tenure)) = (&lost, self.calls[call].tenure)
            && lost.lease.fence > tenure.fence
        {
            self.give_up(call, tenure.fence);
        }
        if self.calls[call].tenure.is_some() {
            return self.take(net, &waiting);
        }
        match (&mut self.calls[call].flow, lost) {
            (Some(Flow::HandOver { .. }), _) => self.answer(net, waiting.from, waiting.token, Reply::NotMine),
            (Some(Flow::TakeOver(flow)), _) if flow.keeps_frames() => {
                let now = Moment(self.clock.offset + net.now + net.now * self.clock.ppm / 1_000_000);
                let due = flow.frame(now, waiting.frame.arrival(waiting.sole));
                self.answer(net, waiting.from, waiting.token, Reply::Kept);
                due.into_iter().for_each(|due| self.keep_until(net, call, due));
            }
            (Some(_), _) => self.calls[call].waiting.push(waiting),
            (None, Some(_)) if self.draining => self.answer(net, waiting.from, waiting.token, Reply::Declined),
            (None, Some(lost)) => {
                self.calls[call].waiting.push(waiting);
                self.begin_take_over(net, call, TakeOver::begin(self.id.clone(), lost.lease, lost.dead));
            }
            (None, None) => {
                self.calls[call].waiting.push(waiting);
                self.open(net, call);
            }
        }
    }

    fn take(&mut self, net: &mut Net, waiting: &Waiting) {
        let now = self.now(net);
        let held = &mut self.calls[waiting.frame.call];
        let Some(tenure) = &mut held.tenure else { return };
        if waiting.frame.stream > held.stream {
            if held.stream > 0 {
                tenure.stream_changed(now, &self.standing);
            }
            held.stream = waiting.frame.stream;
        }
        if waiting.frame.stream == held.stream {
            tenure.frame(now, &self.standing, waiting.frame.arrival(waiting.sole));
        }
        let fence = tenure.fence;
        self.answer(net, waiting.from, waiting.token, Reply::Taken { fence });
    }

    fn on_yield(&mut self, net: &Net, call: usize, lease: &Lease) -> Reply {
        if let Some(tenure) = self.calls[call].tenure {
            if tenure.asked_to_yield(self.now(net), &self.standing, lease.fence) == YieldAnswer::Busy {
                return Reply::Busy;
            }
            self.give_up(call, tenure.fence);
        }
        self.given_up.note(&sid(call), lease.fence);
        Reply::Yielded
    }

    /// Silent from here on: a post that was allowed and has not begun is called off.
    fn give_up(&mut self, call: usize, fence: u64) {
        self.given_up.note(&sid(call), fence);
        let held = &mut self.calls[call];
        (held.tenure, held.posting, held.poster) = (None, false, 0);
    }

    // What comes back.

    /// `None`: not in time.
    pub(crate) fn on_answer(&mut self, net: &mut Net, judge: &mut Judge, token: u64, reply: Option<Reply>) {
        let Some(purpose) = self.pending.remove(&token) else { return };
        match purpose {
            Purpose::Renew { asked_at } => match reply {
                Some(Reply::Done) => self.standing.granted(asked_at),
                Some(Reply::Conflict) => self.on_deposed(net),
                _ => {}
            },
            Purpose::Opening { call } => self.opened(net, call, reply),
            Purpose::TakeOver { call } => {
                let now = self.now(net);
                if let Some(Flow::TakeOver(flow)) = &mut self.calls[call].flow {
                    flow.heard(now, heard(flow.step(), reply));
                    self.carry(net, call);
                }
            }
            Purpose::HandOver { call } => {
                if let Some(Flow::HandOver { flow, .. }) = &mut self.calls[call].flow {
                    flow.heard(match reply {
                        Some(Reply::Granted(lease)) => HandOverHeard::Written(lease),
                        Some(Reply::Conflict) => HandOverHeard::Conflict,
                        _ if matches!(flow.step(), HandOverStep::Tell(_)) => HandOverHeard::Told,
                        _ => HandOverHeard::Unavailable,
                    });
                    self.hand_over(net, call);
                }
            }
            Purpose::Write { call, fence } => {
                let stale = self.calls[call].tenure.is_some_and(|tenure| tenure.fence == fence);
                if reply == Some(Reply::Conflict) && stale {
                    judge.told_by_a_write += 1;
                    self.give_up(call, fence);
                }
            }
        }
    }

    fn on_deposed(&mut self, net: &mut Net) {
        self.standing.refused();
        for call in 0..self.calls.len() {
            if let Some(tenure) = self.calls[call].tenure {
                self.give_up(call, tenure.fence);
            }
            self.calls[call].flow = None;
            self.send_away(net, call, &Reply::NotMine);
        }
        self.leave(net);
    }

    fn leave(&mut self, net: &mut Net) {
        if !std::mem::replace(&mut self.leaving, true) {
            let after = net.rng.u64(50..600);
            self.set(net, after, Timer::Exit);
        }
    }

    fn open(&mut self, net: &mut Net, call: usize) {
        if self.calls[call].tenure.is_none() && self.calls[call].flow.is_none() {
            self.calls[call].flow = Some(Flow::Opening);
            self.ask_store(net, STORE_PATIENCE, Purpose::Opening { call }, StoreRequest::LookUp { call });
        }
    }

    fn opened(&mut self, net: &mut Net, call: usize, reply: Option<Reply>) {
        if !matches!(self.calls[call].flow, Some(Flow::Opening)) {
            return;
        }
        self.calls[call].flow = None;
        let lease = match reply {
            Some(Reply::Found(lease)) => Some(lease),
            _ => None,
        };
        let barred = lease.as_ref().is_some_and(|lease| self.given_up.bars(&sid(call), lease.fence));
        match Opening::of(&self.id, lease.as_ref(), barred) {
            Opening::Open { fence } if self.begin_tenure(net, call, fence) => {}
            Opening::Claim { lost } if !self.draining => {
                self.begin_take_over(net, call, TakeOver::begin(self.id.clone(), lost, false));
            }
            _ => self.send_away(net, call, &Reply::NotMine),
        }
    }

    /// The one place where a tenure begins.
    fn begin_tenure(&mut self, net: &mut Net, call: usize, fence: u64) -> bool {
        let newer = self.calls[call].tenure.is_none_or(|tenure| tenure.fence < fence);
        let deposed = self.standing.right(self.now(net)) == Right::Deposed;
        if self.given_up.bars(&sid(call), fence) || !newer || deposed {
            return false;
        }
        let tenure = Tenure::new(self.now(net), fence);
        self.posters += 1;
        let poster = self.posters;
        let held = &mut self.calls[call];
        (held.tenure, held.poster, held.posting, held.stream) = (Some(tenure), poster, false, 0);
        self.set(net, 0, Timer::Post { call, poster });
        for waiting in std::mem::take(&mut self.calls[call].waiting) {
            self.take(net, &waiting);
        }
        true
    }

    fn begin_take_over(&mut self, net: &mut Net, call: usize, flow: TakeOver) {
        self.calls[call].flow = Some(Flow::TakeOver(flow));
        self.carry(net, call);
    }

    /// Does what the take-over's step says.
    fn carry(&mut self, net: &mut Net, call: usize) {
        let Some(Flow::TakeOver(flow)) = &self.calls[call].flow else { return };
        let purpose = Purpose::TakeOver { call };
        match flow.step().clone() {
            Step::AskToYield(lease) => {
                let peer = lease.address.clone();
                self.ask_peer(net, &peer, purpose, RelayRequest::Yield { call, lease });
            }
            Step::Depose(relay) => self.ask_store(net, STORE_PATIENCE, purpose, StoreRequest::Depose(relay)),
            Step::Keep { until } => {
                self.send_away(net, call, &Reply::Kept);
                self.keep_until(net, call, until);
            }
            Step::Claim { held } => {
                let claim = StoreRequest::Claim { call, by: self.holder(), held };
                self.ask_store(net, STORE_PATIENCE, purpose, claim);
            }
            Step::Check | Step::LookUp => self.ask_store(net, STORE_PATIENCE, purpose, StoreRequest::LookUp { call }),
            Step::Over(end) => self.end_take_over(net, call, &end),
        }
    }

    fn keep_until(&self, net: &mut Net, call: usize, due: Moment) {
        let wait = u64::try_from(due.since(self.now(net)).as_millis()).unwrap();
        self.set(net, wait + 1, Timer::Keep { call });
    }

    fn tell(&mut self, net: &mut Net, call: usize, heard: Heard) {
        let now = self.now(net);
        if let Some(Flow::TakeOver(flow)) = &mut self.calls[call].flow {
            flow.heard(now, heard);
            self.carry(net, call);
        }
    }

    fn end_take_over(&mut self, net: &mut Net, call: usize, end: &TakeOverEnd) {
        self.calls[call].flow = None;
        match end {
            TakeOverEnd::Won(lease) if self.begin_tenure(net, call, lease.fence) => {}
            TakeOverEnd::Busy => self.send_away(net, call, &Reply::Busy),
            TakeOverEnd::Failed => self.send_away(net, call, &Reply::Declined),
            TakeOverEnd::Won(_) | TakeOverEnd::Claimed => self.send_away(net, call, &Reply::Claimed),
        }
    }

    fn send_away(&mut self, net: &mut Net, call: usize, reply: &Reply) {
        for waiting in std::mem::take(&mut self.calls[call].waiting) {
            match self.calls[call].tenure {
                Some(_) => self.take(net, &waiting),
                None => self.answer(net, waiting.from, waiting.token, reply.clone()),
            }
        }
    }

    /// The process is killed: connections that wait for an answer break.
    pub(crate) fn die(&mut self, net: &mut Net) {
        for call in 0..self.calls.len() {
            for waiting in std::mem::take(&mut self.calls[call].waiting) {
                self.answer(net, waiting.from, waiting.token, Reply::Broken);
            }
        }
    }

    // What comes with time.

    pub(crate) fn on_timer(&mut self, net: &mut Net, judge: &mut Judge, timer: Timer) {
        match timer {
            Timer::Renew => {
                let asked_at = self.now(net);
                let request = StoreRequest::Renew(self.id.clone());
                self.ask_store(net, RENEW_PATIENCE, Purpose::Renew { asked_at }, request);
                self.set(net, u64::try_from(RENEW_EVERY.as_millis()).unwrap(), Timer::Renew);
            }
            Timer::Journal => self.write_journal(net),
            Timer::Post { call, poster } if self.calls[call].poster == poster => self.post(net, judge, call),
            Timer::Begin { call, poster, fence, asked_at } if self.calls[call].poster == poster => {
                let post = Post { at: net.now, call, relay: self.process(), fence };
                judge.begins(post, net.now - asked_at, self.stops);
                let takes = net.rng.u64(1..40);
                self.set(net, takes, Timer::Posted { call, poster });
            }
            Timer::Posted { call, poster } if self.calls[call].poster == poster => self.calls[call].posting = false,
            Timer::Keep { call } => self.keep_over(net, call),
            Timer::HandOver { call } => self.begin_hand_over(net, call),
            _ => {}
        }
    }

    /// Only when the step's time has come: an alarm may be one that was set before the proof was complete.
    fn keep_over(&mut self, net: &mut Net, call: usize) {
        let now = self.now(net);
        if let Some(Flow::TakeOver(flow)) = &self.calls[call].flow
            && let Step::Keep { until } = flow.step()
            && now >= *until
        {
            self.tell(net, call, Heard::TimePassed);
        }
    }

    fn post(&mut self, net: &mut Net, judge: &mut Judge, call: usize) {
        let (now, poster) = (self.now(net), self.calls[call].poster);
        let Some(tenure) = self.calls[call].tenure else { return };
        let verdict = tenure.verdict(now, &self.standing);
        if verdict == Verdict::Speak && !self.calls[call].posting {
            judge.without_store += u32::from(self.standing.right(now) == Right::Stale);
            self.calls[call].posting = true;
            let begins = net.rng.u64(0..3);
            self.set(net, begins, Timer::Begin { call, poster, fence: tenure.fence, asked_at: net.now });
        }
        self.set(net, 20, Timer::Post { call, poster });
    }

    fn write_journal(&mut self, net: &mut Net) {
        for call in 0..self.calls.len() {
            if let Some(Tenure { fence, .. }) = self.calls[call].tenure {
                let lease = self.holder().lease(fence);
                let write = StoreRequest::Write { call, lease };
                self.ask_store(net, STORE_PATIENCE, Purpose::Write { call, fence }, write);
            }
        }
        self.set(net, JOURNAL_EVERY_MS, Timer::Journal);
    }
}

fn heard(step: &Step, reply: Option<Reply>) -> Heard {
    match (step, reply) {
        (Step::AskToYield(_), None) => Heard::Silent,
        (_, None | Some(Reply::Unavailable)) => Heard::Unavailable,
        (_, Some(Reply::Yielded)) => Heard::Yielded,
        (_, Some(Reply::Busy)) => Heard::Busy,
        (_, Some(Reply::Dead)) => Heard::Dead,
        (_, Some(Reply::Done)) => Heard::Deposed,
        (_, Some(Reply::Granted(lease))) => Heard::Granted(lease),
        (_, Some(Reply::Found(lease))) => Heard::Found(Some(lease)),
        (_, Some(_)) => Heard::Conflict,
    }
}
