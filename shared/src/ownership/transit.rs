//! How old a frame is, by the quickest one of its stream.

use serde::{Deserialize, Serialize};

use super::Moment;

/// The carrier's clock and ours run apart by no more than one part in this many (200 ppm), and neither is set.
const DRIFT: i64 = 5_000;

/// The least time between a frame's stamp and its arrival. What took longer was under way for the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Transit {
    quickest: Option<(i64, Moment)>,
}

impl Transit {
    pub(super) fn arrived(&mut self, now: Moment, stamp_ms: u64) {
        let took = signed(now.0) - signed(stamp_ms);
        if self.offset(now).is_none_or(|quickest| took <= quickest) {
            self.quickest = Some((took, now));
        }
    }

    /// When a frame with this stamp was spoken, by our clock; not before it was, and seldom long after.
    pub(super) fn spoken_at(&self, now: Moment, stamp_ms: u64) -> Option<Moment> {
        let at = signed(stamp_ms) + self.offset(now)?;
        Some(Moment(u64::try_from(at).unwrap_or(0)))
    }

    fn offset(&self, now: Moment) -> Option<i64> {
        self.quickest.map(|(took, at)| took + signed(now.0.saturating_sub(at.0)) / DRIFT)
    }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_frame_tells_how_late_the_others_are() {
        let mut transit = Transit::default();
        transit.arrived(Moment(5_330), 0);
        transit.arrived(Moment(5_035), 20);
        transit.arrived(Moment(5_300), 40);
        assert_eq!(transit.spoken_at(Moment(5_300), 40), Some(Moment(5_055)));
    }

    #[test]
    fn a_clock_that_is_slower_than_the_carriers_is_forgiven() {
        let mut transit = Transit::default();
        transit.arrived(Moment(0), 0);
        let hour = 3_600_000;
        assert_eq!(transit.spoken_at(Moment(hour), hour), Some(Moment(hour + 720)));
    }
}
