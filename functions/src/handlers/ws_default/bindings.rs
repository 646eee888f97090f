//! Which relay a connection's frames go to, remembered between invocations.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use shared::calls::Binding;
use shared::ids::ConnectionId;

/// More than one process serves in its life; what is forgotten is looked up again.
const MOST: usize = 2_048;

#[derive(Debug, Default)]
pub(super) struct Bindings(Mutex<BTreeMap<ConnectionId, Binding>>);

impl Bindings {
    pub(super) fn get(&self, id: &ConnectionId) -> Option<Binding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(super) fn insert(&self, id: &ConnectionId, binding: &Binding) {
        let mut bindings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bindings.len() >= MOST {
            // Ids are random, so this is anyone: good enough for a cache that is hardly ever full.
            bindings.pop_first();
        }
        bindings.insert(id.detached(), binding.clone());
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
            bindings.insert(&ConnectionId::from(format!("{number:05}")), &binding);
        }
        assert_eq!(bindings.get(&"00000".into()), None);
        assert!(bindings.get(&"00001".into()).is_some());
        assert_eq!(bindings.0.lock().unwrap().len(), MOST);
    }
}
