//! Relays that have let a function wait.

use std::collections::BTreeMap;

use super::{Moment, SUSPECT_FOR};
use crate::ids::RelayId;

/// One a process: what one call has learned of a relay is of use to the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suspects {
    since: BTreeMap<RelayId, Moment>,
}

impl Suspects {
    pub fn note(&mut self, relay: &RelayId, now: Moment) {
        self.since.retain(|_, at| now.since(*at) < SUSPECT_FOR);
        self.since.insert(relay.detached(), now);
    }

    /// It answers.
    pub fn clear(&mut self, relay: &RelayId) {
        if !self.since.is_empty() {
            self.since.remove(relay);
        }
    }

    pub fn has(&self, relay: &RelayId, now: Moment) -> bool {
        self.since.get(relay).is_some_and(|at| now.since(*at) < SUSPECT_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspicion_ends_with_an_answer_or_with_time() {
        let (mut suspects, relay) = (Suspects::default(), RelayId::from("A"));
        suspects.note(&relay, Moment(0));
        assert!(suspects.has(&relay, Moment(1_999)));
        assert!(!suspects.has(&relay, Moment(2_000)));
        suspects.clear(&relay);
        assert!(!suspects.has(&relay, Moment(1)));
    }
}
