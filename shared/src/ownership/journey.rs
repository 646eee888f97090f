//! One frame's way to the relay that holds its call.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Belief, Moment, PATIENCE, Route, SUSPECT_PATIENCE, Suspects};
use crate::calls::{Lease, Relay};
use crate::ids::RelayId;

/// What a journey asks for at most, so that a frame which finds nobody is dropped and not carried about.
const MOST_ASKS: u8 = 12;
/// A relay that has the lease and says that it has not the call may be opening it, or another is claiming it.
const LOOK_AGAIN: Duration = Duration::from_millis(60);
/// After as many denials by the relay that the lease names, another is asked to take the call.
const DENIALS: u8 = 2;

/// `ws-default` makes one for each frame: carry out [`ask`](Self::ask), [`report`](Self::report) how it went, until it is
/// [`Ask::Done`] or [`Ask::Drop`]. Several may run with one route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Journey {
    ask: Ask,
    asks: u8,
    denials: u8,
    was_busy: bool,
    /// Relays that may have taken the frame, and did not say so.
    unsure: Vec<RelayId>,
    /// Relays that were asked to take the call over and did not, the last one just now.
    asked: Vec<Relay>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// Give the frame to this relay. [`sole`](Journey::sole) goes with it.
    Deliver {
        to: Belief,
        patience: Duration,
    },
    /// Read the call's lease.
    LookUp {
        after: Duration,
    },
    /// Give the frame to [`successor`](Journey::successor), and [`sole`](Journey::sole) and this with it.
    TakeOver(Lost),
    /// The frame is lost, and nothing more can be done for it.
    Drop,
    Done,
}

/// What a relay is told that is to take a call over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    pub lease: Lease,
    /// Connections to its holder are refused.
    pub dead: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The relay holds the call, with this fence.
    Taken {
        fence: u64,
    },
    /// The relay keeps the frame and is about to hold the call.
    Kept,
    /// Connections are refused, or another process answers at the relay's address.
    Dead,
    /// No answer in time, or the connection broke before there was one: it may have been taken.
    Silent,
    /// The relay does not have this call.
    NotMine,
    /// The relay takes nothing new; or, asked to take a call over, it cannot: the store does not answer it.
    Declined,
    /// Asked to take over: the holder speaks, and frames reach it.
    Busy,
    /// Asked to take over: another relay has.
    Claimed,
    Found(Lease),
    /// The call is over or unknown, or nobody has been given it.
    NoCall,
    /// The store does not answer.
    Unavailable,
    /// There is no successor.
    Nobody,
}

impl Journey {
    pub fn begin(route: &Route, suspects: &Suspects, now: Moment) -> Self {
        let ask = match &route.belief {
            Some(belief) => deliver(belief.clone(), suspects, now),
            None => Ask::LookUp { after: Duration::ZERO },
        };
        Self { ask, asks: 1, denials: 0, was_busy: false, unsure: Vec::new(), asked: Vec::new() }
    }

    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// No relay but `to` can have this frame: none was offered it, or they said that they did not take it.
    pub fn sole(&self, to: &RelayId) -> bool {
        self.unsure.iter().all(|relay| relay == to)
    }

    /// The best other relay to take the call over. If there is no other, the one that lost it: it may have given it up for
    /// a successor that died.
    pub fn successor(&mut self, relays: &[Relay], suspects: &Suspects, now: Moment, unix_ms: u64) -> Option<Relay> {
        let Ask::TakeOver(lost) = &self.ask else { return None };
        let rank = |relay: &&Relay| {
            let last_resort = (relay.id == lost.lease.relay, suspects.has(&relay.id, now));
            (last_resort, relay.calls, relay.id.clone())
        };
        let best = relays
            .iter()
            .filter(|relay| relay.alive(unix_ms) && !relay.draining)
            .filter(|relay| !(lost.dead && relay.id == lost.lease.relay))
            .filter(|relay| self.asked.iter().all(|asked| asked.id != relay.id))
            .min_by_key(rank)?;
        self.asked.push(best.clone());
        Some(best.clone())
    }

    pub fn report(&mut self, route: &mut Route, suspects: &mut Suspects, now: Moment, outcome: Outcome) {
        let asked = std::mem::replace(&mut self.ask, Ask::Drop);
        let next = match asked {
            Ask::Deliver { to, .. } => self.delivered(to, route, suspects, now, outcome),
            Ask::LookUp { .. } => self.looked_up(route, suspects, now, outcome),
            Ask::TakeOver(lost) => self.taken_over(lost, route, suspects, now, outcome),
            Ask::Drop | Ask::Done => asked,
        };
        self.asks += 1;
        self.ask = if self.asks > MOST_ASKS && next != Ask::Done { Ask::Drop } else { next };
    }

    fn delivered(&mut self, to: Belief, route: &mut Route, suspects: &mut Suspects, now: Moment, out: Outcome) -> Ask {
        match out {
            Outcome::Taken { fence } => believe(route, suspects, Belief { fence: Some(fence), ..to }),
            Outcome::Kept => believe(route, suspects, Belief { fence: None, ..to }),
            Outcome::Dead => lost(to, true),
            Outcome::Silent => self.let_wait(to, route, suspects, now),
            _ => {
                self.denials += 1;
                Ask::LookUp { after: if self.denials < DENIALS { Duration::ZERO } else { LOOK_AGAIN } }
            }
        }
    }

    /// Once is an accident: a packet that was lost. A second time in a row, or with another call, is the relay.
    fn let_wait(&mut self, to: Belief, route: &Route, suspects: &mut Suspects, now: Moment) -> Ask {
        let relay = &to.holder.relay;
        self.unsure.push(relay.clone());
        let again = suspects.has(relay, now);
        suspects.note(relay, now);
        match &route.belief {
            // Another frame has found the call elsewhere meanwhile.
            Some(belief) if belief.holder.relay != *relay => deliver(belief.clone(), suspects, now),
            _ if again => lost(to, false),
            _ => deliver(to, suspects, now),
        }
    }

    fn looked_up(&mut self, route: &mut Route, suspects: &Suspects, now: Moment, outcome: Outcome) -> Ask {
        match outcome {
            Outcome::Found(lease) if self.denials >= DENIALS && is_believed(route, &lease) => {
                Ask::TakeOver(Lost { lease, dead: false })
            }
            Outcome::Found(lease) => {
                let belief = Belief::from(lease);
                route.belief = Some(belief.clone());
                deliver(belief, suspects, now)
            }
            Outcome::NoCall => {
                route.belief = None;
                Ask::Drop
            }
            _ => Ask::Drop,
        }
    }

    fn taken_over(
        &mut self,
        lost: Lost,
        route: &mut Route,
        suspects: &mut Suspects,
        now: Moment,
        outcome: Outcome,
    ) -> Ask {
        let Some(holder) = self.asked.last().map(Relay::holder) else { return Ask::Drop };
        let successor = |fence| Belief { holder: holder.clone(), fence };
        match outcome {
            Outcome::Taken { fence } => believe(route, suspects, successor(Some(fence))),
            Outcome::Kept => believe(route, suspects, successor(None)),
            // What we took for lost was another's: whoever was asked was asked for the wrong thing.
            Outcome::Claimed | Outcome::NotMine => {
                self.asked.clear();
                Ask::LookUp { after: Duration::ZERO }
            }
            Outcome::Busy if !std::mem::replace(&mut self.was_busy, true) => match &route.belief {
                Some(belief) => deliver(belief.clone(), suspects, now),
                None => Ask::Drop,
            },
            Outcome::Silent => {
                suspects.note(&holder.relay, now);
                self.unsure.push(holder.relay);
                Ask::TakeOver(lost)
            }
            Outcome::Dead | Outcome::Declined => Ask::TakeOver(lost),
            _ => Ask::Drop,
        }
    }
}

fn deliver(to: Belief, suspects: &Suspects, now: Moment) -> Ask {
    let patience = if suspects.has(&to.holder.relay, now) { SUSPECT_PATIENCE } else { PATIENCE };
    Ask::Deliver { to, patience }
}

/// The lease names the relay that was asked last.
fn is_believed(route: &Route, lease: &Lease) -> bool {
    route.belief.as_ref().is_some_and(|belief| belief.holder.relay == lease.relay)
}

fn believe(route: &mut Route, suspects: &mut Suspects, belief: Belief) -> Ask {
    suspects.clear(&belief.holder.relay);
    if route.belief.as_ref() != Some(&belief) {
        route.belief = Some(belief);
    }
    Ask::Done
}

/// What is held can be lost. Of what is only kept, the store knows better.
fn lost(from: Belief, dead: bool) -> Ask {
    match from.fence {
        Some(fence) => Ask::TakeOver(Lost { lease: from.holder.lease(fence), dead }),
        None => Ask::LookUp { after: Duration::ZERO },
    }
}

#[cfg(test)]
mod tests;
