//! How long the caller waited, turn by turn: from the end of what they said to the first sound, and to the answer.
//!
//! Music is a sound and no answer; neither are the words with which a model bridges the time of a tool.

use serde::{Deserialize, Serialize};

use super::link::millis;
use super::output::Event;
use super::{Mark, Session};
use crate::time::CallTime;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Meter {
    turns: u32,
    turn: Option<Measured>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Measured {
    /// The end of what the caller said; `None` while they speak.
    ended_at: Option<CallTime>,
    first_audio_ms: Option<u64>,
    answer_ms: Option<u64>,
    tool_ms: u64,
    /// Since when at least one tool has been running.
    tools_since: Option<CallTime>,
    mark_ms: Option<u64>,
    barge_in_ms: Option<u64>,
}

impl Measured {
    fn waited(&self, now: CallTime) -> Option<u64> {
        self.ended_at.map(|ended_at| millis(now.since(ended_at)))
    }
}

impl Meter {
    /// The caller begins to speak. `barge_in_ms`: what they spoke into was cut so long after their first sound.
    pub(super) fn begin(&mut self, barge_in_ms: Option<u64>) {
        self.turn = Some(Measured { barge_in_ms, ..Measured::default() });
    }

    pub(super) fn ended(&mut self, now: CallTime) {
        if let Some(turn) = &mut self.turn {
            turn.ended_at = Some(now);
        }
    }

    /// Anything is to be heard.
    pub(super) fn sounds(&mut self, now: CallTime) {
        if let Some(turn) = &mut self.turn {
            turn.first_audio_ms = turn.first_audio_ms.or(turn.waited(now));
        }
    }

    /// The agent begins to speak.
    pub(super) fn speaks(&mut self, now: CallTime) {
        self.sounds(now);
        if let Some(turn) = &mut self.turn {
            turn.answer_ms = turn.answer_ms.or(turn.waited(now));
        }
    }

    /// A tool was called: what the agent has said so far was not the answer.
    pub(super) fn bridged(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.answer_ms = None;
        }
    }

    pub(super) fn tools(&mut self, now: CallTime, running: bool) {
        let Some(turn) = &mut self.turn else { return };
        if running {
            turn.tools_since.get_or_insert(now);
        } else if let Some(since) = turn.tools_since.take() {
            turn.tool_ms = turn.tool_ms.saturating_add(millis(now.since(since)));
        }
    }

    /// The slowest mark counts.
    fn marked(&mut self, late_ms: u64) {
        if let Some(turn) = &mut self.turn {
            turn.mark_ms = turn.mark_ms.max(Some(late_ms));
        }
    }

    fn is_answered(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.answer_ms.is_some())
    }

    /// Closes the turn. One whose end was never heard is none.
    fn close(&mut self, now: CallTime) -> Option<Event> {
        self.tools(now, false);
        let turn = self.turn.take()?;
        turn.ended_at?;
        self.turns = self.turns.saturating_add(1);
        let Measured { first_audio_ms, answer_ms, tool_ms, mark_ms, barge_in_ms, .. } = turn;
        Some(Event::Turn { number: self.turns, first_audio_ms, answer_ms, tool_ms, mark_ms, barge_in_ms })
    }
}

impl Session {
    /// The answer has been heard out, and nothing more is to come.
    pub(super) fn watch_turn(&mut self, now: CallTime) {
        let over = self.meter.is_answered()
            && self.responses.is_idle()
            && !self.tools.is_pending()
            && self.playback.is_played_out();
        if over {
            self.close_turn(now);
        }
    }

    pub(super) fn close_turn(&mut self, now: CallTime) {
        let event = self.meter.close(now);
        event.into_iter().for_each(|event| self.note(event));
    }

    /// What was dialled is answered as what is said.
    pub(super) fn begin_dialled_turn(&mut self, now: CallTime) {
        self.meter.begin(None);
        self.meter.ended(now);
    }

    /// A mark came back, so long after the audio before it should have been played: the way to the carrier and back.
    pub(super) fn measure_mark(&mut self, now: CallTime, mark: Mark) {
        if let Some(late) = self.playback.lateness(mark, now) {
            self.meter.marked(millis(late));
            self.watched.marked(millis(late));
        }
    }
}
