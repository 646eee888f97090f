//! Where a function believes a call to be.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::ids::RelayId;

/// The relay that takes a call's frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub relay: RelayId,
    pub address: Url,
    /// Of its lease, as the store or the relay itself said. `None`: it keeps the frames and does not hold the call yet, so
    /// from *it* nothing can be taken over.
    pub fence: Option<u64>,
}

/// One for each call in each process of `ws-default`; an [`Errand`](super::Errand) begins with it and leaves behind what it learned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub holder: Option<Holder>,
}
