//! How a relay comes to hold a call that was another's.

use serde::{Deserialize, Serialize};

use super::{Arrival, LONGEST_KEEP, Moment, PROOF_AGE, PROOF_FRAMES, SLACK, TTL};
use crate::calls::Lease;
use crate::ids::RelayId;

/// Looks at the store, or claims, before it is given up to be tried again by a later frame.
const TRIES: u8 = 3;

/// One for each call in a relay that is about to hold it. Carry out [`step`](Self::step), once, tell what was
/// [`heard`](Self::heard), and so on until the step is [`Step::Over`].
///
/// It claims last: a lease never names a relay that must still wait, so whoever takes over from its new holder need not
/// know how that one came by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeOver {
    me: RelayId,
    lost: Lease,
    step: Step,
    tries: u8,
    proof_frames: u32,
    keep_until: Moment,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Ask the holder itself, for no longer than [`YIELD_PATIENCE`](super::YIELD_PATIENCE).
    AskToYield(Lease),
    /// Look the lease up: a function that has slept may ask for what was lost long ago, and an innocent relay would be deposed.
    Check,
    /// Write that this relay's right is not renewed any more.
    Depose(RelayId),
    /// Take the call's frames and keep them, tell those who wait for an answer so, and pass each on to
    /// [`frame`](TakeOver::frame). Say [`Heard::TimePassed`] at this moment.
    Keep {
        until: Moment,
    },
    /// Take the lease if its fence is still `held`.
    Claim {
        held: u64,
    },
    /// Look the lease up: a claim was refused or not answered.
    LookUp,
    Over(TakeOverEnd),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TakeOverEnd {
    /// Begin a [`Tenure`](super::Tenure), unless [`GivenUp`](super::GivenUp) bars it: it may speak at once.
    Won(Lease),
    /// The holder speaks, and the caller's frames reach it.
    Busy,
    /// Another relay has it.
    Claimed,
    /// The store or the frames were not to be had. The call stays whose it is.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heard {
    /// The holder has fallen silent.
    Yielded,
    Busy,
    /// The holder's address refuses connections, or another process answers there.
    Dead,
    /// No answer from the holder.
    Silent,
    Deposed,
    Granted(Lease),
    /// The fence was not the one that was held.
    Conflict,
    Found(Option<Lease>),
    /// No answer from the store, or none that tells whether it was done.
    Unavailable,
    TimePassed,
}

impl TakeOver {
    /// `dead`: a connection to the holder was refused.
    pub fn begin(me: RelayId, lost: Lease, dead: bool) -> Self {
        // From ourselves there is nothing to wait for: we do not speak, or would not be here.
        let silent = dead || lost.relay == me;
        let step = if silent { Step::Claim { held: lost.fence } } else { Step::AskToYield(lost.clone()) };
        Self { me, lost, step, tries: 0, proof_frames: 0, keep_until: Moment(0) }
    }

    pub fn step(&self) -> &Step {
        &self.step
    }

    /// Frames are taken, though the call is not held yet.
    pub fn keeps_frames(&self) -> bool {
        self.keep_until > Moment(0)
    }

    /// News that belong to an earlier step are passed over: an answer that came after its time.
    pub fn heard(&mut self, now: Moment, heard: Heard) {
        match (&self.step, heard) {
            (Step::AskToYield(_), Heard::Yielded | Heard::Dead) => self.claim(),
            (Step::AskToYield(_), Heard::Busy) => self.end(TakeOverEnd::Busy),
            (Step::AskToYield(_), Heard::Silent) => self.step = Step::Check,
            (Step::Check, Heard::Found(Some(lease))) if lease == self.lost => {
                self.step = Step::Depose(lease.relay);
            }
            (Step::Check, Heard::Found(_)) => self.end(TakeOverEnd::Claimed),
            (Step::Depose(_), Heard::Deposed) => self.keep(now),
            (Step::Check | Step::Depose(_), Heard::Unavailable) => self.end(TakeOverEnd::Failed),
            (Step::Keep { until }, Heard::TimePassed) if now >= *until => self.kept(),
            (Step::Claim { .. }, Heard::Granted(lease)) => self.end(TakeOverEnd::Won(lease)),
            // Refused perhaps because of our own claim, whose answer was missed.
            (Step::Claim { .. }, Heard::Conflict | Heard::Unavailable) => self.look_up(),
            (Step::LookUp, Heard::Unavailable) => self.look_up(),
            (Step::LookUp, Heard::Found(lease)) => self.found(lease),
            _ => {}
        }
    }

    /// A frame that came while frames are kept. Says when [`Heard::TimePassed`] is due from now on, if that has changed.
    pub fn frame(&mut self, now: Moment, frame: Arrival) -> Option<Moment> {
        let Step::Keep { until } = &mut self.step else { return None };
        if !frame.sole || frame.stamp_ms.is_none() {
            return None;
        }
        self.proof_frames += 1;
        if self.proof_frames != PROOF_FRAMES {
            return None;
        }
        *until = self.keep_until.max(now + PROOF_AGE);
        Some(*until)
    }

    /// Counted from when the store's answer is here: the holder may have renewed its right until the write was done.
    fn keep(&mut self, now: Moment) {
        self.keep_until = now + TTL + SLACK;
        self.step = Step::Keep { until: now + LONGEST_KEEP };
    }

    fn kept(&mut self) {
        if self.proof_frames < PROOF_FRAMES {
            return self.end(TakeOverEnd::Failed);
        }
        self.claim();
    }

    fn claim(&mut self) {
        self.step = Step::Claim { held: self.lost.fence };
    }

    fn look_up(&mut self) {
        self.tries += 1;
        self.step = if self.tries > TRIES { Step::Over(TakeOverEnd::Failed) } else { Step::LookUp };
    }

    fn found(&mut self, lease: Option<Lease>) {
        match lease {
            Some(lease) if lease == self.lost => self.claim(),
            Some(lease) if lease.relay == self.me && lease.fence == self.lost.fence + 1 => {
                self.end(TakeOverEnd::Won(lease));
            }
            _ => self.end(TakeOverEnd::Claimed),
        }
    }

    fn end(&mut self, end: TakeOverEnd) {
        self.step = Step::Over(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(relay: &str, fence: u64) -> Lease {
        let address = format!("http://{}:8081", relay.to_lowercase()).parse().unwrap();
        Lease { relay: relay.into(), address, fence }
    }

    fn take_over(dead: bool) -> TakeOver {
        TakeOver::begin("B".into(), lease("A", 4), dead)
    }

    fn after(dead: bool, news: impl IntoIterator<Item = Heard>) -> Step {
        let mut take_over = take_over(dead);
        news.into_iter().for_each(|heard| take_over.heard(Moment(1_000), heard));
        take_over.step
    }

    /// The holder has not answered, and the store says that it is the holder.
    const UNANSWERED: fn() -> [Heard; 2] = || [Heard::Silent, Heard::Found(Some(lease("A", 4)))];

    /// The holder has been deposed at this moment.
    fn keeping(now: u64) -> TakeOver {
        let mut take_over = take_over(false);
        UNANSWERED().into_iter().chain([Heard::Deposed]).for_each(|heard| take_over.heard(Moment(now), heard));
        take_over
    }

    fn frame(number: u64) -> Arrival {
        Arrival { number, stamp_ms: Some(number * 20), sole: true }
    }

    #[test]
    fn a_dead_holders_call_is_claimed_at_once() {
        assert_eq!(after(true, []), Step::Claim { held: 4 });
        assert_eq!(after(true, [Heard::Granted(lease("B", 5))]), Step::Over(TakeOverEnd::Won(lease("B", 5))));
    }

    #[test]
    fn a_holder_that_may_live_is_asked_first() {
        assert_eq!(after(false, []), Step::AskToYield(lease("A", 4)));
        assert_eq!(after(false, [Heard::Yielded]), Step::Claim { held: 4 });
        assert_eq!(after(false, [Heard::Dead]), Step::Claim { held: 4 });
        assert_eq!(after(false, [Heard::Busy]), Step::Over(TakeOverEnd::Busy));
        assert_eq!(after(false, [Heard::Silent]), Step::Check);
        assert_eq!(after(false, UNANSWERED()), Step::Depose("A".into()));
    }

    #[test]
    fn nothing_is_claimed_from_a_holder_that_could_not_be_deposed() {
        assert_eq!(after(false, [Heard::Silent, Heard::Unavailable]), Step::Over(TakeOverEnd::Failed));
        assert_eq!(after(false, UNANSWERED().into_iter().chain([Heard::Unavailable])), Step::Over(TakeOverEnd::Failed));
    }

    #[test]
    fn nobody_is_deposed_for_what_it_lost_long_ago() {
        let found = Heard::Found(Some(lease("C", 5)));
        assert_eq!(after(false, [Heard::Silent, found]), Step::Over(TakeOverEnd::Claimed));
    }

    #[test]
    fn a_deposed_holders_right_is_waited_out_and_frames_prove_the_rest() {
        let mut take_over = keeping(1_030);
        assert!(take_over.keeps_frames());
        for number in 0..16 {
            assert_eq!(take_over.step, Step::Keep { until: Moment(3_030) });
            let at = Moment(1_100 + number * 20);
            assert_eq!(take_over.frame(at, Arrival { sole: false, ..frame(number) }), None);
            assert_eq!(take_over.frame(at, Arrival { stamp_ms: None, ..frame(number) }), None);
            assert_eq!(take_over.frame(at, frame(number)), (number == 15).then_some(Moment(1_780)));
        }
        assert_eq!(take_over.step, Step::Keep { until: Moment(1_780) });
        take_over.heard(Moment(1_779), Heard::TimePassed);
        assert_eq!(take_over.step, Step::Keep { until: Moment(1_780) });
        take_over.heard(Moment(1_780), Heard::TimePassed);
        assert_eq!(take_over.step, Step::Claim { held: 4 });
    }

    #[test]
    fn the_last_frame_of_the_proof_must_be_old_enough_too() {
        let mut take_over = keeping(0);
        let due: Vec<_> =
            (0..16).filter_map(|number| take_over.frame(Moment(100 + number * 50), frame(number))).collect();
        assert_eq!(due, [Moment(850 + 300)]);
    }

    #[test]
    fn a_successor_that_is_not_given_the_frames_gives_up() {
        let mut take_over = keeping(0);
        take_over.heard(Moment(2_000), Heard::TimePassed);
        assert_eq!(take_over.step, Step::Over(TakeOverEnd::Failed));
    }

    #[test]
    fn a_claim_that_was_refused_or_not_answered_is_looked_up() {
        let lost = [Heard::Unavailable];
        assert_eq!(after(true, [Heard::Conflict]), Step::LookUp);
        assert_eq!(after(true, lost.clone()), Step::LookUp);
        let found = |lease| lost.iter().cloned().chain([Heard::Found(Some(lease))]);
        assert_eq!(after(true, found(lease("B", 5))), Step::Over(TakeOverEnd::Won(lease("B", 5))));
        assert_eq!(after(true, found(lease("C", 5))), Step::Over(TakeOverEnd::Claimed));
        assert_eq!(after(true, found(lease("A", 4))), Step::Claim { held: 4 });
        assert_eq!(after(true, found(lease("A", 4)).chain([Heard::Conflict])), Step::LookUp, "it came late");
        assert_eq!(after(true, [const { Heard::Unavailable }; 4]), Step::Over(TakeOverEnd::Failed));
    }

    #[test]
    fn an_answer_that_comes_too_late_changes_nothing() {
        assert_eq!(after(false, UNANSWERED().into_iter().chain([Heard::Busy])), Step::Depose("A".into()));
        let mut take_over = keeping(0);
        take_over.heard(Moment(10), Heard::Yielded);
        assert_eq!(take_over.step, Step::Keep { until: Moment(2_000) });
    }

    #[test]
    fn what_is_ours_by_name_is_claimed_anew() {
        let take_over = TakeOver::begin("B".into(), lease("B", 4), false);
        assert_eq!(take_over.step, Step::Claim { held: 4 });
    }
}
