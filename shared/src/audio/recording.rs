//! What a recording is made of: the caller on the left, the agent on the right, both on the call's own clock.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Payload, mulaw};
use crate::time::Samples;

/// One thing to record. Positions are samples since the call began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RecordOp {
    /// This sounds from `at`. The agent's audio may lie ahead of now: it is still waiting at the carrier.
    Audio { track: Track, at: Samples, payload: Payload },
    /// What was to sound on this track from `at` on was thrown away by a `clear`.
    Cut { track: Track, at: Samples },
    /// The call is over; nothing sounds after `at`.
    Finish { at: Samples },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Track {
    Caller,
    Agent,
}

/// What may lie ahead of what was taken. A model is faster than speech, but not by this much.
pub const FURTHEST_AHEAD: Samples = Samples::from_millis(5 * 60_000);

/// How far before now audio may still be laid: what is cut and stored must be older.
pub const FURTHEST_BACK: Samples = Samples::from_millis(1_500);

/// The most that one take gives, so that none can ask for all memory.
pub const LONGEST_TAKE: Samples = Samples::from_millis(10 * 60_000);

/// Puts a recording together: audio in as it comes, stereo out in segments.
///
/// On each track, audio sounds from its position on, or from where the audio before it ends, whichever is later: so a
/// caller's frames that arrive too early lie end to end, those that never came are silence, and the agent's audio
/// queues up as it does at the carrier. What was taken is final.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    taken: Samples,
    /// Never before `taken`.
    finish: Option<Samples>,
    caller: Lane,
    agent: Lane,
    dropped: Dropped,
    /// Kept to decode into.
    scratch: Vec<u8>,
}

/// Audio that is in no recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Its place had been taken already, or the call was over.
    pub late: Samples,
    /// It lay further ahead than [`FURTHEST_AHEAD`].
    pub ahead: Samples,
}

/// One track from `taken` on.
#[derive(Debug, Clone, Default)]
struct Lane {
    /// The first of these sounds at `taken`.
    mulaw: VecDeque<u8>,
    /// Where the last audio ends; may lie before `taken`.
    end: Samples,
}

impl Timeline {
    /// A recording that goes on where another has ended.
    pub fn starting_at(taken: Samples) -> Self {
        Self { taken, ..Self::default() }
    }

    pub fn apply(&mut self, op: &RecordOp) {
        match op {
            RecordOp::Audio { track, at, payload } => {
                let mut mulaw = std::mem::take(&mut self.scratch);
                mulaw.clear();
                payload.decode_into(&mut mulaw);
                self.place(*track, *at, &mulaw);
                self.scratch = mulaw;
            }
            RecordOp::Cut { track, at } => {
                let taken = self.taken;
                self.lane(*track).cut(taken, *at);
            }
            RecordOp::Finish { at } => {
                self.caller.cut(self.taken, *at);
                self.agent.cut(self.taken, *at);
                let finish = self.finish.map_or(*at, |finish| finish.min(*at));
                self.finish = Some(finish.max(self.taken));
            }
        }
    }

    /// Interleaved stereo µ-law up to `at`, caller left, agent right. Leave a second or two between `at` and now: what
    /// comes for a time that was taken is dropped. Gives no more than [`LONGEST_TAKE`] and nothing beyond the finish;
    /// call again for the rest.
    pub fn take_until(&mut self, at: Samples) -> Vec<u8> {
        let at = at.min(self.finish.unwrap_or(at)).min(self.taken + LONGEST_TAKE);
        let length = to_usize(at.saturating_sub(self.taken));
        self.taken += Samples(length as u64);
        let mut stereo = Vec::with_capacity(length * 2);
        for (caller, agent) in self.caller.take(length).zip(self.agent.take(length)) {
            stereo.extend([caller, agent]);
        }
        stereo
    }

    /// What is left: up to the finish, or to the end of the last audio where none was announced. Empty when all of it
    /// was given.
    pub fn finish(&mut self) -> Vec<u8> {
        let end = self.finish.unwrap_or(self.caller.end.max(self.agent.end)).max(self.taken);
        self.finish = Some(end);
        self.take_until(end)
    }

    /// Up to where it was taken.
    pub fn taken(&self) -> Samples {
        self.taken
    }

    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    fn place(&mut self, track: Track, at: Samples, mulaw: &[u8]) {
        let (taken, finish) = (self.taken, self.finish.unwrap_or(Samples(u64::MAX)));
        let lane = self.lane(track);
        let from = at.max(lane.end);
        let to = from + Samples(mulaw.len() as u64);
        let kept_to = to.min(finish).min(taken + FURTHEST_AHEAD);
        let late = (to.min(taken) - from) + (to - from.max(finish));
        let kept = mulaw.get(to_usize(taken - from)..to_usize(kept_to - from)).unwrap_or_default();
        if !kept.is_empty() {
            lane.lay(from.max(taken) - taken, kept);
        }
        if kept_to > from {
            lane.end = kept_to;
        }
        self.dropped.late += late;
        self.dropped.ahead += Samples(mulaw.len() as u64) - Samples(kept.len() as u64) - late;
    }

    fn lane(&mut self, track: Track) -> &mut Lane {
        match track {
            Track::Caller => &mut self.caller,
            Track::Agent => &mut self.agent,
        }
    }
}

impl Lane {
    /// Lays audio so far after what was taken, which is not before the end of what is there.
    fn lay(&mut self, after: Samples, mulaw: &[u8]) {
        self.mulaw.resize(to_usize(after), mulaw::SILENCE);
        self.mulaw.extend(mulaw);
    }

    fn cut(&mut self, taken: Samples, at: Samples) {
        self.mulaw.truncate(to_usize(at.saturating_sub(taken)));
        self.end = self.end.min(at);
    }

    /// Exactly so much: what is not there is silence.
    fn take(&mut self, length: usize) -> impl Iterator<Item = u8> + use<'_> {
        let there = length.min(self.mulaw.len());
        self.mulaw.drain(..there).chain(std::iter::repeat_n(mulaw::SILENCE, length - there))
    }
}

fn to_usize(samples: Samples) -> usize {
    usize::try_from(samples.0).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
