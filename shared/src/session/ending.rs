//! How a call ends: once, whoever wants it, and with the last words heard.

use super::output::{Event, Output};
use super::resequence::Resequencer;
use super::responses::{Reason, Wish};
use super::{Phase, Session, Timer};
use crate::audio::recording::RecordOp;
use crate::calls::{CallStatus, Ending};
use crate::model::ToolUse;
use crate::session::link::millis;
use crate::time::CallTime;

pub(super) const SAY_GOODBYE: &str = "Say goodbye to the caller in one short, friendly sentence.";
pub(super) const TIME_IS_UP: &str =
    "The time for this call is up. Tell the caller so in one sentence, and say goodbye. Ask nothing.";
const STILL_THERE: &str = "The caller has been silent for a while. Ask in a few words whether they are still there.";
const NOBODY_THERE: &str = "The caller does not answer any more. Say that you are hanging up now, and goodbye.";

impl Session {
    /// Ends the call politely: no more turns, the last words if there are to be any, then hang up when they have
    /// been played, or when that takes too long.
    pub(super) fn close(&mut self, now: CallTime, ending: Ending, last_words: Option<&str>) {
        if !matches!(self.phase, Phase::Talking) || !self.is_present() {
            if !matches!(self.phase, Phase::Closing(_) | Phase::Over) {
                self.end(now, ending);
            }
            return;
        }
        self.cancel_tools();
        self.forget_keys();
        self.forget_hold();
        self.forget_transfer();
        self.fade_music(now);
        self.line.speaking = false;
        self.phase = Phase::Closing(ending);
        self.responses.forget_wish();
        self.timers.disarm(&Timer::Silence);
        self.timers.arm(Timer::Goodbye, now + self.plan.agent.limits.goodbye);
        if let Some(words) = last_words.filter(|_| self.link.is_ready()) {
            let instructions = Some(words.to_owned());
            self.responses.want(Wish { reason: Reason::Farewell, instructions, tools: ToolUse::Forbidden });
        }
    }

    /// The last words are said and heard.
    pub(super) fn watch_goodbye(&mut self, now: CallTime) {
        let Phase::Closing(ending) = self.phase else { return };
        if self.responses.is_idle() && self.playback.is_played_out() {
            self.end(now, ending);
        }
    }

    pub(super) fn finish_closing(&mut self, now: CallTime) {
        if let Phase::Closing(ending) = self.phase {
            self.end(now, ending);
        }
    }

    /// Ends the call now.
    pub(super) fn end(&mut self, now: CallTime, ending: Ending) {
        self.forget_transfer();
        self.leave(now);
        self.tell_cost(now);
        self.emit(Output::Status(CallStatus::Ended(ending)));
        self.note(Event::Ended { ending, after_ms: now.as_millis() });
        self.emit(Output::HangUp(ending));
    }

    /// The process goes away and the call stays: another relay goes on from here.
    pub(super) fn let_go(&mut self, now: CallTime) {
        self.keep_speech();
        // What is counted now is not counted again by the successor.
        self.tell_cost(now);
        let journal = Box::new(self.journal(now));
        self.tools.abandon();
        self.leave(now);
        self.emit(Output::LetGo(journal));
    }

    /// Nobody would notice if another relay went on from here.
    pub(super) fn watch_hand_over(&mut self, now: CallTime) {
        let quiet = self.is_quiet(now) && self.phase == Phase::Talking && self.link.is_ready();
        if self.leaving && (quiet || !self.is_present()) {
            self.let_go(now);
        }
    }

    /// Nobody speaks or dials, nothing is owed, and nothing is to be heard but the music of whoever is on hold.
    pub(super) fn is_quiet(&self, now: CallTime) -> bool {
        let music_only = self.is_on_hold() && self.hold.sounds();
        (music_only || self.playback.is_silent(now))
            && !self.keys.is_dialling()
            && self.responses.is_idle()
            && !self.line.speaking
            && !self.earshot.is_owed()
            && !self.tools.is_pending()
            && !self.change.is_pending()
    }

    fn leave(&mut self, now: CallTime) {
        self.cancel_tools();
        self.close_turn(now);
        self.stop_music(now);
        self.tallies.rest().into_iter().for_each(|event| self.note(event));
        self.close_sockets();
        self.emit(Output::Record(RecordOp::Finish { at: now.into() }));
        // What waits behind the end is not carried any more.
        self.order = Resequencer::default();
        self.timers.clear();
        self.phase = Phase::Over;
    }

    pub(super) fn rearm_silence(&mut self, now: CallTime) {
        self.timers.arm(Timer::Silence, now + self.plan.agent.limits.silence);
    }

    /// Nobody has said a word for long: ask, and the next time say goodbye.
    pub(super) fn on_silence(&mut self, now: CallTime) {
        let limit = self.plan.agent.limits.silence;
        let last_word = self.turn.caller_spoke_at.max(self.playback.ends_at()).max(self.attached_at.unwrap_or(now));
        let waits = self.tools.is_pending() || self.is_on_hold() || self.keys.is_dialling();
        let busy = self.line.speaking || waits || !self.link.is_ready() || !self.responses.is_idle();
        if busy {
            return self.rearm_silence(now);
        }
        if millis(now.since(last_word)) < millis(limit) {
            return self.timers.arm(Timer::Silence, last_word + limit);
        }
        if std::mem::replace(&mut self.turn.checked, true) {
            return self.close(now, Ending::CallerSilent, Some(NOBODY_THERE));
        }
        let instructions = Some(STILL_THERE.to_owned());
        self.responses.want(Wish { reason: Reason::Check, instructions, tools: ToolUse::Forbidden });
        self.rearm_silence(now);
    }
}
