//! The one place from which responses are asked for: one at a time, never while one is active, never while the
//! caller speaks. So `conversation_already_has_active_response` cannot be provoked; should the model say it all the
//! same, the rejection is recognised by the event id it quotes, and the wish is kept.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::operator::{MOST_SAYINGS, Saying};
use crate::ids::{EventId, ResponseId};
use crate::model::{ModelCommand, Severity, ToolUse};
use crate::redact::Pii;
use crate::time::CallTime;

/// Why a response is wanted. When wishes meet, the greater one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    /// The caller has been silent.
    Check,
    /// The connection was gone for a while.
    Resume,
    ToolResults,
    Answer,
    /// An operator's words, which wait in a queue of their own.
    Say,
    Greeting,
    Farewell,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wish {
    pub(super) reason: Reason,
    pub(super) instructions: Option<String>,
    pub(super) tools: ToolUse,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
enum State {
    #[default]
    Idle,
    /// Sent and not yet begun. `stale`: the caller has spoken since, nobody wants it any more.
    Requested { event: EventId, wish: Wish, stale: bool },
    /// The model says that one is active which we do not know: it will say when it is done.
    Busy,
    /// `unwanted`: its audio is dropped.
    Active { response: ResponseId, wish: Option<Wish>, unwanted: bool, audible: bool },
}

impl State {
    /// What was asked of the model, is still wanted, and has not been heard. An operator's words are in their queue until
    /// they are heard.
    fn unheard(&self) -> Option<&Wish> {
        let wish = match self {
            Self::Requested { wish, stale: false, .. } => Some(wish),
            Self::Active { wish, unwanted: false, audible: false, .. } => wish.as_ref(),
            Self::Idle | Self::Busy | Self::Requested { .. } | Self::Active { .. } => None,
        };
        wish.filter(|wish| wish.reason != Reason::Say)
    }

    fn is_saying(&self) -> bool {
        matches!(self, Self::Active { wish: Some(Wish { reason: Reason::Say, .. }), .. })
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Responses {
    state: State,
    wish: Option<Wish>,
    /// What operators want said, in order. They go before what is owed to the caller, and are gone once they are heard.
    #[serde(default)]
    sayings: VecDeque<Saying>,
    asked: u64,
    /// Failures in a row.
    failures: u32,
    /// When the model last said anything of what we wait for.
    heard_at: CallTime,
}

impl Responses {
    pub(super) fn want(&mut self, wish: Wish) {
        if wish.reason != Reason::Say && self.wish.as_ref().is_none_or(|present| present.reason <= wish.reason) {
            self.wish = Some(wish);
        }
    }

    /// Returns how many wait now; `None`: too many did.
    pub(super) fn say(&mut self, saying: Saying) -> Option<usize> {
        if self.sayings.len() >= MOST_SAYINGS {
            return None;
        }
        self.sayings.push_back(saying);
        Some(self.sayings.len())
    }

    /// What is to be said of operators' is said now.
    fn first_saying(&self) -> Option<&Saying> {
        let first = self.wish.as_ref().is_some_and(|wish| wish.reason > Reason::Say);
        self.sayings.front().filter(|_| !first)
    }

    pub(super) fn has_sayings(&self) -> bool {
        self.first_saying().is_some()
    }

    pub(super) fn sayings(&self) -> &VecDeque<Saying> {
        &self.sayings
    }

    /// What is active has begun to be heard. Returns which of them it is, if it is one.
    pub(super) fn begin_saying(&mut self) -> Option<Saying> {
        if self.state.is_saying() { self.sayings.pop_front() } else { None }
    }

    /// Nothing comes of the first.
    pub(super) fn give_up_saying(&mut self) {
        self.sayings.pop_front();
    }

    /// The wish becomes a command, if nothing is active. The caller of this has checked that nothing else forbids it.
    pub(super) fn ask(&mut self, now: CallTime) -> Option<ModelCommand> {
        if self.state != State::Idle {
            return None;
        }
        let wish = match self.first_saying() {
            Some(saying) => saying.wish(),
            None => self.wish.take()?,
        };
        self.asked = self.asked.saturating_add(1);
        self.heard_at = now;
        let event = EventId::new(format!("respond-{}", self.asked));
        self.state = State::Requested { event: event.clone(), wish: wish.clone(), stale: false };
        let instructions = wish.instructions.map(Pii::new);
        Some(ModelCommand::CreateResponse { event, instructions, tools: wish.tools })
    }

    /// A response has begun. Returns whether it should be cancelled, because nobody wants it any more.
    pub(super) fn started(&mut self, response: &ResponseId, now: CallTime) -> bool {
        self.heard_at = now;
        let (wish, unwanted) = match std::mem::take(&mut self.state) {
            State::Requested { wish, stale, .. } => (Some(wish), stale),
            _ => (None, false),
        };
        self.state = State::Active { response: response.detached(), wish, unwanted, audible: false };
        unwanted
    }

    /// Whether audio of this response is to be heard; and whether this is its first.
    pub(super) fn audio(&mut self, of: &ResponseId, now: CallTime) -> Option<bool> {
        match &mut self.state {
            State::Active { response, unwanted: false, audible, .. } if response == of => {
                self.heard_at = now;
                Some(!std::mem::replace(audible, true))
            }
            _ => None,
        }
    }

    /// The caller has spoken: what is active or on its way is not wanted any more. Returns whether one is active.
    pub(super) fn interrupt(&mut self) -> bool {
        match &mut self.state {
            State::Active { unwanted, .. } => !std::mem::replace(unwanted, true),
            State::Requested { stale, .. } => {
                *stale = true;
                false
            }
            State::Idle | State::Busy => false,
        }
    }

    pub(super) fn done(&mut self, response: &ResponseId) -> Option<Wish> {
        match std::mem::take(&mut self.state) {
            State::Active { response: active, wish, unwanted, .. } if active == *response => wish.filter(|_| !unwanted),
            State::Busy => None,
            other => {
                self.state = other;
                None
            }
        }
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure; returns how many that makes in a row.
    pub(super) fn failed(&mut self) -> u32 {
        self.failures += 1;
        self.failures
    }

    /// An error that quotes our request. Returns the wish unless it is kept here for when the model is free.
    pub(super) fn rejected(&mut self, event: &EventId, severity: Severity) -> Option<Rejected> {
        let State::Requested { event: asked, wish, stale } = &self.state else { return None };
        if asked != event {
            return None;
        }
        let (wish, stale) = (wish.clone(), *stale);
        self.state = if severity == Severity::Busy { State::Busy } else { State::Idle };
        if severity == Severity::Busy && !stale {
            self.want(wish);
            return Some(Rejected { wish: None });
        }
        Some(Rejected { wish: (!stale).then_some(wish) })
    }

    /// The session is gone, and with it whatever was active; what was wanted of it still is, unless it was being heard
    /// already. Returns whether that was so.
    pub(super) fn reset(&mut self) -> bool {
        let broken_off = self.is_audible();
        if let Some(wish) = std::mem::take(&mut self.state).unheard().cloned() {
            self.want(wish);
        }
        broken_off
    }

    /// The numbers of requests go on.
    pub(super) fn resume(&mut self, asked: u64, sayings: VecDeque<Saying>) {
        self.asked = asked;
        self.sayings = sayings;
    }

    pub(super) fn asked(&self) -> u64 {
        self.asked
    }

    /// What was asked of the model, or is to be, and has not been heard.
    pub(super) fn owed(&self) -> Option<&Wish> {
        self.wish.iter().chain(self.state.unheard()).max_by_key(|wish| wish.reason)
    }

    /// The model has what a tool answered, or is about to get it, and has not said a word about it.
    pub(super) fn owes_tool_results(&self) -> bool {
        self.owed().is_some_and(|wish| wish.reason == Reason::ToolResults)
    }

    /// What was said is about to be heard again, and will ask for its own answer.
    pub(super) fn forget_answer(&mut self) {
        self.wish.take_if(|wish| wish.reason == Reason::Answer);
    }

    /// Forgets what is wanted: the call is ending.
    pub(super) fn forget_wish(&mut self) {
        self.wish = None;
        self.sayings.clear();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.state == State::Idle && self.wish.is_none() && self.sayings.is_empty()
    }

    /// Something was asked for, or is on its way, and the model owes us a sign.
    pub(super) fn waits_since(&self) -> Option<CallTime> {
        (self.state != State::Idle).then_some(self.heard_at)
    }

    /// A response is active and has been heard.
    pub(super) fn is_audible(&self) -> bool {
        matches!(self.state, State::Active { audible: true, unwanted: false, .. })
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rejected {
    /// To be asked for again, later.
    pub(super) wish: Option<Wish>,
}
