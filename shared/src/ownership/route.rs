//! Where a function believes a call to be.

use serde::{Deserialize, Serialize};

use crate::calls::{Holder, Lease};

/// One for each call in each process of `ws-default`; a [`Journey`](super::Journey) begins with it and leaves behind what
/// it learned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub belief: Option<Belief>,
}

/// The relay that takes a call's frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belief {
    pub holder: Holder,
    /// Of its lease, as the store or the relay itself said. `None`: it keeps the frames and does not hold the call yet, so
    /// from *it* nothing can be taken over.
    pub fence: Option<u64>,
}

impl From<Lease> for Belief {
    fn from(lease: Lease) -> Self {
        Self { holder: Holder { relay: lease.relay, address: lease.address }, fence: Some(lease.fence) }
    }
}
