//! The store: one item a call and one a relay, each written in one step.

use std::collections::BTreeSet;

use shared::calls::{Holder, Lease};
use shared::ids::RelayId;

use super::messages::{Process, Reply, StoreRequest};
use super::net::{Net, Place};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    Refuses,
    Hangs,
    /// Every third request fails, before or after it is carried out.
    Flaky,
}

#[derive(Default)]
pub(crate) struct Store {
    pub(crate) leases: Vec<Lease>,
    deposed: BTreeSet<RelayId>,
    pub(crate) outages: Vec<Outage>,
    pub(crate) claims: u32,
    pub(crate) depositions: u32,
}

impl Store {
    pub(crate) fn handle(&mut self, net: &mut Net, from: (Process, Place), token: u64, request: &StoreRequest) {
        let fault = self.outages.last().copied();
        let reply = match fault {
            Some(Outage::Hangs) => return,
            Some(Outage::Refuses) => Reply::Unavailable,
            Some(Outage::Flaky) if net.rng.u32(0..6) == 0 => return,
            Some(Outage::Flaky) if net.rng.u32(0..6) == 0 => {
                self.carry_out(request);
                return;
            }
            _ => self.carry_out(request),
        };
        net.answer(Place::Store, from, token, reply);
    }

    fn carry_out(&mut self, request: &StoreRequest) -> Reply {
        match request {
            StoreRequest::Renew(relay) if self.deposed.contains(relay) => Reply::Conflict,
            StoreRequest::Renew(_) => Reply::Done,
            StoreRequest::Depose(relay) => {
                self.depositions += u32::from(self.deposed.insert(relay.clone()));
                Reply::Done
            }
            StoreRequest::Claim { call, by, held } => self.pass(*call, *held, None, by),
            StoreRequest::HandOver { call, from, to } => self.pass(*call, from.fence, Some(&from.relay), to),
            StoreRequest::LookUp { call } => Reply::Found(self.leases[*call].clone()),
            StoreRequest::Write { call, lease } if self.leases[*call] == *lease => Reply::Done,
            StoreRequest::Write { .. } => Reply::Conflict,
        }
    }

    fn pass(&mut self, call: usize, held: u64, holder: Option<&RelayId>, to: &Holder) -> Reply {
        let lease = &mut self.leases[call];
        if lease.fence != held || holder.is_some_and(|holder| *holder != lease.relay) {
            return Reply::Conflict;
        }
        self.claims += 1;
        *lease = to.lease(held + 1);
        Reply::Granted(lease.clone())
    }
}
