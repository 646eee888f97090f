//! On hold: nobody talks to the caller, who hears music, until they are back or the time is over.
//!
//! The agent, a key of the caller's or an operator puts them there. The caller comes back by a word or a key, unless it was
//! an operator, who has to say so.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::output::Event;
use super::responses::{Reason, Wish};
use super::{Phase, Session, Timer};
use crate::model::ToolUse;
use crate::session::link::millis;
use crate::time::CallTime;

/// Who put a caller on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeldBy {
    Agent,
    Caller,
    Operator,
}

/// Why a caller is not on hold any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OffHold {
    CallerSpoke,
    KeyPressed,
    TimeOver,
    Operator,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct OnHold {
    by: HeldBy,
    since: CallTime,
    until: CallTime,
}

impl Session {
    pub(super) fn is_on_hold(&self) -> bool {
        self.on_hold.is_some()
    }

    /// What is being said is said to its end first. An operator's hold stays an operator's.
    pub(super) fn put_on_hold(&mut self, now: CallTime, by: HeldBy, length: Duration) {
        if self.phase != Phase::Talking {
            return self.note(Event::Unexpected { what: "a hold of a call without a caller".to_owned() });
        }
        let held_by = self.on_hold.as_ref().map(|on_hold| on_hold.by);
        if held_by == Some(HeldBy::Operator) && by != HeldBy::Operator {
            return;
        }
        let length = length.min(self.plan.agent.limits.longest_hold);
        self.note(Event::OnHold { by, longest_ms: millis(length) });
        self.hold_until(OnHold { by, since: now, until: now + length });
        if !self.hold.sounds() {
            // It may have been armed for a longer silence than one that is meant.
            self.timers.disarm(&Timer::Hold);
        }
    }

    fn hold_until(&mut self, on_hold: OnHold) {
        self.timers.arm(Timer::OnHold, on_hold.until);
        self.on_hold = Some(on_hold);
    }

    /// Another relay had this call, and the caller was on hold.
    pub(super) fn stay_on_hold(&mut self, now: CallTime, on_hold: OnHold) {
        let until = on_hold.until.max(now);
        self.hold_until(OnHold { until, ..on_hold });
    }

    /// The caller says or presses something.
    pub(super) fn come_back(&mut self, now: CallTime, why: OffHold) {
        if self.on_hold.as_ref().is_some_and(|on_hold| on_hold.by != HeldBy::Operator) {
            self.take_off_hold(now, why);
        }
    }

    /// Who comes back by themselves leads; otherwise the agent does.
    pub(super) fn take_off_hold(&mut self, now: CallTime, why: OffHold) {
        let Some(on_hold) = self.on_hold.take() else { return };
        self.timers.disarm(&Timer::OnHold);
        self.note(Event::OffHold { why, after_ms: millis(now.since(on_hold.since)) });
        self.rearm_silence(now);
        let words = match why {
            OffHold::CallerSpoke | OffHold::KeyPressed => return,
            OffHold::TimeOver => TIME_OVER,
            OffHold::Operator => RESUMED,
        };
        let instructions = Some(words.to_owned());
        self.responses.want(Wish { reason: Reason::Resume, instructions, tools: ToolUse::Allowed });
    }

    /// The call ends.
    pub(super) fn forget_hold(&mut self) {
        self.timers.disarm(&Timer::OnHold);
        self.on_hold = None;
    }
}

const TIME_OVER: &str = "The caller was on hold, and the time for that is over. Thank them for waiting in a few words, and \
    go on where the conversation was left.";
const RESUMED: &str = "The caller was on hold and is back now. Thank them for waiting in a few words, and go on where the \
    conversation was left; if they said something meanwhile, answer it.";
