//! A thing and the moment it reached this process, so that what the relay adds to its journey can be measured.

use std::time::{Duration, Instant};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped<T> {
    pub at: Instant,
    pub value: T,
}

impl<T> Stamped<T> {
    pub fn now(value: T) -> Self {
        Self { at: Instant::now(), value }
    }

    pub fn age(&self) -> Duration {
        self.at.elapsed()
    }
}
