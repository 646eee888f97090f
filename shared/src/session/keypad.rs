//! Keys that the caller presses: gathered into strings, looked up in the agent's keypad, and otherwise told to the model.
//!
//! A string may be the number of a card: it is the model's and nobody else's. The transcript and the events say that keys
//! were pressed, and how many.

use serde::{Deserialize, Serialize};

use super::output::{DigitsEnd, Event, Speaker};
use super::playback::Cut;
use super::responses::{Reason, Wish};
use super::transfer::TransferredBy;
use super::{Phase, Session, Timer, ending};
use crate::agent::{KeyAction, Keypad};
use crate::calls::Ending;
use crate::ids::ItemId;
use crate::model::{ModelCommand, ToolUse};
use crate::redact::Pii;
use crate::session::on_hold::{HeldBy, OffHold};
use crate::time::CallTime;

/// Strings that are kept for a session which has not been told.
const MOST_UNANSWERED: usize = 8;
/// Stands for a key in an event.
const MASK: char = '•';

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Keys {
    dialled: Pii<String>,
    last_at: CallTime,
    /// Strings that the model was to be told, and of which the caller has heard nothing yet: a session that comes before
    /// that must be told.
    unanswered: Vec<Pii<String>>,
    /// Some of it was pressed while nothing was kept; in a journal: it was, and is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    withheld: bool,
}

impl Keys {
    /// Another key. Returns how the string ended, if it did.
    fn press(&mut self, digit: char, keypad: &Keypad, now: CallTime) -> Option<DigitsEnd> {
        self.last_at = now;
        let mut digits = std::mem::take(&mut self.dialled).into_revealed();
        // Alone it is a key as any other.
        let finished = keypad.finish_on_key == Some(digit) && !digits.is_empty();
        if !finished {
            digits.push(digit);
        }
        let alone = keypad.finish_on_key == Some(digit) && digits.len() == 1;
        let found = keypad.at_once && keypad.actions.contains_key(&digits) && !keypad.is_beginning(&digits);
        let full = digits.len() >= keypad.num_digits.max(1) as usize;
        self.dialled = Pii::new(digits);
        match (finished || alone, found, full) {
            (true, ..) => Some(DigitsEnd::FinishOnKey),
            (_, true, _) => Some(DigitsEnd::Entry),
            (_, _, true) => Some(DigitsEnd::NumDigits),
            (false, false, false) => None,
        }
    }

    /// For a successor. Of keys that are not to be kept it knows that there were some.
    pub(super) fn kept(&self) -> Self {
        if self.withheld { Self { withheld: true, ..Self::default() } } else { self.clone() }
    }

    pub(super) fn is_dialling(&self) -> bool {
        !self.dialled.reveal().is_empty()
    }

    /// The caller has heard what became of them.
    pub(super) fn answered(&mut self) {
        self.unanswered.clear();
        self.withheld &= self.is_dialling();
    }

    /// What a session that knows nothing of it must be told.
    pub(super) fn notes(&self) -> impl Iterator<Item = Pii<String>> + '_ {
        self.unanswered.iter().map(note_of)
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.is_dialling() && self.unanswered.is_empty() && !self.withheld
    }

    fn keep(&mut self, digits: Pii<String>) {
        if self.unanswered.len() >= MOST_UNANSWERED {
            self.unanswered.remove(0);
        }
        self.unanswered.push(digits);
    }
}

impl Session {
    pub(super) fn on_dtmf(&mut self, now: CallTime, digit: char) {
        self.note(Event::Dtmf { digit: Pii::new(MASK) });
        if self.phase != Phase::Talking {
            return;
        }
        self.turn.caller_spoke_at = now;
        self.turn.checked = false;
        self.tools.caller_spoke();
        self.come_back(now, OffHold::KeyPressed);
        self.close_turn(now);
        self.fall_silent(now);
        self.keys.withheld |= self.keeping.is_paused();
        let keypad = &self.plan.agent.keypad;
        match self.keys.press(digit.to_ascii_uppercase(), keypad, now) {
            Some(end) => self.on_dialled(now, end),
            None => self.timers.arm(Timer::Keypad, now + keypad.timeout),
        }
    }

    /// A key cuts in as a word does. What was only about to be said is said when the string has ended; music that fills a
    /// wait goes on.
    fn fall_silent(&mut self, now: CallTime) {
        let due = self.responses.owed().cloned();
        if !self.hold.sounds() {
            for Cut { item, heard, sent, .. } in self.interrupt_playback(now) {
                self.note(Event::BargeIn { item, heard_ms: heard.as_millis(), sent_ms: sent.as_millis() });
            }
        }
        if self.responses.interrupt() {
            self.cancel_response();
        }
        due.into_iter().for_each(|wish| self.responses.want(wish));
    }

    /// The string has ended.
    pub(super) fn on_dialled(&mut self, now: CallTime, ended_by: DigitsEnd) {
        self.timers.disarm(&Timer::Keypad);
        let digits = std::mem::take(&mut self.keys.dialled);
        let count = u32::try_from(digits.reveal().len()).unwrap_or(u32::MAX);
        if count == 0 {
            return;
        }
        self.begin_dialled_turn(now);
        let action = self.action_of(digits.reveal());
        let name = action.as_ref().map(|action| action.name().to_owned());
        self.note(Event::Digits { count, ended_by, action: name });
        match action {
            Some(action) => self.act(now, action),
            None => self.tell_digits(now, digits, count),
        }
    }

    /// What the agent's keypad has for it. Whoever presses a key that leads nowhere has silenced the agent, and is answered as
    /// if nobody knew the key.
    fn action_of(&mut self, digits: &str) -> Option<KeyAction> {
        let agent = &self.plan.agent;
        let action = agent.keypad.actions.get(digits)?.clone();
        let Some(fault) = action.dead_end(agent) else { return Some(action) };
        self.note(Event::Unexpected { what: format!("a key that leads nowhere: {fault}") });
        None
    }

    fn act(&mut self, now: CallTime, action: KeyAction) {
        match action {
            KeyAction::HangUp {} => self.close(now, Ending::AgentHungUp, Some(ending::SAY_GOODBYE)),
            KeyAction::Hold {} => self.put_on_hold(now, HeldBy::Caller, self.plan.agent.limits.longest_hold),
            KeyAction::Transfer { to } => self.transfer(now, TransferredBy::Caller, &to, Pii::new(BY_KEY.to_owned())),
            KeyAction::Repeat {} => self.say_again(),
            KeyAction::Say { instructions } => self.answer_keys(Some(instructions)),
        }
    }

    /// Unless there is something new to say.
    fn say_again(&mut self) {
        if self.responses.owed().is_some() {
            return;
        }
        let last = self.transcript.last_said().map(Pii::reveal);
        let how = last.map_or(SAY_AGAIN.to_owned(), |words| format!("{SAY_AGAIN} It was: {words:?}"));
        self.answer_keys(Some(how));
    }

    fn tell_digits(&mut self, now: CallTime, digits: Pii<String>, count: u32) {
        let item = ItemId::new(format!("keys-{}", self.transcript.last_number().saturating_add(1)));
        self.transcript.begin(Speaker::Caller, &item, now);
        let keys = if count == 1 { "key" } else { "keys" };
        let line = self.transcript.settle(&item, Some(Pii::new(format!("({count} {keys} pressed)"))), None);
        self.show(line);
        if self.link.is_ready() {
            self.tell_model(ModelCommand::Note { text: note_of(&digits) });
        }
        self.keys.keep(digits);
        self.answer_keys(None);
    }

    fn answer_keys(&mut self, instructions: Option<String>) {
        let tools = if instructions.is_some() { ToolUse::Forbidden } else { self.tool_use() };
        self.responses.want(Wish { reason: Reason::Answer, instructions, tools });
    }

    /// Another relay had this call, and somebody was dialling. Returns whether keys are lost.
    pub(super) fn go_on_dialling(&mut self, now: CallTime, mut keys: Keys) -> bool {
        if keys.is_dialling() {
            self.timers.arm(Timer::Keypad, now.max(keys.last_at + self.plan.agent.keypad.timeout));
        }
        let lost = std::mem::take(&mut keys.withheld);
        self.keys = keys;
        lost
    }

    pub(super) fn ask_for_keys_again(&mut self) {
        self.answer_keys(Some(KEYS_LOST.to_owned()));
    }

    /// The call ends: nothing comes of what was dialled.
    pub(super) fn forget_keys(&mut self) {
        self.timers.disarm(&Timer::Keypad);
        self.keys = Keys::default();
    }
}

const BY_KEY: &str = "The caller pressed the key for it.";
const SAY_AGAIN: &str = "The caller pressed the key for hearing it again. Say once more, word for word and from its \
    beginning, what you said last, and nothing else.";

const KEYS_LOST: &str = "The connection was interrupted while the caller pressed keys, and these keys are lost. Apologise in a few \
    words, and ask them to press all of them again.";

fn note_of(digits: &Pii<String>) -> Pii<String> {
    Pii::new(format!("The caller pressed {} on the keypad.", digits.reveal()))
}
