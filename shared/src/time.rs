//! Time as the heart knows it: milliseconds since the call began, and samples of 8 kHz audio.

use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// µ-law at 8 kHz: one byte, one sample, 125 µs.
pub const SAMPLES_PER_MS: u64 = 8;

/// Milliseconds since the call began, that is, since its webhook arrived. Told to the heart, never read by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CallTime(pub u64);

impl CallTime {
    pub const ZERO: Self = Self(0);

    /// How long it has been since `earlier`; nothing if that is in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    pub fn as_millis(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for CallTime {
    type Output = Self;
    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// A length of audio, or a position in it, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Samples(pub u64);

impl Samples {
    pub const ZERO: Self = Self(0);

    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(SAMPLES_PER_MS))
    }

    /// Whole milliseconds, rounded down: never more than there is.
    pub const fn as_millis(self) -> u64 {
        self.0 / SAMPLES_PER_MS
    }

    pub const fn duration(self) -> Duration {
        Duration::from_micros(self.0.saturating_mul(125))
    }

    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl From<CallTime> for Samples {
    fn from(time: CallTime) -> Self {
        Self::from_millis(time.0)
    }
}

impl Add for Samples {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Samples {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Samples {
    type Output = Self;
    /// Positions only grow; a difference below zero is a slip of the caller's, and reads as nothing.
    fn sub(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}
