//! How a relay that is about to go passes a call on.

use serde::{Deserialize, Serialize};

use crate::calls::Lease;

/// The write may be repeated: it is refused if it was done.
const TRIES: u8 = 3;

/// Before it begins, the call is stopped and noted in [`GivenUp`](super::GivenUp): what the store has been asked to do cannot be
/// recalled, so there is no going back. If all else fails the caller's frames find the way, as they do after a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    step: HandOverStep,
    tries: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandOverStep {
    /// Write the successor into the lease, if it is still ours with its fence.
    Write,
    /// Tell the successor of its lease. It begins a [`Tenure`](super::Tenure), unless its
    /// [`GivenUp`](super::GivenUp) bars it or it has a later one.
    Tell(Lease),
    Over,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandOverHeard {
    Written(Lease),
    Conflict,
    Unavailable,
    /// Whether it was heard or not: a successor that was not told is told by the frames.
    Told,
}

impl Default for HandOver {
    fn default() -> Self {
        Self { step: HandOverStep::Write, tries: 0 }
    }
}

impl HandOver {
    pub fn step(&self) -> &HandOverStep {
        &self.step
    }

    pub fn heard(&mut self, heard: HandOverHeard) {
        self.step = match (&self.step, heard) {
            (HandOverStep::Write, HandOverHeard::Written(lease)) => HandOverStep::Tell(lease),
            (HandOverStep::Write, HandOverHeard::Unavailable) if self.tries + 1 < TRIES => {
                self.tries += 1;
                HandOverStep::Write
            }
            _ => HandOverStep::Over,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(news: impl IntoIterator<Item = HandOverHeard>) -> HandOverStep {
        let mut hand_over = HandOver::default();
        news.into_iter().for_each(|heard| hand_over.heard(heard));
        hand_over.step
    }

    #[test]
    fn the_successor_is_told_once_it_is_written() {
        let lease = Lease { relay: "B".into(), address: "http://b:8081".parse().unwrap(), fence: 2 };
        assert_eq!(after([HandOverHeard::Written(lease.clone())]), HandOverStep::Tell(lease.clone()));
        assert_eq!(after([HandOverHeard::Written(lease), HandOverHeard::Told]), HandOverStep::Over);
    }

    #[test]
    fn a_store_that_does_not_answer_is_asked_thrice() {
        assert_eq!(after([const { HandOverHeard::Unavailable }; 2]), HandOverStep::Write);
        assert_eq!(after([const { HandOverHeard::Unavailable }; 3]), HandOverStep::Over);
        assert_eq!(after([HandOverHeard::Conflict]), HandOverStep::Over);
    }
}
