//! A relay that is told to go passes its calls on.

use shared::ownership::{HandOver, HandOverStep, Right, STORE_PATIENCE};

use super::{Flow, Purpose, RelayProcess};
use crate::messages::{RelayRequest, StoreRequest, Timer};
use crate::net::Net;

impl RelayProcess {
    /// SIGTERM: one call after another goes elsewhere, and then the process ends.
    pub(crate) fn drain(&mut self, net: &mut Net) {
        self.draining = true;
        if let Some(relay) = net.registry.iter_mut().find(|relay| relay.id == self.id) {
            relay.draining = true;
        }
        for call in 0..self.calls.len() {
            let quiet = net.rng.u64(0..300);
            self.set(net, quiet, Timer::HandOver { call });
        }
        self.set(net, 2_000, Timer::Exit);
    }

    pub(super) fn begin_hand_over(&mut self, net: &mut Net, call: usize) {
        let (Some(tenure), None) = (self.calls[call].tenure, &self.calls[call].flow) else { return };
        let others: Vec<_> = net.registry.iter().filter(|relay| relay.id != self.id && !relay.draining).collect();
        if self.standing.right(self.now(net)) != Right::Fresh || others.is_empty() {
            return;
        }
        let successor = others[net.rng.usize(..others.len())].holder();
        self.give_up(call, tenure.fence);
        self.calls[call].flow = Some(Flow::HandOver { flow: HandOver::default(), to: successor, fence: tenure.fence });
        self.hand_over(net, call);
    }

    /// Does what the hand-over's step says.
    pub(super) fn hand_over(&mut self, net: &mut Net, call: usize) {
        let Some(Flow::HandOver { flow, to, fence }) = &self.calls[call].flow else { return };
        let (purpose, to, fence) = (Purpose::HandOver { call }, to.clone(), *fence);
        match flow.step().clone() {
            HandOverStep::Write => {
                let from = self.holder().lease(fence);
                self.ask_store(net, STORE_PATIENCE, purpose, StoreRequest::HandOver { call, from, to });
            }
            HandOverStep::Tell(lease) => {
                self.ask_peer(net, &to.address, purpose, RelayRequest::HandedOver { call, lease });
            }
            HandOverStep::Over => self.calls[call].flow = None,
        }
    }
}
