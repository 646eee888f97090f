//! Counts what may happen fifty times a second, and says when it is worth a line in the log.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<BTreeMap<&'static str, u64>>);

impl Tally {
    /// The count so far, at 1, 2, 4, 8 …: often enough to notice, too seldom to drown anything.
    pub(super) fn count(&self, what: &'static str) -> Option<u64> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(what).or_default();
        *count += 1;
        count.is_power_of_two().then_some(*count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_is_told_seldom() {
        let tally = Tally::default();
        let told: Vec<u64> = (0..1000).filter_map(|_| tally.count("frame_dropped")).collect();
        assert_eq!(told, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
        assert_eq!(tally.count("something_else"), Some(1));
    }
}
