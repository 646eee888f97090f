//! A frame, or an announcement, of a call that this relay does not know.

use crate::calls::Lease;
use crate::ids::RelayId;

/// What to do, by the lease as it was read just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// Begin a [`Tenure`](super::Tenure), unless [`GivenUp`](super::GivenUp) bars it by then: asked in the same breath.
    Open {
        fence: u64,
    },
    /// Begin a [`TakeOver`](super::TakeOver) from ourselves.
    Claim {
        lost: Lease,
    },
    NotMine,
}

impl Opening {
    /// `barred`: by our [`GivenUp`](super::GivenUp). What was not given up and is ours by name can be taken from us only by our
    /// yielding, which bars it, or by deposing us, which our [`Standing`](super::Standing) knows of in time. What was given
    /// up may be another's any moment, and the write settles whose.
    pub fn of(me: &RelayId, lease: Option<&Lease>, barred: bool) -> Self {
        match lease {
            Some(lease) if lease.relay != *me => Self::NotMine,
            Some(lease) if barred => Self::Claim { lost: lease.clone() },
            Some(lease) => Self::Open { fence: lease.fence },
            None => Self::NotMine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_is_claimed_anew() {
        let address: url::Url = "http://a:8081".parse().unwrap();
        let lease = |relay: &str| Lease { relay: relay.into(), address: address.clone(), fence: 2 };
        let opening = |lease: Option<Lease>, barred| Opening::of(&"A".into(), lease.as_ref(), barred);
        assert_eq!(opening(Some(lease("A")), false), Opening::Open { fence: 2 });
        assert_eq!(opening(Some(lease("A")), true), Opening::Claim { lost: lease("A") });
        assert_eq!(opening(Some(lease("B")), false), Opening::NotMine);
        assert_eq!(opening(None, false), Opening::NotMine);
    }
}
