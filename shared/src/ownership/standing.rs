//! A relay's right to speak at all: a promise of the store's that nobody has been given its calls.

use serde::{Deserialize, Serialize};

use super::{Moment, TTL};

/// What the store has said to this process about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// When the latest renewal that was granted had been asked for.
    asked_at: Option<Moment>,
    deposed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Right {
    /// Nobody can have taken a call away and be speaking for it.
    Fresh,
    /// The store has not answered for so long that somebody might.
    Stale,
    /// Somebody does, or will. A process never comes back from this; the one after it has another id.
    Deposed,
}

impl Standing {
    /// A renewal was granted. It counts from when it was *asked* for: the answer may have been on its way, or this process
    /// stopped, for any time.
    pub fn granted(&mut self, asked_at: Moment) {
        self.asked_at = self.asked_at.max(Some(asked_at));
    }

    /// The store refused: another relay has deposed this one.
    pub fn refused(&mut self) {
        self.deposed = true;
    }

    pub fn right(&self, now: Moment) -> Right {
        match self.asked_at {
            _ if self.deposed => Right::Deposed,
            Some(asked_at) if now < asked_at + TTL => Right::Fresh,
            _ => Right::Stale,
        }
    }

    /// Whoever deposed this relay did so after this moment.
    pub fn in_office_at(&self) -> Option<Moment> {
        self.asked_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_counts_from_when_it_was_asked_for() {
        let mut standing = Standing::default();
        assert_eq!(standing.right(Moment(0)), Right::Stale);
        standing.granted(Moment(1_000));
        assert_eq!(standing.right(Moment(1_699)), Right::Fresh);
        assert_eq!(standing.right(Moment(1_700)), Right::Stale);
    }

    #[test]
    fn answers_that_overtake_each_other_do_no_harm() {
        let mut standing = Standing::default();
        standing.granted(Moment(1_200));
        standing.granted(Moment(1_000));
        assert_eq!(standing.right(Moment(1_899)), Right::Fresh);
    }

    #[test]
    fn a_deposed_relay_stays_so() {
        let mut standing = Standing::default();
        standing.refused();
        standing.granted(Moment(1_000));
        assert_eq!(standing.right(Moment(1_001)), Right::Deposed);
    }
}
