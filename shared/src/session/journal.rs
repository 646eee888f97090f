//! What a successor needs to go on with a call, written down while the call runs.
//!
//! The words that are settled are in the transcript; the journal holds what is under way. It is small, it is written
//! whole, and the latest one counts. A relay of another build may read it: [`VERSION`] changes when its meaning does, and
//! `tests/journal` keeps one of each version that must still be understood.

use serde::{Deserialize, Serialize};

use crate::time::CallTime;

/// Of what is written here.
pub const VERSION: u32 = 1;

/// The state of a call at a moment of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    pub version: u32,
    /// When it was true.
    pub at: CallTime,
}
