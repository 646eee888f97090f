//! The line: callers for whom there is no room yet, in the order of their arrival.

use serde::{Deserialize, Serialize};

use super::Relay;
use crate::ids::CallSid;

/// A caller who waits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Waiting {
    /// Unix milliseconds: who came first is served first.
    pub since_ms: u64,
    pub call: CallSid,
}

impl Waiting {
    /// From 1: one more than there are callers before this one. A webhook that was sent twice may have put a caller into
    /// the line twice.
    pub fn place(&self, line: &[Self]) -> u32 {
        let others = || line.iter().filter(|other| other.call != self.call);
        let mut before: Vec<_> = others().filter(|other| *other < self).map(|other| &other.call).collect();
        before.sort_unstable();
        before.dedup();
        u32::try_from(before.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The relay that takes this caller now, if there is room for all who came before as well.
    pub fn turn<'a>(&self, line: &[Self], relays: &'a [Relay], now_ms: u64) -> Option<&'a Relay> {
        if self.place(line) > Relay::room(relays, now_ms) {
            return None;
        }
        Relay::admit(relays, now_ms, &self.call)
    }
}

#[cfg(test)]
mod tests {
    use super::super::admission::testing::relay;
    use super::*;

    fn waiting(call: &str, since_ms: u64) -> Waiting {
        Waiting { since_ms, call: call.into() }
    }

    #[test]
    fn who_came_first_is_first_and_a_doubled_entry_counts_once() {
        let line = ["a", "b", "a", "c"].into_iter().zip([1, 2, 3, 4]).map(|(call, at)| waiting(call, at));
        let line: Vec<_> = line.collect();
        assert_eq!(waiting("a", 1).place(&line), 1);
        assert_eq!(waiting("a", 3).place(&line), 2);
        assert_eq!(waiting("c", 4).place(&line), 3);
        assert_eq!(waiting("new", 9).place(&line), 4);
        assert_eq!(waiting("new", 9).place(&[]), 1);
    }

    #[test]
    fn nobody_is_served_before_those_who_came_earlier() {
        let relays = [Relay { most_calls: 5, ..relay("relay-1", 4) }];
        let line = [waiting("a", 1), waiting("b", 2)];
        let turn = |call, at| waiting(call, at).turn(&line, &relays, 0).is_some();
        assert_eq!([turn("a", 1), turn("b", 2), turn("new", 9)], [true, false, false]);
        assert!(waiting("new", 9).turn(&[], &relays, 0).is_some());
    }
}
