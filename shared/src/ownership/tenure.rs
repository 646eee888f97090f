//! A call that a relay holds.

use serde::{Deserialize, Serialize};

use super::{BUSY, Continuity, MOST_MISSED, Moment, Right, Standing};

/// From the claim on, until the call is over, given up, or found to be another's.
///
/// Whoever has one drops it at once when any conditional write says that another holds the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenure {
    pub fence: u64,
    began: Moment,
    frames: Continuity,
    last_frame_at: Option<Moment>,
}

/// May a post to the caller be begun now?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    Speak,
    /// Another might be speaking. Ask again in a moment.
    Wait,
    /// Another may speak from now on: the call is not ours any more.
    Never,
}

/// A frame of a call's, as far as ownership is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// In its stream: marks and digits are counted too.
    pub number: u64,
    /// The carrier's, of its audio. Marks and digits have none.
    pub stamp_ms: Option<u64>,
    /// No other relay can have it: it was offered to no other, or they said that they did not take it.
    pub sole: bool,
}

/// What a holder says that is asked to give up a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum YieldAnswer {
    /// It has fallen silent, and has noted so in its [`GivenUp`](super::GivenUp).
    Yielded,
    /// It speaks, and the caller's frames reach it.
    Busy,
}

impl Tenure {
    /// The lease is ours, and whoever had it before is silent for good.
    pub fn new(now: Moment, fence: u64) -> Self {
        Self { fence, began: now, frames: Continuity::new(now), last_frame_at: None }
    }

    /// Asked before each post, and before each repetition of one.
    pub fn verdict(&self, now: Moment, standing: &Standing) -> Verdict {
        match standing.right(now) {
            Right::Deposed => Verdict::Never,
            Right::Fresh => Verdict::Speak,
            Right::Stale if self.has_all_frames(now, standing) => Verdict::Speak,
            Right::Stale => Verdict::Wait,
        }
    }

    /// Without a renewal since it began, nothing is known of the frames before.
    fn has_all_frames(&self, now: Moment, standing: &Standing) -> bool {
        let in_office_at = standing.in_office_at();
        in_office_at >= Some(self.began) && self.frames.missed(now, in_office_at) <= MOST_MISSED
    }

    pub fn frame(&mut self, now: Moment, standing: &Standing, frame: Arrival) {
        self.last_frame_at = Some(now);
        if frame.sole {
            self.frames.arrived(now, standing.in_office_at(), frame.number, frame.stamp_ms);
        }
    }

    /// The caller came back with another stream, whose numbers begin anew.
    pub fn stream_changed(&mut self, now: Moment, standing: &Standing) {
        self.frames.stream_changed(now, standing.in_office_at());
    }

    /// Another relay has been told that we do not answer, and asks for the call that was lost with `fence`. If this says
    /// [`YieldAnswer::Yielded`], the call is stopped first and then it is answered.
    pub fn asked_to_yield(&self, now: Moment, standing: &Standing, fence: u64) -> YieldAnswer {
        let frames_come = self.last_frame_at.is_some_and(|at| now.since(at) < BUSY);
        let working = frames_come && self.verdict(now, standing) == Verdict::Speak;
        if fence < self.fence || (fence == self.fence && working) { YieldAnswer::Busy } else { YieldAnswer::Yielded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(asked_at: u64) -> Standing {
        let mut standing = Standing::default();
        standing.granted(Moment(asked_at));
        standing
    }

    /// Held since 0; frames from `from_ms` until `until_ms`.
    fn tenure(standing: &Standing, from_ms: u64, until_ms: u64) -> Tenure {
        let mut tenure = Tenure::new(Moment(0), 7);
        for number in from_ms / 20..=until_ms / 20 {
            let frame = Arrival { number, stamp_ms: Some(number * 20), sole: true };
            tenure.frame(Moment(number * 20), standing, frame);
        }
        tenure
    }

    #[test]
    fn a_store_outage_does_not_silence_a_call_whose_frames_come() {
        let standing = standing(1_000);
        assert_eq!(tenure(&standing, 0, 60_000).verdict(Moment(60_000), &standing), Verdict::Speak);
    }

    #[test]
    fn without_store_and_frames_a_relay_falls_silent() {
        let standing = standing(1_000);
        let tenure = tenure(&standing, 0, 2_000);
        assert_eq!(tenure.verdict(Moment(2_400), &standing), Verdict::Speak);
        assert_eq!(tenure.verdict(Moment(2_480), &standing), Verdict::Wait);
    }

    #[test]
    fn without_store_a_holder_that_never_had_a_frame_falls_silent() {
        let standing = standing(100);
        let tenure = Tenure::new(Moment(0), 7);
        assert_eq!(tenure.verdict(Moment(799), &standing), Verdict::Speak);
        assert_eq!(tenure.verdict(Moment(801), &standing), Verdict::Wait);
    }

    #[test]
    fn frames_that_another_may_have_count_for_nothing() {
        let standing = standing(1_000);
        let mut tenure = tenure(&standing, 0, 2_000);
        for number in 101..=120 {
            let frame = Arrival { number, stamp_ms: Some(number * 20), sole: false };
            tenure.frame(Moment(number * 20), &standing, frame);
        }
        assert_eq!(tenure.verdict(Moment(2_480), &standing), Verdict::Wait);
    }

    #[test]
    fn frames_prove_nothing_before_the_first_renewal() {
        let mut standing = Standing::default();
        let tenure = tenure(&standing, 0, 2_000);
        assert_eq!(tenure.verdict(Moment(2_000), &standing), Verdict::Wait);
        standing.granted(Moment(1_000));
        assert_eq!(tenure.verdict(Moment(2_000), &standing), Verdict::Speak);
    }

    #[test]
    fn a_holder_yields_unless_it_is_working() {
        let standing = standing(1_000);
        let working = tenure(&standing, 0, 1_000);
        assert_eq!(working.asked_to_yield(Moment(1_100), &standing, 7), YieldAnswer::Busy);
        assert_eq!(working.asked_to_yield(Moment(1_200), &standing, 7), YieldAnswer::Yielded, "no frames");
        let cut_off = tenure(&standing, 1_500, 1_900);
        assert_eq!(cut_off.asked_to_yield(Moment(1_900), &standing, 7), YieldAnswer::Busy);
        let deaf = tenure(&standing, 0, 20);
        assert_eq!(deaf.asked_to_yield(Moment(1_100), &standing, 7), YieldAnswer::Yielded);
    }

    #[test]
    fn who_asks_for_an_older_tenure_is_told_of_this_one_and_who_knows_a_newer_one_gets_it() {
        let standing = standing(1_000);
        let tenure = tenure(&standing, 0, 20);
        assert_eq!(tenure.asked_to_yield(Moment(1_500), &standing, 6), YieldAnswer::Busy);
        assert_eq!(tenure.asked_to_yield(Moment(30), &standing, 8), YieldAnswer::Yielded);
    }
}
