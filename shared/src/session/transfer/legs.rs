//! Those who are called for a caller, one or several at once: each has an errand, a call and an answer of their own. The
//! first who takes the call has the caller, and the others come to them; who does not is told with their reason. If nobody
//! does, the caller comes back when the last has said so.

use serde::{Deserialize, Serialize};

use super::stage::{Stage, Transfer};
use super::{BRIEFING, SLACK, Session, UNKNOWN};
use crate::calls::Ending;
use crate::ids::CallSid;
use crate::session::Timer;
use crate::session::link::millis;
use crate::session::output::Event;
use crate::time::CallTime;
use crate::transfer::{Ask, Carried, LegState, NotCarried, TransferFailure};

/// One for each target, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub(super) struct Legs {
    legs: Vec<Leg>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Leg {
    /// By which they were called; none yet if it is not their turn.
    errand: Option<u32>,
    /// Their call, as long as it may have to be hung up.
    call: Option<CallSid>,
    answer: Answer,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    #[default]
    Awaited,
    /// Somebody is there, and hears what it is about.
    Listens,
    /// They took the call.
    Accepted,
    Failed(TransferFailure),
}

impl Leg {
    fn is_pending(&self) -> bool {
        matches!(self.answer, Answer::Awaited | Answer::Listens)
    }
}

impl Legs {
    pub(super) fn of(transfer: &Transfer) -> Self {
        Self { legs: vec![Leg::default(); transfer.targets.len()] }
    }

    pub(super) fn is_one(&self, errand: u32) -> bool {
        self.legs.iter().any(|leg| leg.errand == Some(errand))
    }

    /// Somebody has the caller.
    pub(super) fn is_joined(&self) -> bool {
        self.legs.iter().any(|leg| leg.answer == Answer::Accepted)
    }

    fn is_pending(&self) -> bool {
        self.legs.iter().any(Leg::is_pending)
    }

    pub(super) fn errands(&self) -> Vec<u32> {
        self.legs.iter().filter_map(|leg| leg.errand).collect()
    }

    fn place(&self, errand: u32) -> Option<usize> {
        self.legs.iter().position(|leg| leg.errand == Some(errand))
    }

    fn failures(&self) -> Vec<TransferFailure> {
        let why = |leg: &Leg| match leg.answer {
            Answer::Failed(why) => why,
            Answer::Awaited | Answer::Listens | Answer::Accepted => TransferFailure::Failed,
        };
        self.legs.iter().map(why).collect()
    }

    /// Who has not taken the call, and may still hear it ring or listen.
    pub(super) fn take_unwanted(&mut self) -> Vec<CallSid> {
        let unwanted = self.legs.iter_mut().filter(|leg| leg.answer != Answer::Accepted);
        unwanted.filter_map(|leg| leg.call.take()).collect()
    }
}

impl Session {
    pub(super) fn call_somebody(&mut self, now: CallTime) {
        let Some(transfer) = &mut self.transfers.present else { return };
        transfer.stage = Stage::Calling(Legs::of(transfer));
        self.timers.disarm(&Timer::Transfer);
        self.call_next(now);
    }

    /// One after the other: the journal names who has been called and who has not.
    fn call_next(&mut self, now: CallTime) {
        let number = self.transfers.errands.saturating_add(1);
        let Some(Transfer { targets, briefing, stage: Stage::Calling(legs), .. }) = &mut self.transfers.present else {
            return;
        };
        let several = targets.len() > 1;
        let due = targets.iter().zip(&mut legs.legs).find(|(_, leg)| leg.errand.is_none() && leg.is_pending());
        let Some((target, leg)) = due else { return };
        leg.errand = Some(number);
        let (to, ring, briefing) = (target.to.clone(), target.ring, briefing.clone());
        self.transfers.errands = number;
        self.timers.arm(Timer::Leg(number), now + ring + SLACK);
        self.ask_carrier(now, number, Ask::Call { to, ring_s: ring.as_secs(), briefing, several });
    }

    fn leg(&mut self, errand: u32) -> Option<&mut Leg> {
        let Stage::Calling(legs) = &mut self.transfers.present.as_mut()?.stage else { return None };
        legs.legs.iter_mut().find(|leg| leg.errand == Some(errand))
    }

    /// What became of the errand to call them.
    pub(super) fn on_called(&mut self, now: CallTime, errand: u32, outcome: Carried) {
        let Some(leg) = self.leg(errand) else { return };
        match outcome {
            // Nobody waits for them any more.
            Ok(call) if matches!(leg.answer, Answer::Failed(_)) => {
                call.into_iter().for_each(|call| self.hang_up_leg(call));
            }
            Ok(call) => leg.call = call.or(leg.call.take()),
            Err(NotCarried::Unknown) if leg.call.is_none() && leg.is_pending() => {
                self.timers.arm(Timer::Leg(errand), now + UNKNOWN);
            }
            Err(NotCarried::Unknown) => {}
            Err(NotCarried::Refused | NotCarried::CallOver) => self.settle_leg(now, errand, TransferFailure::Failed),
        }
        self.call_next(now);
    }

    pub(super) fn on_leg_news(&mut self, now: CallTime, errand: u32, call: CallSid, state: LegState) {
        let Some(leg) = self.leg(errand) else { return };
        if !leg.is_pending() && state != LegState::Accepted {
            let is_there = matches!(state, LegState::Ringing | LegState::Answered);
            if is_there && leg.answer != Answer::Accepted {
                self.hang_up_leg(call);
            }
            return;
        }
        leg.call = Some(call);
        let listens = leg.answer == Answer::Listens;
        let why = match state {
            LegState::Ringing => return self.on_leg_ringing(now, errand),
            LegState::Answered => {
                leg.answer = Answer::Listens;
                return self.timers.arm(Timer::Leg(errand), now + BRIEFING);
            }
            LegState::Accepted => return self.accept(now, errand),
            LegState::Machine => return self.settle_leg(now, errand, TransferFailure::Voicemail),
            LegState::Completed if !listens => TransferFailure::NoAnswer,
            LegState::Declined | LegState::Completed => TransferFailure::Declined,
            LegState::Unheeded | LegState::NoAnswer => TransferFailure::NoAnswer,
            LegState::Busy => TransferFailure::Busy,
            LegState::Failed => TransferFailure::Failed,
            LegState::Canceled => TransferFailure::Canceled,
        };
        // Their call is over, or about to be.
        leg.call = None;
        self.settle_leg(now, errand, why);
    }

    fn on_leg_ringing(&mut self, now: CallTime, errand: u32) {
        let Some(Transfer { targets, stage: Stage::Calling(legs), .. }) = &self.transfers.present else { return };
        let target = legs.place(errand).and_then(|place| targets.get(place));
        let listens = legs.legs.iter().any(|leg| leg.errand == Some(errand) && leg.answer == Answer::Listens);
        if let Some(target) = target.filter(|_| !listens) {
            self.timers.arm(Timer::Leg(errand), now + target.ring + SLACK);
        }
    }

    /// They have had long enough.
    pub(in crate::session) fn on_leg_late(&mut self, now: CallTime, errand: u32) {
        let Some(leg) = self.leg(errand) else { return };
        let why = if leg.call.is_none() { TransferFailure::Failed } else { TransferFailure::NoAnswer };
        self.settle_leg(now, errand, why);
    }

    /// They are in the conference. What happens there is theirs.
    fn accept(&mut self, now: CallTime, errand: u32) {
        let is_first = !self.is_joined();
        let Some(leg) = self.leg(errand) else { return };
        if std::mem::replace(&mut leg.answer, Answer::Accepted) == Answer::Accepted {
            return;
        }
        self.note_answer(now, errand, None);
        if is_first {
            self.note_transferred(now);
            self.timers.disarm(&Timer::LongestCall);
        }
        if self.is_calling() {
            // A successor that did not know would take the caller out of their conversation.
            return self.write_journal(now);
        }
        self.after_answer(now);
    }

    /// They do not take the call.
    fn settle_leg(&mut self, now: CallTime, errand: u32, why: TransferFailure) {
        let Some(leg) = self.leg(errand).filter(|leg| leg.is_pending()) else { return };
        leg.answer = Answer::Failed(why);
        self.note_answer(now, errand, Some(why));
        if self.is_calling() {
            let call = self.leg(errand).and_then(|leg| leg.call.take());
            return call.into_iter().for_each(|call| self.hang_up_leg(call));
        }
        // Whoever is still on the line is hung up on, once the caller is on the way.
        self.after_answer(now);
    }

    fn is_calling(&self) -> bool {
        matches!(self.transfers.stage(), Some(Stage::Calling(legs)) if legs.is_pending())
    }

    /// Once everybody has answered, the session is over, or the caller comes back.
    fn after_answer(&mut self, now: CallTime) {
        let Some(Stage::Calling(legs)) = self.transfers.stage().filter(|_| !self.is_calling()) else { return };
        if legs.is_joined() {
            return self.end(now, Ending::Transferred);
        }
        let why = legs.failures();
        self.fail(now, why);
    }

    /// Where one was called, the transfer's own event says it.
    fn note_answer(&mut self, now: CallTime, errand: u32, why: Option<TransferFailure>) {
        self.timers.disarm(&Timer::Leg(errand));
        let Some(transfer @ Transfer { stage: Stage::Calling(legs), .. }) = &self.transfers.present else { return };
        let target = legs.place(errand).and_then(|place| transfer.targets.get(place));
        if let Some(target) = target.filter(|_| transfer.is_to_several()) {
            let (to, after_ms) = (target.name.clone(), millis(now.since(transfer.since)));
            self.note(Event::TransferAnswer { to, why, after_ms });
        }
    }

    /// Somebody talks to the caller already.
    pub(super) fn is_joined(&self) -> bool {
        matches!(self.transfers.stage(), Some(Stage::Calling(legs)) if legs.is_joined())
    }

    /// Those who have not answered are not wanted any more.
    pub(super) fn call_off_legs(&mut self, now: CallTime) {
        let Some(Stage::Calling(legs)) = self.transfers.stage() else { return };
        let pending = legs.legs.iter().enumerate().filter(|(_, leg)| leg.is_pending());
        let pending: Vec<(usize, Option<u32>)> = pending.map(|(place, leg)| (place, leg.errand)).collect();
        for (place, errand) in pending {
            match errand {
                Some(errand) => self.settle_leg(now, errand, TransferFailure::Canceled),
                None => self.forget_due(place),
            }
        }
        self.after_answer(now);
    }

    /// Who has not been called yet is not called.
    fn forget_due(&mut self, place: usize) {
        if let Some(Transfer { stage: Stage::Calling(legs), .. }) = &mut self.transfers.present
            && let Some(leg) = legs.legs.get_mut(place)
        {
            leg.answer = Answer::Failed(TransferFailure::Canceled);
        }
    }

    /// Another relay has called them. Who was about to be called says so soon, or was not.
    pub(super) fn go_on_calling(&mut self, now: CallTime, legs: &Legs) {
        for leg in legs.legs.iter().filter(|leg| leg.is_pending()) {
            if let Some(errand) = leg.errand {
                let wait = if leg.call.is_some() { BRIEFING } else { UNKNOWN };
                self.timers.arm(Timer::Leg(errand), now + wait);
            }
        }
        if legs.is_joined() {
            self.timers.disarm(&Timer::LongestCall);
        }
        self.call_next(now);
        self.after_answer(now);
    }
}

/// Builds that knew one only wrote it without a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Several { legs: Vec<Leg> },
    One { errand: u32, leg: Option<CallSid>, answered: bool },
}

impl From<Written> for Legs {
    fn from(written: Written) -> Self {
        match written {
            Written::Several { legs } => Self { legs },
            Written::One { errand, leg, answered } => {
                let answer = if answered { Answer::Listens } else { Answer::Awaited };
                Self { legs: vec![Leg { errand: Some(errand), call: leg, answer }] }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_that_another_build_wrote_is_to_one() {
        let read = |stage: &str| -> Transfer {
            let text = format!(
                r#"{{"target":{{"name":"doctor","to":"sip:doctor@example.com","kind":"warm","ring":20000}},
                "briefing":"It hurts.","words":null,"since":1030,"stage":{stage}}}"#
            );
            let transfer: Transfer = serde_json::from_str(&text).unwrap();
            let again = serde_json::to_string(&transfer).unwrap();
            assert_eq!(serde_json::from_str::<Transfer>(&again).unwrap(), transfer);
            transfer
        };
        let calling = read(r#"{"stage":"calling","errand":2,"leg":"CA2","answered":true}"#);
        let leg = Leg { errand: Some(2), call: Some("CA2".into()), answer: Answer::Listens };
        assert_eq!((calling.targets.len(), &calling.stage), (1, &Stage::Calling(Legs { legs: vec![leg] })));
        let returning = read(r#"{"stage":"returning","errand":3,"why":"busy","tries":1}"#);
        let why = vec![TransferFailure::Busy];
        assert_eq!(returning.stage, Stage::Returning { errand: 3, why, tries: 1 });
    }
}
