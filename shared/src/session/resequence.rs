//! Puts a stream's messages back in order. API Gateway hands each frame to a Lambda of its own, so they overtake
//! one another; Twilio's `sequenceNumber` says how they were sent.
//!
//! In order costs a comparison. Out of order waits in a small bounded buffer until the missing one comes, or the
//! wait is over, or the buffer is full: then the gap is given up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// More than a second of frames: whoever is that late is not waited for.
const LONGEST_QUEUE: usize = 64;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Resequencer<T> {
    /// The number that is due next. Twilio's `start` is 1.
    due: u64,
    waiting: BTreeMap<u64, T>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival<T> {
    /// It was this one's turn.
    InOrder(T),
    /// It waits for an earlier one. `full`: the queue is at its bound, the gap must be given up now.
    Waits {
        full: bool,
    },
    Duplicate,
    /// Its place has been given up, or it was carried already.
    Late,
}

impl<T> Default for Resequencer<T> {
    fn default() -> Self {
        Self { due: 1, waiting: BTreeMap::new() }
    }
}

impl<T> Resequencer<T> {
    /// For a stream that somebody else has read up to here.
    pub(super) fn from(due: u64) -> Self {
        Self { due, waiting: BTreeMap::new() }
    }

    pub(super) fn due(&self) -> u64 {
        self.due
    }

    pub(super) fn arrive(&mut self, number: u64, message: T) -> Arrival<T> {
        if number == self.due {
            self.due = number.saturating_add(1);
            return Arrival::InOrder(message);
        }
        if number < self.due {
            return Arrival::Late;
        }
        if self.waiting.contains_key(&number) {
            return Arrival::Duplicate;
        }
        self.waiting.insert(number, message);
        Arrival::Waits { full: self.waiting.len() >= LONGEST_QUEUE }
    }

    /// The next message whose turn has come.
    pub(super) fn next(&mut self) -> Option<T> {
        let message = self.waiting.remove(&self.due)?;
        self.due = self.due.saturating_add(1);
        Some(message)
    }

    /// Stops waiting for what is missing before the first that waits; returns how many that were.
    pub(super) fn give_up_gap(&mut self) -> u64 {
        let Some(&first) = self.waiting.keys().next() else { return 0 };
        let lost = first - self.due;
        self.due = first;
        lost
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(line: &mut Resequencer<u64>, number: u64) -> Vec<u64> {
        let mut out = Vec::new();
        if let Arrival::InOrder(message) = line.arrive(number, number) {
            out.push(message);
        }
        out.extend(std::iter::from_fn(|| line.next()));
        out
    }

    #[test]
    fn any_order_comes_out_in_order() {
        let mut line = Resequencer::default();
        let out: Vec<u64> = [2, 1, 5, 3, 4, 8, 7, 6].into_iter().flat_map(|number| drain(&mut line, number)).collect();
        assert_eq!(out, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_frame_sent_twice_is_carried_once() {
        let mut line = Resequencer::default();
        assert_eq!(line.arrive(1, 1), Arrival::InOrder(1));
        assert_eq!(line.arrive(1, 1), Arrival::Late);
        assert_eq!(line.arrive(3, 3), Arrival::Waits { full: false });
        assert_eq!(line.arrive(3, 3), Arrival::Duplicate);
    }

    #[test]
    fn a_gap_is_given_up_once_and_counted() {
        let mut line = Resequencer::default();
        line.arrive(4, 4);
        assert_eq!(line.give_up_gap(), 3);
        assert_eq!(line.next(), Some(4));
        assert_eq!(line.arrive(2, 2), Arrival::Late);
        assert_eq!(line.give_up_gap(), 0);
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut line = Resequencer::default();
        let full = (2..).position(|number| line.arrive(number, number) == Arrival::Waits { full: true });
        assert_eq!(full, Some(LONGEST_QUEUE - 1));
    }
}
