//! A call's own clock: the wall clock is asked once, when the call is taken; from there on a monotonic one runs.

use std::time::{Duration, Instant};

use shared::time::CallTime;

#[derive(Debug, Clone, Copy)]
pub struct CallClock {
    /// When this clock was set, and what it showed.
    set_at: Instant,
    showed: CallTime,
}

impl CallClock {
    /// For a call that began, here or elsewhere, at `began_at_ms` of a wall clock that shows `unix_ms` now.
    pub fn set(began_at_ms: u64, unix_ms: u64) -> Self {
        Self { set_at: Instant::now(), showed: CallTime(unix_ms.saturating_sub(began_at_ms)) }
    }

    pub fn now(&self) -> CallTime {
        self.showed + self.set_at.elapsed()
    }

    /// When this clock will show `time`: not before, or a timer would find nothing to do.
    pub fn instant(&self, time: CallTime) -> Instant {
        self.set_at + Duration::from_millis(time.0.saturating_sub(self.showed.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_began_elsewhere_goes_on_where_it_was() {
        let clock = CallClock::set(1_000, 61_000);
        assert!(clock.now() >= CallTime(60_000));
        assert!(clock.instant(CallTime(60_500)) > Instant::now());
        assert!(clock.instant(CallTime(1)) <= Instant::now());
    }

    #[test]
    fn a_wall_clock_that_is_behind_does_no_harm() {
        assert!(CallClock::set(5_000, 1_000).now() < CallTime(1_000));
    }
}
