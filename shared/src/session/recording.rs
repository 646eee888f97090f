//! What is kept of a call, and when nothing is: for the number of a card, an operator or the agent pauses the recording.
//!
//! In a pause neither side is recorded, what is said is in no line of the transcript, and neither the caller's voice nor
//! their keys nor what a tool was given is written down for a successor. The model hears and knows all of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::output::{Event, Line, Output};
use super::{Phase, Session, Timer};
use crate::audio::recording::{RecordOp, Track};
use crate::redact::Pii;
use crate::session::link::millis;
use crate::time::{CallTime, Samples};

/// Who paused a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PausedBy {
    Agent,
    Operator,
}

/// Why a recording goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResumedBy {
    Agent,
    Operator,
    TimeOver,
}

/// Stands in the transcript for what was said in a pause.
pub const NOT_RECORDED: &str = "(not recorded)";

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Keeping {
    paused: Option<Paused>,
    /// From where on a side is recorded. What was said in a pause may come, or sound, after it.
    caller_from: Samples,
    agent_from: Samples,
    /// The response under way was begun in a pause that is over.
    trails: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Paused {
    by: PausedBy,
    since: CallTime,
    until: CallTime,
}

impl Keeping {
    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// What the model says or asks for now is for nobody to keep.
    pub(super) fn withholds_agent(&self) -> bool {
        self.is_paused() || self.trails
    }

    pub(super) fn paused(&self) -> Option<Paused> {
        self.paused
    }

    /// What the agent was about to say is not said any more: what comes next sounds at once.
    pub(super) fn agent_falls_silent(&mut self, now: CallTime) {
        self.agent_from = self.agent_from.min(now.into());
    }

    fn keeps(&self, op: &RecordOp) -> bool {
        match op {
            RecordOp::Audio { track, at, .. } => {
                let (withheld, from) = match track {
                    Track::Caller => (self.is_paused(), self.caller_from),
                    Track::Agent => (self.withholds_agent(), self.agent_from),
                };
                !withheld && *at >= from
            }
            RecordOp::Cut { .. } | RecordOp::Finish { .. } => true,
        }
    }
}

impl Session {
    /// An operator's pause stays an operator's. Returns whether nothing is kept from here on.
    pub(super) fn pause_recording(&mut self, now: CallTime, by: PausedBy) -> bool {
        let Some(longest) = self.longest_pause() else {
            self.note(Event::Unexpected { what: "a pause of a recording that may not be paused".to_owned() });
            return false;
        };
        let before = self.keeping.paused;
        if before.is_some_and(|before| before.by == PausedBy::Operator) && by == PausedBy::Agent {
            return true;
        }
        self.note(Event::RecordingPaused { by, longest_ms: millis(longest) });
        let since = before.map_or(now, |before| before.since);
        self.stay_paused(now, Paused { by, since, until: now + longest });
        for track in [Track::Caller, Track::Agent] {
            self.emit(Output::Record(RecordOp::Cut { track, at: now.into() }));
        }
        if self.attached_at.is_some() {
            // A successor that does not know of it would record.
            self.write_journal(now);
        }
        true
    }

    fn longest_pause(&self) -> Option<std::time::Duration> {
        let recording = &self.plan.agent.recording;
        (recording.may_pause && self.phase != Phase::Over).then_some(recording.longest_pause)
    }

    /// Also where another relay had this call.
    pub(super) fn stay_paused(&mut self, now: CallTime, paused: Paused) {
        self.timers.arm(Timer::RecordingPause, paused.until.max(now));
        self.keeping.paused = Some(paused);
        self.transcript.withhold(true);
    }

    /// What was begun in the pause belongs to it: a sentence that still sounds, a response or an utterance that goes on.
    pub(super) fn resume_recording(&mut self, now: CallTime, by: ResumedBy) {
        let Some(paused) = self.keeping.paused else { return };
        self.keep_speech();
        self.keep_what_may_be_kept();
        self.keeping.paused = None;
        self.timers.disarm(&Timer::RecordingPause);
        self.transcript.withhold(false);
        self.transcript.withhold_agent(true);
        self.keeping.caller_from = now.into();
        self.keeping.trails = true;
        self.watch_trail(now);
        self.note(Event::RecordingResumed { by, after_ms: millis(now.since(paused.since)) });
    }

    /// Once no response is under way any more, what comes next is kept.
    pub(super) fn watch_trail(&mut self, now: CallTime) {
        if self.keeping.trails && self.responses.waits_since().is_none() {
            self.keeping.trails = false;
            self.keeping.agent_from = self.playback.is_sent_by().max(now.into());
            self.transcript.withhold_agent(false);
        }
    }

    /// The agent may end its own pause. Returns whether the recording goes on.
    pub(super) fn resume_own_recording(&mut self, now: CallTime) -> bool {
        let operators = self.keeping.paused.is_some_and(|paused| paused.by == PausedBy::Operator);
        if !operators {
            self.resume_recording(now, ResumedBy::Agent);
        }
        !operators
    }

    /// Of all that is to be done, what would record what is not to be recorded. Here, so that no way leads past it.
    pub(super) fn keep_what_may_be_kept(&mut self) {
        let Self { out, keeping, plan, .. } = self;
        let enabled = plan.agent.recording.enabled;
        if enabled && *keeping == Keeping::default() {
            return;
        }
        out.retain(|output| match output {
            Output::Record(op) => enabled && keeping.keeps(op),
            _ => true,
        });
    }
}

/// As it may be written down.
pub(super) fn withheld(line: Line) -> Line {
    Line { text: line.text.map(|_| Pii::new(NOT_RECORDED.to_owned())), ..line }
}
