//! What an operator has the agent know, and has it say.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::link::millis;
use super::output::{Event, Speaker};
use super::responses::{Reason, Wish};
use super::turns::WORD_FOR_WORD;
use super::{Phase, Session};
use crate::ids::ItemId;
use crate::model::{ModelCommand, ToolUse};
use crate::redact::Pii;
use crate::time::CallTime;

/// So many sentences of operators' wait at a time.
pub(super) const MOST_SAYINGS: usize = 8;

/// A sentence that the agent is to say for an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saying {
    text: Pii<String>,
    asked_at: CallTime,
}

impl Saying {
    /// Without tools: nothing is to be decided.
    pub(super) fn wish(&self) -> Wish {
        let instructions = Some(format!("{WORD_FOR_WORD}{}", self.text.reveal()));
        Wish { reason: Reason::Say, instructions, tools: ToolUse::Forbidden }
    }
}

impl Session {
    /// It is a line of the transcript, so that the next session is told of it too, and so is a successor.
    pub(super) fn whisper(&mut self, now: CallTime, text: Pii<String>) {
        if let Phase::Closing(_) = self.phase {
            return;
        }
        let item = ItemId::new(format!("whisper-{}", self.transcript.last_number().saturating_add(1)));
        self.transcript.begin(Speaker::Operator, &item, now);
        let line = self.transcript.settle(&item, Some(text.clone()), None);
        self.note(Event::Whispered);
        self.show(line);
        if self.link.is_ready() {
            self.tell_model(ModelCommand::Remember { speaker: Speaker::Operator, text });
        }
    }

    /// As soon as nobody speaks, also while a tool runs; whatever is owed to the caller comes after it.
    pub(super) fn say(&mut self, now: CallTime, text: Pii<String>) {
        if !matches!(self.phase, Phase::Talking) {
            return self.note(Event::Unexpected { what: "words for a caller who is not on the line".to_owned() });
        }
        match self.responses.say(Saying { text, asked_at: now }) {
            Some(waiting) => self.note(Event::SayAsked { waiting: waiting as u64 }),
            None => self.note(Event::Unexpected { what: "more words than may wait to be said".to_owned() }),
        }
    }

    pub(super) fn on_saying_heard(&mut self, now: CallTime) {
        if let Some(Saying { asked_at, .. }) = self.responses.begin_saying() {
            self.note(Event::Said { after_ms: millis(now.since(asked_at)) });
        }
    }

    /// As they may be written down.
    pub(super) fn kept_sayings(&self) -> VecDeque<Saying> {
        if self.keeping.is_paused() { VecDeque::new() } else { self.responses.sayings().clone() }
    }
}
