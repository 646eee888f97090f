//! A frame, or an announcement, of a call that this relay does not know.

use crate::calls::Lease;
use crate::ids::RelayId;

/// What to do, by the lease as it was read just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// Begin a [`Tenure`](super::Tenure), unless [`GivenUp`](super::GivenUp) bars it by then.
    Open {
        fence: u64,
    },
    /// It is ours by name, and we do not know how: begin a [`TakeOver`](super::TakeOver) from ourselves.
    Claim {
        lost: Lease,
    },
    NotMine,
}

impl Opening {
    /// A lease that was read is not a lease that is held: between the two, others may have been told that we do not have
    /// the call. Only a call that has never been spoken for is opened with the lease the webhook wrote; any other is
    /// claimed anew, and the write settles it.
    pub fn of(me: &RelayId, lease: Option<&Lease>) -> Self {
        match lease {
            Some(Lease { relay, fence: fence @ 1, .. }) if relay == me => Self::Open { fence: *fence },
            Some(lease) if lease.relay == *me => Self::Claim { lost: lease.clone() },
            _ => Self::NotMine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_lease_is_opened_and_a_later_one_is_claimed_anew() {
        let lease = |relay: &str, fence| Lease { relay: relay.into(), fence };
        let opening = |lease: Lease| Opening::of(&"A".into(), Some(&lease));
        assert_eq!(opening(lease("A", 1)), Opening::Open { fence: 1 });
        assert_eq!(opening(lease("A", 2)), Opening::Claim { lost: lease("A", 2) });
        assert_eq!(opening(lease("B", 1)), Opening::NotMine);
        assert_eq!(Opening::of(&"A".into(), None), Opening::NotMine);
    }
}
