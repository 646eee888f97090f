//! A small cloud in simulated time: callers, functions, relays and a store.

use shared::calls::{Holder, Relay};
use shared::ids::RelayId;
use shared::ownership::Verdict;

use super::fault::{Fault, OUTAGES, Planned};
use super::function::Function;
use super::judge::{Judge, Post};
use super::messages::{Event, Frame, Process, RelayRequest, Reply, Timer};
use super::net::{Net, Place, Weather};
use super::relay::{Clock, RelayProcess};
use super::store::Store;
use super::{FRAMES_FROM_MS, address};

/// Lambda would start more; this many are enough to wait for a relay that hangs.
const MOST_FUNCTIONS: usize = 150;
/// A message in so many is a mark: numbered, and without a stamp.
const MARK_EVERY: u64 = 25;

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) relays: usize,
    pub(crate) subnets: usize,
    pub(crate) calls: usize,
    pub(crate) weather: Weather,
    /// Environments that are there from the beginning; a frame for which none is idle starts another, if that is allowed.
    pub(crate) warm: usize,
    pub(crate) cold: bool,
    /// Frames go to the environment that was used last, and not to any.
    pub(crate) sticky: bool,
    pub(crate) faults: Vec<Planned>,
}

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) net: Net,
    pub(crate) store: Store,
    pub(crate) judge: Judge,
    pub(crate) slots: Vec<Slot>,
    pub(crate) functions: Vec<Function>,
    callers: Vec<Caller>,
    pub(crate) frames: Vec<Frame>,
}

pub(crate) struct Slot {
    pub(crate) process: Option<RelayProcess>,
    generations: u32,
    /// The machine is gone, not only the process.
    vanished: bool,
}

struct Caller {
    stream: u32,
    number: u64,
    began_at: u64,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let mut net = Net::new(plan.seed, plan.weather);
        let slots = (0..plan.relays).map(|_| Slot { process: None, generations: 0, vanished: false }).collect();
        let mut functions = Vec::new();
        for number in 0..plan.warm {
            functions.push(Function::new(number, number % plan.subnets, net.rng.u64(0..1_000_000)));
        }
        let callers = (0..plan.calls).map(|_| Caller { stream: 1, number: 0, began_at: 0 }).collect();
        let mut world = Self {
            net,
            store: Store::default(),
            judge: Judge::default(),
            slots,
            functions,
            callers,
            frames: Vec::new(),
            plan,
        };
        (0..world.plan.relays).for_each(|slot| world.start_relay(slot));
        (0..world.plan.calls).for_each(|call| world.start_call(call));
        for (number, planned) in world.plan.faults.iter().enumerate() {
            world.net.at(planned.at_ms, Event::FaultBegins(number));
            world.net.at(planned.at_ms + planned.lasts_ms, Event::FaultEnds(number));
        }
        world
    }

    /// The webhook: a relay is picked, the lease is written, the relay is told; or not, and the first frame tells it.
    fn start_call(&mut self, call: usize) {
        let slot = call % self.plan.relays;
        let relay = self.id(slot).unwrap();
        self.store.leases.push(Holder { relay, address: address(slot) }.lease(1));
        let (from, place, request) = (Process::Function(0), Place::Subnet(0), RelayRequest::Prepare { call });
        if self.net.rng.u32(0..4) > 0 {
            let event = Event::ToRelay { from, place, slot, token: 0, request, delayed: false };
            self.net.after(10, event);
        }
        let first = FRAMES_FROM_MS + 7 * call as u64;
        self.callers[call].began_at = first;
        self.net.at(first, Event::CallerSpeaks { call });
    }

    fn start_relay(&mut self, slot: usize) {
        self.slots[slot].generations += 1;
        let clock = Clock { offset: self.net.rng.u64(0..1_000_000), ppm: self.net.rng.u64(0..500) };
        let generation = self.slots[slot].generations;
        let process = RelayProcess::start(&mut self.net, slot, generation, self.plan.calls, clock);
        self.net.registry.push(Relay {
            id: process.id.clone(),
            address: address(slot),
            control: None,
            calls: self.net.rng.u32(0..5),
            opened: 0,
            most_calls: 500,
            draining: false,
            cpu: 0.0,
            cores: 2.0,
            event_loop_lag_ms: 0.0,
            heartbeat_at_ms: 0,
        });
        self.slots[slot].process = Some(process);
    }

    fn relay(&mut self, slot: usize) -> Option<&mut RelayProcess> {
        self.slots[slot].process.as_mut()
    }

    pub(crate) fn run_until(&mut self, until: u64) {
        while let Some(event) = self.net.next(until) {
            self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) {
        let Some(event) = self.postpone(event) else { return };
        let begun = self.judge.posts.len();
        match event {
            Event::CallerSpeaks { call } => self.caller_speaks(call),
            Event::FunctionStarts { function, frame } => {
                if !self.functions[function].dead {
                    self.functions[function].start(&mut self.net, frame);
                }
            }
            Event::ToStore { from, place, token, request } => {
                if !self.net.is_cut(Place::Store, place) {
                    self.store.handle(&mut self.net, (from, place), token, &request);
                }
            }
            Event::ToRelay { from, place, slot, token, request, .. } => {
                self.reach_relay((from, place), slot, token, request);
            }
            Event::Answer { from, to, place, token, reply } => {
                if !self.net.is_cut(from, place) {
                    self.answered(to, token, Some(reply));
                }
            }
            Event::TimedOut { at, token } => self.answered(at, token, None),
            Event::Timer { at, timer, .. } => self.timer(at, timer),
            Event::RelayStarts { slot } => {
                if self.slots[slot].process.is_none() {
                    self.slots[slot].vanished = false;
                    self.start_relay(slot);
                }
            }
            Event::RelayForgotten { id } => self.net.registry.retain(|relay| relay.id != id),
            Event::FaultBegins(number) => self.fault(number, true),
            Event::FaultEnds(number) => self.fault(number, false),
            Event::StoreFound { slot } => self.net.mend(Place::Store, Place::Slot(slot)),
            Event::FaultGrows(number) => self.cut_from_store_late(number),
        }
        if let Some(post) = self.judge.posts.get(begun).copied() {
            self.look_for_another_voice(post);
        }
    }

    /// A stopped process does nothing until it goes on; a slow one, later.
    fn postpone(&mut self, mut event: Event) -> Option<Event> {
        let slot = match &event {
            Event::ToRelay { slot, .. } => *slot,
            Event::Answer { to: Process::Relay { slot, .. }, .. }
            | Event::TimedOut { at: Process::Relay { slot, .. }, .. }
            | Event::Timer { at: Process::Relay { slot, .. }, .. } => *slot,
            _ => return Some(event),
        };
        let now = self.net.now;
        let Some(process) = &self.slots[slot].process else { return Some(event) };
        let (stopped_until, slow) = (process.stopped_until, now < process.slow_until);
        let slow_by = process.slow_by;
        if now < stopped_until {
            self.net.at(stopped_until, event);
            return None;
        }
        if let (true, Event::ToRelay { delayed, .. } | Event::Timer { delayed, .. }) = (slow, &mut event)
            && !std::mem::replace(delayed, true)
        {
            let late = self.net.rng.u64(0..=slow_by);
            self.net.after(late, event);
            return None;
        }
        Some(event)
    }

    fn caller_speaks(&mut self, call: usize) {
        let now = self.net.now;
        self.net.after(20, Event::CallerSpeaks { call });
        let caller = &mut self.callers[call];
        caller.number += 1;
        let number = caller.number;
        let frame =
            Frame { call, stream: caller.stream, number, stamp_ms: Some(now - caller.began_at), spoken_at: now };
        if number.is_multiple_of(MARK_EVERY) {
            caller.number += 1;
            let mark = Frame { stamp_ms: None, number: number + 1, ..frame };
            self.dispatch(mark);
        }
        self.frames.push(frame);
        self.dispatch(frame);
    }

    /// As API Gateway does it: each message to an environment that is idle, or to a new one.
    fn dispatch(&mut self, frame: Frame) {
        let idle: Vec<usize> =
            self.functions.iter().filter(|function| function.is_idle()).map(|function| function.number).collect();
        let chosen = match idle.len() {
            0 => None,
            _ if self.plan.sticky => idle.into_iter().max_by_key(|number| self.functions[*number].used_at),
            idle_ones => Some(idle[self.net.rng.usize(..idle_ones)]),
        };
        if let Some(function) = chosen {
            return self.functions[function].start(&mut self.net, frame);
        }
        let alive = self.functions.iter().filter(|function| !function.dead).count();
        if self.plan.cold && alive < MOST_FUNCTIONS {
            let (number, offset) = (self.functions.len(), self.net.rng.u64(0..1_000_000));
            let subnet = self.net.rng.usize(..self.plan.subnets);
            let mut function = Function::new(number, subnet, offset);
            function.starting = true;
            self.functions.push(function);
            let cold_start = self.net.rng.u64(30..150);
            self.net.after(cold_start, Event::FunctionStarts { function: number, frame });
        }
    }

    fn reach_relay(&mut self, from: (Process, Place), slot: usize, token: u64, request: RelayRequest) {
        let Self { net, slots, judge, .. } = self;
        if net.is_cut(Place::Slot(slot), from.1) || slots[slot].vanished {
            return;
        }
        match &mut slots[slot].process {
            None => net.answer(Place::Slot(slot), from, token, Reply::Dead),
            Some(process) => {
                let frame = match &request {
                    RelayRequest::Frame { frame, .. } => Some(*frame),
                    _ => None,
                };
                process.on_request(net, from, token, request);
                if let Some(frame) = frame.filter(|frame| process.calls[frame.call].tenure.is_some()) {
                    judge.takes(process.process(), &frame);
                }
            }
        }
    }

    fn answered(&mut self, to: Process, token: u64, reply: Option<Reply>) {
        match to {
            Process::Function(number) => self.functions[number].answered(&mut self.net, token, reply),
            Process::Relay { slot, generation } => {
                let Self { net, slots, judge, .. } = self;
                if let Some(process) = slots[slot].process.as_mut().filter(|it| it.generation == generation) {
                    process.on_answer(net, judge, token, reply);
                }
            }
        }
    }

    fn timer(&mut self, at: Process, timer: Timer) {
        match at {
            Process::Function(number) if !self.functions[number].dead => {
                self.functions[number].look_up(&mut self.net);
            }
            Process::Function(_) => {}
            Process::Relay { slot, generation } => {
                let Self { net, slots, judge, .. } = self;
                let Some(process) = slots[slot].process.as_mut().filter(|it| it.generation == generation) else {
                    return;
                };
                if let Timer::Exit = timer {
                    let start_after = net.rng.u64(100..1_000);
                    self.kill(slot, 0);
                    return self.net.after(start_after, Event::RelayStarts { slot });
                }
                process.on_timer(net, judge, timer);
            }
        }
    }

    /// Heartbeats tell of it after a while; a graceful end is told at once.
    pub(crate) fn kill(&mut self, slot: usize, noticed_after_ms: u64) {
        if let Some(mut process) = self.slots[slot].process.take() {
            process.die(&mut self.net);
            self.net.after(noticed_after_ms, Event::RelayForgotten { id: process.id });
        }
    }

    fn fault(&mut self, number: usize, begins: bool) {
        let Planned { lasts_ms, fault, .. } = self.plan.faults[number];
        let (relays, subnets, now) = (self.plan.relays, self.plan.subnets, self.net.now);
        match fault {
            Fault::Stop { slot } => self.stop(slot % relays, lasts_ms, begins),
            Fault::Slow { slot, by_ms } if begins => {
                if let Some(process) = self.relay(slot % relays) {
                    (process.slow_until, process.slow_by) = (now + lasts_ms, by_ms);
                }
            }
            Fault::Crash { slot } if begins => self.kill(slot % relays, 3_000),
            Fault::Vanish { slot } if begins => {
                self.slots[slot % relays].vanished = true;
                // Nobody is left to break connections.
                if let Some(process) = self.slots[slot % relays].process.take() {
                    self.net.after(3_000, Event::RelayForgotten { id: process.id });
                }
            }
            Fault::Crash { slot } => self.net.after(0, Event::RelayStarts { slot: slot % relays }),
            Fault::Drain { slot } if begins => {
                let Self { net, slots, .. } = self;
                if let Some(process) = &mut slots[slot % relays].process {
                    process.drain(net);
                }
            }
            Fault::CutFromStore { slot } => self.wire(Place::Store, Place::Slot(slot % relays), begins),
            Fault::CutPeers { slot, other } => {
                self.wire(Place::Slot(slot % relays), Place::Slot(other % relays), begins);
            }
            Fault::CutFunctions { slot, subnet } => {
                self.wire(Place::Slot(slot % relays), Place::Subnet(subnet % subnets), begins);
            }
            Fault::CutFunctionsFromStore { subnet } => self.wire(Place::Store, Place::Subnet(subnet % subnets), begins),
            Fault::Isolate { slot, subnets: mask } => {
                self.wire(Place::Store, Place::Slot(slot % relays), begins);
                self.encircle(slot % relays, mask, begins);
            }
            Fault::Encircle { slot, subnets: mask, store_after_ms } => {
                self.encircle(slot % relays, mask, begins);
                if begins && store_after_ms < lasts_ms {
                    self.net.after(store_after_ms, Event::FaultGrows(number));
                }
            }
            Fault::StoreOut { how } => {
                if begins {
                    self.store.outages.push(OUTAGES[how]);
                } else {
                    let position = self.store.outages.iter().position(|outage| *outage == OUTAGES[how]);
                    self.store.outages.remove(position.unwrap());
                }
            }
            Fault::Congestion if begins => self.net.congestions += 1,
            Fault::Congestion => self.net.congestions -= 1,
            Fault::FunctionsDie { subnet } if begins => {
                let dying = self.functions.iter_mut().filter(|function| function.subnet == subnet % subnets);
                dying.for_each(|function| function.dead = true);
            }
            Fault::Redirect { call } if begins => {
                let caller = &mut self.callers[call % self.plan.calls];
                (caller.stream, caller.number, caller.began_at) = (caller.stream + 1, 0, now);
            }
            _ => {}
        }
    }

    fn stop(&mut self, slot: usize, lasts_ms: u64, begins: bool) {
        let until = self.net.now + lasts_ms;
        if let (true, Some(process)) = (begins, self.relay(slot)) {
            process.stopped_until = until.max(process.stopped_until);
            process.stops += 1;
        }
    }

    fn wire(&mut self, a: Place, b: Place, cut: bool) {
        if cut { self.net.cut(a, b) } else { self.net.mend(a, b) }
    }

    fn encircle(&mut self, slot: usize, subnets: u32, cut: bool) {
        let me = Place::Slot(slot);
        (0..self.plan.relays).for_each(|other| self.wire(me, Place::Slot(other), cut));
        for subnet in (0..self.plan.subnets).filter(|subnet| subnets >> subnet & 1 == 1) {
            self.wire(me, Place::Subnet(subnet), cut);
        }
    }

    /// Longer than the rest of it, so that a relay that is found again is not sure of itself at once.
    fn cut_from_store_late(&mut self, number: usize) {
        if let Fault::Encircle { slot, .. } = self.plan.faults[number].fault {
            let slot = slot % self.plan.relays;
            self.net.cut(Place::Store, Place::Slot(slot));
            self.net.after(1_000, Event::StoreFound { slot });
        }
    }

    /// Not only those who speak: those who could, if it were their time.
    fn look_for_another_voice(&mut self, post: Post) {
        let now = self.net.now;
        for process in self.slots.iter().filter_map(|slot| slot.process.as_ref()) {
            let Some(tenure) = process.calls[post.call].tenure else { continue };
            let may = tenure.verdict(process.now(&self.net), &process.standing) == Verdict::Speak;
            if process.process() != post.relay && process.stopped_until <= now && may {
                self.judge.faults.push(format!("{post:?} while {:?} may speak too: {tenure:?}", process.process()));
            }
        }
    }

    /// All faults are over: somebody must be there.
    pub(crate) fn recover(&mut self) {
        if self.slots.iter().all(|slot| slot.process.is_none()) {
            self.net.after(0, Event::RelayStarts { slot: 0 });
        }
    }

    fn id(&mut self, slot: usize) -> Option<RelayId> {
        self.relay(slot).map(|process| process.id.clone())
    }
}
