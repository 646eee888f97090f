//! Who is on the line: somebody with stage directions, or somebody with questions.

use std::time::Instant;

use bytes::Bytes;

use super::interview::Interview;
use super::timeline::{Act, Timeline};
use crate::sound::loudness;

/// Louder than this in 20 ms, and somebody is heard.
const AUDIBLE: f32 = 150.0;

/// What the carrier needs of a person.
#[derive(Debug)]
pub(super) enum Person {
    Scripted(Timeline),
    Asking(Box<Interview>),
}

impl Person {
    /// Another 20 ms have passed, in which this was heard.
    pub(super) fn tick(&mut self, heard: &[u8], now: Instant) -> Vec<Act> {
        let audible = loudness(heard) > AUDIBLE;
        match self {
            Self::Scripted(timeline) => timeline.tick(audible),
            Self::Asking(interview) => interview.tick(heard, audible, now),
        }
    }

    /// The next 20 ms of what the person says.
    pub(super) fn frame(&mut self) -> Bytes {
        match self {
            Self::Scripted(timeline) => timeline.frame(),
            Self::Asking(interview) => interview.frame(),
        }
    }

    /// Nothing is being said right now.
    pub(super) fn pausing(&self) -> bool {
        match self {
            Self::Scripted(timeline) => timeline.pausing(),
            Self::Asking(interview) => interview.pausing(),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Scripted(timeline) => timeline.is_played(),
            Self::Asking(interview) => interview.is_done(),
        }
    }

    pub(super) fn longest_silence_ms(&self) -> u64 {
        match self {
            Self::Scripted(timeline) => timeline.longest_silence_ms(),
            Self::Asking(interview) => interview.longest_silence_ms(),
        }
    }

    /// A stream is there: the first one, or another after a break.
    pub(super) fn connected(&mut self, now: Instant) {
        if let Self::Asking(interview) = self {
            interview.connected(now);
        }
    }

    /// A piece was played to them while there was no stream.
    pub(super) fn was_played(&mut self, from: Instant, to: Instant) {
        if let Self::Asking(interview) = self {
            interview.was_played(from, to);
        }
    }

    /// Sound has arrived. It will be heard when it is its turn.
    pub(super) fn sent_sound(&mut self, now: Instant) {
        if let Self::Asking(interview) = self {
            interview.sent_sound(now);
        }
    }
}
