//! Counts of what may happen fifty times a second: told at powers of two and at the end of the call.

use serde::{Deserialize, Serialize};

use super::output::{DropReason, Event};
use crate::time::Samples;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tallies {
    lost: Tally,
    duplicate: Tally,
    late: Tally,
    wrong_stream: Tally,
    filled: Tally,
    preroll: Tally,
    audio: Tally,
}

/// `total` in whatever unit; `events` decides when to tell.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Tally {
    total: u64,
    events: u64,
    told: u64,
}

impl Tally {
    fn add(&mut self, amount: u64) -> Option<u64> {
        self.total = self.total.saturating_add(amount);
        self.events += 1;
        self.events.is_power_of_two().then(|| self.tell())
    }

    fn tell(&mut self) -> u64 {
        self.told = self.total;
        self.total
    }

    fn rest(&mut self) -> Option<u64> {
        (self.told != self.total).then(|| self.tell())
    }
}

impl Tallies {
    pub(super) fn lost(&mut self, frames: u64) -> Option<Event> {
        self.lost.add(frames).map(|count| Event::FramesLost { count })
    }

    pub(super) fn dropped(&mut self, reason: DropReason) -> Option<Event> {
        self.of(reason).add(1).map(|count| Event::FramesDropped { reason, count })
    }

    pub(super) fn filled(&mut self, length: Samples) -> Option<Event> {
        self.filled.add(length.0).map(|total| Event::SilenceFilled { ms: Samples(total).as_millis() })
    }

    pub(super) fn preroll(&mut self, length: Samples) -> Option<Event> {
        self.preroll.add(length.0).map(|total| Event::PrerollDropped { ms: Samples(total).as_millis() })
    }

    pub(super) fn audio(&mut self, length: Samples) -> Option<Event> {
        self.audio.add(length.0).map(|total| Event::AudioDropped { ms: Samples(total).as_millis() })
    }

    /// Frames so far that came too late, and that never came.
    pub(super) fn late_and_lost(&self) -> (u64, u64) {
        (self.late.total, self.lost.total)
    }

    /// What has not been told yet.
    pub(super) fn rest(&mut self) -> Vec<Event> {
        let mut rest = Vec::new();
        rest.extend(self.lost.rest().map(|count| Event::FramesLost { count }));
        for reason in [DropReason::Duplicate, DropReason::Late, DropReason::WrongStream] {
            rest.extend(self.of(reason).rest().map(|count| Event::FramesDropped { reason, count }));
        }
        rest.extend(self.filled.rest().map(|total| Event::SilenceFilled { ms: Samples(total).as_millis() }));
        rest.extend(self.preroll.rest().map(|total| Event::PrerollDropped { ms: Samples(total).as_millis() }));
        rest.extend(self.audio.rest().map(|total| Event::AudioDropped { ms: Samples(total).as_millis() }));
        rest
    }

    fn of(&mut self, reason: DropReason) -> &mut Tally {
        match reason {
            DropReason::Duplicate => &mut self.duplicate,
            DropReason::Late => &mut self.late,
            DropReason::WrongStream => &mut self.wrong_stream,
        }
    }
}
