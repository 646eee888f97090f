//! The caller's side of the line: what comes in, and what is missing from it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::audio::Payload;
use crate::audio::recording::FURTHEST_BACK;
use crate::time::{CallTime, Samples};

/// Longer gaps are not filled whole: by then the turn is closed.
const LONGEST_FILL: Samples = Samples::from_millis(10_000);
/// Smaller ones are jitter of the carrier's own stamps.
const SHORTEST_GAP: Samples = Samples::from_millis(10);
/// A caller who is speaking and sends nothing for this long is given silence, so that the turn can close.
pub(super) const STALL: Duration = Duration::from_millis(750);
pub(super) const STALL_FILL: Samples = Samples::from_millis(1_000);

/// Follows the stamps of the caller's frames.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct CallerLine {
    /// Where the next frame should begin, in the stream's own time.
    next: Option<Samples>,
    /// Where the stream's own time begins in the call.
    begins: Option<Samples>,
    pub(super) last_frame_at: CallTime,
    pub(super) speaking: bool,
    /// The stream's `start` was seen.
    pub(super) started: bool,
    /// What was filled since the last frame, so that its gap is not filled twice.
    filled: Samples,
}

impl CallerLine {
    /// A frame begins at `stamp`: returns the silence that is missing before it.
    pub(super) fn frame(&mut self, stamp: Samples, length: Samples, now: CallTime) -> Samples {
        self.last_frame_at = now;
        let missing = self.next.map_or(Samples::ZERO, |next| stamp - next);
        let gap = missing - std::mem::take(&mut self.filled);
        self.next = Some(stamp + length);
        if gap < SHORTEST_GAP { Samples::ZERO } else { gap.min(LONGEST_FILL) }
    }

    /// Where a frame lies in the recording: by its stamp, so that a burst after a stall is found where it was said; but
    /// not ahead of its arrival.
    pub(super) fn place(&mut self, stamp: Samples, now: CallTime) -> Samples {
        let now = Samples::from(now);
        let begins = *self.begins.get_or_insert(now - stamp);
        (begins + stamp).clamp(now - FURTHEST_BACK, now)
    }

    pub(super) fn fill_stall(&mut self) -> Samples {
        self.filled += STALL_FILL;
        STALL_FILL
    }

    /// Whether silence was given already since the last frame came.
    pub(super) fn is_filled(&self) -> bool {
        !self.filled.is_zero()
    }

    /// Another stream begins: its stamps start anew.
    pub(super) fn restart(&mut self) {
        *self = Self { speaking: self.speaking, ..Self::default() };
    }
}

/// Silence in pieces that a payload can hold.
pub(super) fn silence(length: Samples) -> impl Iterator<Item = Payload> {
    let mut left = length.0;
    std::iter::from_fn(move || {
        let piece = Payload::silence(Samples(left));
        left -= piece.samples().0.min(left);
        (!piece.is_empty()).then_some(piece)
    })
}
