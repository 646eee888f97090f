//! Which call a connection's frames belong to, and where it is believed to be, remembered between invocations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::calls::{Binding, Holder};
use shared::ids::{CallSid, ConnectionId, StreamSid};
use shared::ownership::{Belief, Route};

/// More than one process serves in its life; what is forgotten is looked up again.
const MOST: usize = 2_048;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) call: CallSid,
    pub(super) stream: StreamSid,
    pub(super) route: Route,
}

impl Bound {
    /// `fence`: of the lease, if it was read just now. A binding that was written down may be old.
    pub(super) fn new(binding: Binding, fence: Option<u64>) -> Self {
        let Binding { call, stream, relay, address } = binding;
        let belief = Belief { holder: Holder { relay, address }, fence };
        Self { call, stream, route: Route { belief: Some(belief) } }
    }

    /// A journey forgets its belief only when it was told that there is no such call any more. That is final: what still
    /// comes of it asks nobody.
    pub(super) fn is_over(&self) -> bool {
        self.route.belief.is_none()
    }
}

#[derive(Debug, Default)]
pub(super) struct Bindings {
    bound: Mutex<BTreeMap<ConnectionId, Bound>>,
    /// Whose `start` was lost, so that each of their frames does not wait for it.
    given_up: Mutex<BTreeSet<ConnectionId>>,
}

impl Bindings {
    pub(super) fn give_up(&self, id: &ConnectionId) {
        let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        if given_up.len() >= MOST {
            given_up.pop_first();
        }
        given_up.insert(id.detached());
    }

    pub(super) fn is_given_up(&self, id: &ConnectionId) -> bool {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    pub(super) fn get(&self, id: &ConnectionId) -> Option<Bound> {
        self.lock().get(id).cloned()
    }

    pub(super) fn insert(&self, id: &ConnectionId, bound: &Bound) {
        let mut bindings = self.lock();
        if bindings.len() >= MOST {
            // Ids are random, so this is anyone: good enough for a cache that is hardly ever full.
            bindings.pop_first();
        }
        bindings.insert(id.detached(), bound.clone());
    }

    /// What a frame has learned on its way.
    pub(super) fn learn(&self, id: &ConnectionId, route: &Route) {
        if let Some(bound) = self.lock().get_mut(id) {
            bound.route.clone_from(route);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, Bound>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded() {
        let bindings = Bindings::default();
        let address: url::Url = "http://127.0.0.1:1".parse().unwrap();
        for number in 0..=MOST {
            let binding =
                Binding { call: "CA1".into(), stream: "MZ1".into(), relay: "r".into(), address: address.clone() };
            bindings.insert(&ConnectionId::from(format!("{number:05}")), &Bound::new(binding, None));
        }
        assert_eq!(bindings.get(&"00000".into()), None);
        assert!(bindings.get(&"00001".into()).is_some());
        assert_eq!(bindings.lock().len(), MOST);
    }
}
