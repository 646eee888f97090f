//! Putting the caller through: the last words are heard out, the carrier takes the caller off the stream, and if nobody
//! takes the call they come back and are told why.
//!
//! ```text
//! Due ─▶ Parting ─▶ Dialling ───────────────────────▶ through, the session is over
//!                 └▶ Parking ─▶ Calling ─▶ (accepted) ▶ through, as soon as nobody is being called any more
//!                                  └─▶ Returning ─▶ back on a stream, and told why
//! ```
//!
//! The stage is in the journal before the carrier is asked for anything, so that a successor knows where the caller is. What
//! may safely be asked for twice it asks for again; a telephone is not made to ring twice.

mod legs;
mod stage;

use std::time::Duration;

use super::link::millis;
use super::output::{Event, Output};
use super::responses::{Reason, Wish};
use super::turns::Back;
use super::{Phase, Session, Timer};
use crate::agent::{TransferKind, TransferTarget, Whom};
use crate::calls::{Channel, Ending};
use crate::ids::{CallSid, StreamSid, ToolCallId};
use crate::model::{ModelCommand, ToolUse};
use crate::redact::Pii;
use crate::time::CallTime;
use crate::tools::{ToolError, ToolErrorKind};
use crate::transfer::{Ask, Carried, Errand, LegState, News, NotCarried, TransferFailure};
pub use stage::TransferredBy;
pub(super) use stage::Transfers;
use stage::{Stage, Transfer, announcement};

/// Results that are still to come and a caller who is speaking are waited for no longer.
const LONGEST_DUE: Duration = Duration::from_secs(30);
/// The carrier is asked up to four times within its client's patience.
const PARKING: Duration = Duration::from_secs(15);
/// Between the carrier's giving up and our hearing of it.
const SLACK: Duration = Duration::from_secs(10);
/// A call that may have been made says so soon, or was not.
const UNKNOWN: Duration = Duration::from_secs(8);
/// For the briefing, twice, and a key.
const BRIEFING: Duration = Duration::from_secs(90);
const MOST_RETURNS: u32 = 5;

impl Session {
    /// The model wants it.
    pub(super) fn on_transfer_call(&mut self, now: CallTime, call: &ToolCallId, to: &Whom, why: Pii<String>) {
        let refuse = |kind, message: String| Err(ToolError::new(kind, message));
        if self.transfers.present.is_some() {
            // Without a wish: more words would only put it off.
            let message = "the caller is being put through already; say nothing more".to_owned();
            self.give_output(now, call, refuse(ToolErrorKind::Unavailable, message));
            return;
        }
        match self.plan.agent.transfer_to(to) {
            Err(fault) => self.on_tool_outcome(now, call, refuse(ToolErrorKind::InvalidArguments, fault.to_string())),
            Ok(_) if self.plan.channel == Channel::Browser => {
                let why = TransferFailure::NoTelephone.explanation();
                let message = format!("{why}; tell the caller so, and that on the telephone you would do it now");
                self.on_tool_outcome(now, call, refuse(ToolErrorKind::Unavailable, message));
            }
            Ok(targets) => {
                let state = r#"{"ok":true,"state":"the caller is being put through; say nothing more"}"#;
                self.give_output(now, call, Ok(Pii::new(state.to_owned())));
                let spoken = self.responses.is_audible() || !self.playback.is_silent(now);
                self.begin_transfer(now, TransferredBy::Agent, targets, why, spoken);
            }
        }
    }

    /// A key or an operator wants it.
    pub(super) fn transfer(&mut self, now: CallTime, by: TransferredBy, to: &Whom, why: Pii<String>) {
        if self.phase != Phase::Talking || self.transfers.present.is_some() {
            return self.note(Event::Unexpected {
                what: "a transfer of a caller who is not there to be put through".to_owned(),
            });
        }
        match self.plan.agent.transfer_to(to) {
            Ok(targets) => {
                self.begin_transfer(now, by, targets, why, false);
                if self.plan.channel == Channel::Browser {
                    self.fail(now, vec![TransferFailure::NoTelephone]);
                }
            }
            Err(fault) => self.note(Event::Unexpected { what: format!("a transfer to nowhere: {fault}") }),
        }
    }

    fn begin_transfer(
        &mut self,
        now: CallTime,
        by: TransferredBy,
        targets: Vec<TransferTarget>,
        why: Pii<String>,
        spoken: bool,
    ) {
        let to: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        let kind = targets.first().map_or_else(TransferKind::default, |target| target.kind);
        self.note(Event::TransferAsked { to: to.join(", "), kind, by });
        let mut transfer =
            Transfer { targets, briefing: why, words: None, since: now, stage: Stage::Due, alone: false };
        transfer.words = match &transfer.targets[..] {
            [TransferTarget { say, .. }] if !say.is_empty() => {
                Some(format!("Tell the caller exactly this, and nothing else: {say:?}"))
            }
            _ => (!spoken).then(|| announcement(&transfer.whom("and"))),
        };
        self.transfers.present = Some(transfer);
        self.timers.arm(Timer::Transfer, now + LONGEST_DUE);
    }

    pub(super) fn watch_transfer(&mut self, now: CallTime) {
        match self.transfers.stage() {
            Some(Stage::Due) if self.is_free_to_part() => self.part(now),
            Some(Stage::Parting) if self.responses.is_idle() && self.playback.is_played_out() => self.depart(now),
            _ => {}
        }
    }

    fn is_free_to_part(&self) -> bool {
        self.phase == Phase::Talking
            && self.is_present()
            && !self.line.speaking
            && !self.keys.is_dialling()
            && !self.tools.is_pending()
            && (self.responses.is_idle() || self.is_on_hold() || !self.link.is_ready())
    }

    /// Nothing more is heard of the caller, and the last words are said.
    fn part(&mut self, now: CallTime) {
        self.cancel_tools();
        self.forget_keys();
        self.forget_hold();
        self.end_music(now);
        self.line.speaking = false;
        self.responses.forget_wish();
        self.phase = Phase::Parting;
        self.timers.disarm(&Timer::Silence);
        self.timers.arm(Timer::Transfer, now + self.plan.agent.limits.goodbye);
        self.transfers.set(Stage::Parting);
        let words = self.transfers.present.as_mut().and_then(|transfer| transfer.words.take());
        if let Some(words) = words.filter(|_| self.link.is_ready()) {
            self.responses.want(Wish {
                reason: Reason::Farewell,
                instructions: Some(words),
                tools: ToolUse::Forbidden,
            });
        }
    }

    /// The caller leaves the stream.
    fn depart(&mut self, now: CallTime) {
        let Some(target) = self.transfers.present.as_ref().and_then(|transfer| transfer.targets.first()) else {
            return;
        };
        let (kind, to, ring) = (target.kind, target.to.clone(), target.ring);
        self.responses.forget_wish();
        let errand = self.transfers.next_errand();
        let (stage, ask, wait) = match kind {
            TransferKind::Cold => {
                (Stage::Dialling { errand, carried: false }, Ask::Dial { to, ring_s: ring.as_secs() }, ring + SLACK)
            }
            TransferKind::Warm => (Stage::Parking { errand }, Ask::Park, PARKING),
        };
        self.transfers.set(stage);
        self.timers.arm(Timer::Transfer, now + wait);
        self.ask_carrier(now, errand, ask);
    }

    /// The stage is written down before.
    fn ask_carrier(&mut self, now: CallTime, number: u32, ask: Ask) {
        if self.attached_at.is_some() {
            self.write_journal(now);
        }
        self.emit(Output::Carrier(Errand { number, ask }));
    }

    /// The carrier took the caller off the stream because we asked for it: nobody has hung up.
    pub(super) fn is_departing(&self) -> bool {
        self.transfers.stage().is_some_and(Stage::is_away)
    }

    /// The caller's stream has ended.
    pub(super) fn gone_from_stream(&mut self, now: CallTime) {
        self.lose_stream(now);
        self.note(Event::CallerDetached);
        let alone = self.transfers.present.as_ref().is_some_and(|transfer| transfer.alone);
        self.phase = Phase::Waiting { doomed: alone.then_some(Ending::ModelUnavailable) };
        if !self.is_departing() {
            self.timers.arm(Timer::Attach, now + self.plan.agent.limits.attach);
            if self.transfers.present.is_some() {
                self.transfers.set(Stage::Due);
            }
        }
    }

    /// The model cannot be had. Whoever is on the way to a person gets there all the same.
    pub(super) fn goes_on_alone(&mut self) -> bool {
        let Some(transfer) = self.transfers.present.as_mut().filter(|_| self.phase == Phase::Parting) else {
            return false;
        };
        transfer.alone = true;
        self.responses.forget_wish();
        true
    }

    /// Nothing that is said to the stream is heard any more, even if its end is not seen yet.
    fn is_parked(&mut self, now: CallTime) {
        if self.is_present() {
            self.gone_from_stream(now);
        }
    }

    /// The caller may be off the stream already, or about to be.
    fn fail_while_parking(&mut self, now: CallTime, why: TransferFailure) {
        self.is_parked(now);
        self.fail(now, vec![why]);
    }

    pub(super) fn on_carried(&mut self, now: CallTime, number: u32, outcome: Carried) {
        let stage = self.transfers.stage().filter(|stage| stage.awaits(number)).cloned();
        let Some(stage) = stage else {
            // Somebody is called whom nobody waits for any more.
            return outcome.ok().flatten().into_iter().for_each(|leg| self.hang_up_leg(leg));
        };
        match (stage, outcome) {
            (Stage::Calling(_), outcome) => self.on_called(now, number, outcome),
            (_, Err(NotCarried::CallOver)) => self.end(now, Ending::CallerHungUp),
            (Stage::Parking { .. }, Ok(_)) => {
                self.is_parked(now);
                self.call_somebody(now);
            }
            (Stage::Parking { .. } | Stage::Dialling { .. }, Err(NotCarried::Refused)) => {
                self.fail(now, vec![TransferFailure::Failed]);
            }
            (Stage::Parking { .. }, Err(NotCarried::Unknown)) => self.fail_while_parking(now, TransferFailure::Failed),
            (Stage::Dialling { .. }, Ok(_)) => self.transfers.set(Stage::Dialling { errand: number, carried: true }),
            // What is not known shows when the time is over; who is not brought back is brought back again.
            (Stage::Dialling { .. } | Stage::Returning { .. }, _) | (Stage::Due | Stage::Parting, _) => {}
        }
    }

    pub(super) fn on_transfer_news(&mut self, now: CallTime, news: News) {
        match (self.transfers.stage().cloned(), news) {
            (Some(Stage::Dialling { errand, .. }), News::NotThrough { why }) => {
                self.timers.arm(Timer::Transfer, now + self.plan.agent.limits.attach);
                let why = vec![why];
                self.not_through(now, &why);
                self.transfers.set(Stage::Returning { errand, why, tries: 0 });
            }
            (Some(Stage::Dialling { errand: own, .. }), News::Leg { errand, state: LegState::Answered, .. })
                if own == errand =>
            {
                self.through(now);
            }
            (Some(Stage::Calling(legs)), News::Leg { errand, leg, state }) if legs.is_one(errand) => {
                self.on_leg_news(now, errand, leg, state);
            }
            (Some(Stage::Parking { .. } | Stage::Calling(_)), News::CallerLeft) => self.on_caller_gone(now),
            (stage, News::Leg { errand, leg, state }) => {
                let is_ours = stage.is_some_and(|stage| stage.awaits(errand));
                if !is_ours && matches!(state, LegState::Answered | LegState::Accepted) {
                    self.hang_up_leg(leg);
                }
            }
            (_, News::NotThrough { .. } | News::CallerLeft | News::CallerWaits) => {}
        }
    }

    /// The carrier says that the call is over.
    pub(super) fn on_caller_gone(&mut self, now: CallTime) {
        self.end(now, if self.is_joined() { Ending::Transferred } else { Ending::CallerHungUp });
    }

    /// Somebody has the caller. What happens there is theirs.
    fn through(&mut self, now: CallTime) {
        self.note_transferred(now);
        self.end(now, Ending::Transferred);
    }

    fn note_transferred(&mut self, now: CallTime) {
        if let Some(transfer) = &self.transfers.present {
            self.note(Event::Transferred { after_ms: millis(now.since(transfer.since)) });
        }
    }

    /// Nobody has; the agent goes on as soon as the caller is back.
    fn fail(&mut self, now: CallTime, why: Vec<TransferFailure>) {
        let legs = self.forget_legs();
        self.not_through(now, &why);
        if self.is_present() {
            self.stay(now, &why);
        } else {
            self.bring_back(now, why, 0);
        }
        legs.into_iter().for_each(|leg| self.hang_up_leg(leg));
    }

    /// The caller has not left the stream.
    fn stay(&mut self, now: CallTime, why: &[TransferFailure]) {
        let alone = self.transfers.present.as_ref().is_some_and(|transfer| transfer.alone);
        self.phase = Phase::Talking;
        self.tell_failure(why);
        self.rearm_silence(now);
        if alone {
            self.end(now, Ending::ModelUnavailable);
        }
    }

    fn bring_back(&mut self, now: CallTime, why: Vec<TransferFailure>, tries: u32) {
        let errand = self.transfers.next_errand();
        self.transfers.set(Stage::Returning { errand, why, tries });
        self.timers.arm(Timer::Transfer, now + self.plan.agent.limits.attach);
        self.ask_carrier(now, errand, Ask::BringBack);
    }

    /// Of several reasons the first who was named has the one that is counted.
    fn not_through(&mut self, now: CallTime, why: &[TransferFailure]) {
        let since = self.transfers.present.as_ref().map_or(now, |transfer| transfer.since);
        let why = why.first().copied().unwrap_or(TransferFailure::Failed);
        self.note(Event::TransferFailed { why, after_ms: millis(now.since(since)) });
    }

    /// The model is told, and goes on with the caller.
    fn tell_failure(&mut self, why: &[TransferFailure]) {
        let Some(transfer) = self.transfers.present.take() else { return };
        self.timers.disarm(&Timer::Transfer);
        self.turn.back = Back::Nothing;
        let (note, cause) = transfer.in_words(why);
        if self.link.is_ready() {
            let text = format!("The caller could not be put through to {}: {note}.", transfer.whom("or"));
            self.tell_model(ModelCommand::Note { text: Pii::new(text) });
        }
        let whom = transfer.whom("and");
        let instructions = format!(
            "You tried to put the caller through to {whom}, but {cause}. The caller is back with you. Tell them so in one \
             sentence, and offer what you can do instead."
        );
        self.responses.want(Wish {
            reason: Reason::Greeting,
            instructions: Some(instructions),
            tools: ToolUse::Allowed,
        });
    }

    /// A stream has come. `same`: the one that a former relay had, so that the caller has not been anywhere yet.
    pub(super) fn back_from_transfer(&mut self, now: CallTime, same: bool) {
        let why = match self.transfers.stage() {
            None | Some(Stage::Due | Stage::Parting) => return,
            Some(Stage::Dialling { .. }) if same => {
                self.phase = Phase::Parting;
                return self.depart(now);
            }
            // It has been asked for, and will be carried out or refused.
            Some(Stage::Parking { .. } | Stage::Dialling { carried: false, .. }) => {
                self.phase = Phase::Parting;
                return;
            }
            Some(Stage::Returning { why, .. }) => why.clone(),
            Some(Stage::Dialling { .. } | Stage::Calling(_)) => {
                let why = vec![TransferFailure::Failed];
                self.not_through(now, &why);
                why
            }
        };
        self.forget_legs().into_iter().for_each(|leg| self.hang_up_leg(leg));
        // The end of the former stream may not have been seen.
        self.phase = Phase::Talking;
        self.tell_failure(&why);
    }

    /// An operator wants the caller back, or nobody else to come to them. False if nobody is away.
    pub(super) fn call_off_transfer(&mut self, now: CallTime) -> bool {
        match self.transfers.stage() {
            None | Some(Stage::Dialling { .. } | Stage::Returning { .. }) => false,
            // They come back by themselves.
            Some(Stage::Due | Stage::Parting) if !self.is_present() => {
                self.forget_transfer();
                true
            }
            Some(Stage::Due | Stage::Parting) => {
                self.fail(now, vec![TransferFailure::Canceled]);
                true
            }
            Some(Stage::Calling(legs)) if legs.is_joined() => {
                self.call_off_legs(now);
                true
            }
            Some(Stage::Parking { .. } | Stage::Calling(_)) => {
                self.fail_while_parking(now, TransferFailure::Canceled);
                true
            }
        }
    }

    pub(super) fn on_transfer_late(&mut self, now: CallTime) {
        match self.transfers.stage().cloned() {
            Some(Stage::Due) if self.phase == Phase::Talking && self.is_present() => self.part(now),
            Some(Stage::Due) => self.timers.arm(Timer::Transfer, now + LONGEST_DUE),
            Some(Stage::Parting) => self.depart(now),
            Some(Stage::Dialling { .. }) if self.is_present() => self.fail(now, vec![TransferFailure::Failed]),
            // Else Twilio would have brought the caller back.
            Some(Stage::Dialling { .. }) => self.through(now),
            Some(Stage::Parking { .. }) => self.fail_while_parking(now, TransferFailure::Failed),
            Some(Stage::Returning { tries, .. }) if tries >= MOST_RETURNS => self.end(now, Ending::Abandoned),
            Some(Stage::Returning { why, tries, .. }) => self.bring_back(now, why, tries + 1),
            Some(Stage::Calling(_)) | None => {}
        }
    }

    /// The call ends: whoever is being called is not wanted any more.
    pub(super) fn forget_transfer(&mut self) {
        self.forget_legs().into_iter().for_each(|leg| self.hang_up_leg(leg));
        self.timers.disarm(&Timer::Transfer);
        self.transfers.present = None;
    }

    /// Another relay had this call. It has asked for what its stage says, or was about to.
    pub(super) fn go_on_transferring(&mut self, now: CallTime) {
        let Some(stage) = self.transfers.stage().cloned() else { return };
        if stage.is_away() {
            self.timers.disarm(&Timer::Attach);
        }
        match stage {
            Stage::Due | Stage::Parting => {
                self.transfers.set(Stage::Due);
                self.timers.arm(Timer::Transfer, now + LONGEST_DUE);
            }
            Stage::Parking { .. } => self.depart(now),
            Stage::Returning { why, tries, .. } => self.bring_back(now, why, tries),
            Stage::Dialling { errand, .. } => {
                self.transfers.set(Stage::Dialling { errand, carried: true });
                let target = self.transfers.present.as_ref().and_then(|transfer| transfer.targets.first());
                let ring = target.map_or(SLACK, |target| target.ring);
                self.timers.arm(Timer::Transfer, now + ring + SLACK);
            }
            Stage::Calling(legs) => self.go_on_calling(now, &legs),
        }
    }

    /// Who is being called. Nobody needs to hang up on them any more, or somebody does right away.
    fn forget_legs(&mut self) -> Vec<CallSid> {
        let Some(Transfer { stage: Stage::Calling(legs), .. }) = &mut self.transfers.present else { return Vec::new() };
        let errands = legs.errands();
        let unwanted = legs.take_unwanted();
        errands.into_iter().for_each(|errand| self.timers.disarm(&Timer::Leg(errand)));
        unwanted
    }

    fn hang_up_leg(&mut self, leg: CallSid) {
        let number = self.transfers.next_errand();
        self.emit(Output::Carrier(Errand { number, ask: Ask::HangUp { leg } }));
    }

    /// Whether this is the stream that a former relay had.
    pub(super) fn is_of_former(&self, stream: &StreamSid) -> bool {
        self.former.as_ref().is_some_and(|former| former.has(stream))
    }
}
