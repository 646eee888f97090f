//! An environment of `ws-default`: one frame at a time, and a memory of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::ownership::{Ask, Journey, Moment, Outcome, Route, STORE_PATIENCE, Suspects, TAKE_OVER_PATIENCE};

use super::messages::{Event, Frame, Process, RelayRequest, Reply, StoreRequest, Timer};
use super::net::{Net, Place};
use super::slot_of;

pub(crate) struct Function {
    pub(crate) number: usize,
    pub(crate) subnet: usize,
    pub(crate) dead: bool,
    /// There is a frame for it as soon as it is there.
    pub(crate) starting: bool,
    pub(crate) used_at: u64,
    routes: BTreeMap<(usize, u32), Route>,
    suspects: Suspects,
    job: Option<Job>,
    clock_offset: u64,
}

struct Job {
    frame: Frame,
    journey: Journey,
    token: u64,
}

impl Function {
    pub(crate) fn new(number: usize, subnet: usize, clock_offset: u64) -> Self {
        Self {
            number,
            subnet,
            dead: false,
            starting: false,
            used_at: 0,
            routes: BTreeMap::new(),
            suspects: Suspects::default(),
            job: None,
            clock_offset,
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        !self.dead && !self.starting && self.job.is_none()
    }

    fn me(&self) -> (Process, Place) {
        (Process::Function(self.number), Place::Subnet(self.subnet))
    }

    fn now(&self, net: &Net) -> Moment {
        Moment(net.now + self.clock_offset)
    }

    pub(crate) fn start(&mut self, net: &mut Net, frame: Frame) {
        (self.used_at, self.starting) = (net.now, false);
        let route = self.routes.entry((frame.call, frame.stream)).or_default();
        let journey = Journey::begin(route, &self.suspects, Moment(net.now + self.clock_offset));
        self.job = Some(Job { frame, journey, token: 0 });
        self.act(net);
    }

    fn act(&mut self, net: &mut Net) {
        let (me, now) = (self.me(), self.now(net));
        let Some(job) = &mut self.job else { return };
        let frame = job.frame;
        match job.journey.ask().clone() {
            Ask::Deliver { to, patience } => {
                let (slot, sole) = (slot_of(&to.holder.address), job.journey.sole(&to.holder.relay));
                let request = RelayRequest::Frame { relay: to.holder.relay, frame, sole, lost: None };
                job.token = ask_relay(net, me, slot, patience, request);
            }
            Ask::LookUp { after } => {
                let wait = u64::try_from(after.as_millis()).unwrap();
                job.token = 0;
                net.after(wait, Event::Timer { at: me.0, timer: Timer::LookUp, delayed: false });
            }
            Ask::TakeOver(lost) => match job.journey.successor(&net.registry, &self.suspects, now, 0) {
                Some(relay) => {
                    let sole = job.journey.sole(&relay.id);
                    let request = RelayRequest::Frame { relay: relay.id, frame, sole, lost: Some(lost) };
                    job.token = ask_relay(net, me, slot_of(&relay.address), TAKE_OVER_PATIENCE, request);
                }
                None => self.report(net, Outcome::Nobody),
            },
            Ask::Drop | Ask::Done => self.job = None,
        }
    }

    pub(crate) fn look_up(&mut self, net: &mut Net) {
        let me = self.me();
        if let Some(job) = &mut self.job {
            let request = StoreRequest::LookUp { call: job.frame.call };
            job.token = net.request(me, Place::Store, STORE_PATIENCE, |token| Event::ToStore {
                from: me.0,
                place: me.1,
                token,
                request,
            });
        }
    }

    pub(crate) fn answered(&mut self, net: &mut Net, token: u64, reply: Option<Reply>) {
        if self.dead || self.job.as_ref().is_none_or(|job| job.token != token) {
            return;
        }
        let looking = self.job.as_ref().is_some_and(|job| matches!(job.journey.ask(), Ask::LookUp { .. }));
        let outcome = match reply {
            None if looking => Outcome::Unavailable,
            None | Some(Reply::Broken) => Outcome::Silent,
            Some(reply) => outcome(reply),
        };
        self.report(net, outcome);
    }

    fn report(&mut self, net: &mut Net, outcome: Outcome) {
        let now = self.now(net);
        let Self { job: Some(job), routes, suspects, .. } = self else { return };
        let route = routes.entry((job.frame.call, job.frame.stream)).or_default();
        job.journey.report(route, suspects, now, outcome);
        self.act(net);
    }
}

fn ask_relay(net: &mut Net, me: (Process, Place), slot: usize, patience: Duration, request: RelayRequest) -> u64 {
    net.request(me, Place::Slot(slot), patience, |token| Event::ToRelay {
        from: me.0,
        place: me.1,
        slot,
        token,
        request,
        delayed: false,
    })
}

fn outcome(reply: Reply) -> Outcome {
    match reply {
        Reply::Taken { fence } => Outcome::Taken { fence },
        Reply::Kept => Outcome::Kept,
        Reply::Dead => Outcome::Dead,
        Reply::Declined => Outcome::Declined,
        Reply::Busy => Outcome::Busy,
        Reply::Claimed => Outcome::Claimed,
        Reply::Found(lease) => Outcome::Found(lease),
        Reply::Unavailable => Outcome::Unavailable,
        _ => Outcome::NotMine,
    }
}
