use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn audio(track: Track, at: u64, mulaw: &[u8]) -> RecordOp {
    RecordOp::Audio { track, at: Samples(at), payload: Payload::encode(mulaw) }
}

fn cut(at: u64) -> RecordOp {
    RecordOp::Cut { track: Track::Agent, at: Samples(at) }
}

fn timeline(ops: &[RecordOp]) -> Timeline {
    let mut timeline = Timeline::default();
    ops.iter().for_each(|op| timeline.apply(op));
    timeline
}

fn tracks(stereo: &[u8]) -> (Vec<u8>, Vec<u8>) {
    stereo.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip()
}

#[test]
fn the_caller_is_left_the_agent_right_and_the_rest_is_silence() {
    let mut timeline = timeline(&[audio(Track::Caller, 1, &[1, 2]), audio(Track::Agent, 2, &[8, 9])]);
    assert_eq!(timeline.take_until(Samples(5)), [0xFF, 0xFF, 1, 0xFF, 2, 8, 0xFF, 9, 0xFF, 0xFF]);
    assert_eq!(timeline.dropped(), Dropped::default());
}

#[test]
fn segments_join_to_the_whole() {
    let ops = [audio(Track::Caller, 0, &[1, 2, 3, 4, 5]), audio(Track::Agent, 1, &[6, 7, 8])];
    let whole = timeline(&ops).take_until(Samples(6));
    let mut parts = timeline(&ops);
    let joined: Vec<u8> = [1, 1, 4, 6].into_iter().flat_map(|at| parts.take_until(Samples(at))).collect();
    assert_eq!(joined, whole);
}

#[test]
fn frames_that_come_too_early_lie_end_to_end() {
    let frames = [audio(Track::Caller, 0, &[1, 1]), audio(Track::Caller, 1, &[2, 2]), audio(Track::Caller, 6, &[3])];
    let (caller, _) = tracks(&timeline(&frames).take_until(Samples(7)));
    assert_eq!(caller, [1, 1, 2, 2, 0xFF, 0xFF, 3]);
}

#[test]
fn what_was_cut_never_sounds_and_the_next_words_begin_there() {
    let ops = [audio(Track::Agent, 0, &[1, 1, 1, 1]), cut(2), audio(Track::Agent, 2, &[5, 5]), cut(9)];
    let (_, agent) = tracks(&timeline(&ops).finish());
    assert_eq!(agent, [1, 1, 5, 5]);
}

#[test]
fn what_comes_for_a_time_that_was_taken_is_dropped_and_counted() {
    let mut timeline = Timeline::starting_at(Samples(100));
    timeline.apply(&audio(Track::Caller, 98, &[1, 2, 3]));
    assert_eq!(timeline.dropped(), Dropped { late: Samples(2), ahead: Samples::ZERO });
    assert_eq!(timeline.finish(), [3, 0xFF]);
    timeline.apply(&audio(Track::Agent, 101, &[4, 4]));
    assert_eq!(timeline.dropped().late, Samples(4));
    assert!(timeline.finish().is_empty());
}

#[test]
fn nothing_sounds_after_the_finish() {
    let mut timeline = timeline(&[audio(Track::Agent, 0, &[1; 8]), RecordOp::Finish { at: Samples(3) }]);
    timeline.apply(&audio(Track::Caller, 2, &[2, 2]));
    assert_eq!(timeline.take_until(Samples(100)), [0xFF, 1, 0xFF, 1, 2, 1]);
    assert!(timeline.finish().is_empty());
    assert_eq!(timeline.taken(), Samples(3));
}

#[test]
fn a_call_that_ends_in_silence_is_recorded_to_its_end() {
    let mut timeline = timeline(&[audio(Track::Caller, 0, &[1]), RecordOp::Finish { at: Samples(4) }]);
    assert_eq!(tracks(&timeline.finish()).0, [1, 0xFF, 0xFF, 0xFF]);
}

#[test]
fn memory_is_bounded_ahead_and_by_the_take() {
    let far = FURTHEST_AHEAD.0;
    let mut timeline = timeline(&[
        audio(Track::Agent, far - 1, &[1, 2, 3]),
        audio(Track::Caller, u64::MAX - 1, &[4, 5, 6]),
        audio(Track::Caller, 0, &[7]),
    ]);
    assert_eq!(timeline.dropped(), Dropped { late: Samples::ZERO, ahead: Samples(5) });
    assert!(timeline.agent.mulaw.len() as u64 == far && timeline.caller.mulaw.len() == 1);
    assert_eq!(timeline.take_until(Samples(u64::MAX)).len() as u64, 2 * LONGEST_TAKE.0);
}

/// What a timeline does, written for the eye alone: every sample in its place, one by one.
#[derive(Default)]
struct Naive {
    samples: BTreeMap<(Track, u64), u8>,
    ends: BTreeMap<Track, u64>,
    taken: u64,
    finish: Option<u64>,
    dropped: (u64, u64),
}

impl Naive {
    fn apply(&mut self, op: &RecordOp) {
        match op {
            RecordOp::Audio { track, at, payload } => self.place(*track, at.0, &payload.decode()),
            RecordOp::Cut { track, at } => self.cut(*track, at.0),
            RecordOp::Finish { at } => {
                self.cut(Track::Caller, at.0);
                self.cut(Track::Agent, at.0);
                self.finish = Some(self.finish.unwrap_or(at.0).min(at.0));
            }
        }
    }

    fn place(&mut self, track: Track, at: u64, mulaw: &[u8]) {
        let from = at.max(self.ends.get(&track).copied().unwrap_or_default());
        for (place, &byte) in (from..).zip(mulaw) {
            if place < self.taken || self.finish.is_some_and(|finish| place >= finish) {
                self.dropped.0 += 1;
            } else if place >= self.taken + FURTHEST_AHEAD.0 {
                self.dropped.1 += 1;
                continue;
            } else {
                self.samples.insert((track, place), byte);
            }
            if self.finish.is_none_or(|finish| place < finish) {
                self.ends.insert(track, place + 1);
            }
        }
    }

    fn cut(&mut self, track: Track, at: u64) {
        self.samples.retain(|(of, place), _| *of != track || *place < at);
        self.ends.entry(track).and_modify(|end| *end = at.min(*end));
    }

    fn take_until(&mut self, at: u64) -> Vec<u8> {
        let at = at.min(self.finish.unwrap_or(at));
        let sample = |track, place| self.samples.get(&(track, place)).copied().unwrap_or(0xFF);
        let stereo = (self.taken..at).flat_map(|place| [sample(Track::Caller, place), sample(Track::Agent, place)]);
        let stereo = stereo.collect();
        self.taken = self.taken.max(at);
        stereo
    }
}

#[derive(Debug, Clone)]
enum Step {
    Apply(RecordOp),
    Take(u64),
}

fn track() -> impl Strategy<Value = Track> {
    prop_oneof![Just(Track::Caller), Just(Track::Agent)]
}

fn position() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0..300_u64, 1 => FURTHEST_AHEAD.0 - 20..FURTHEST_AHEAD.0 + 300]
}

fn placed() -> impl Strategy<Value = RecordOp> {
    (track(), position(), proptest::collection::vec(0..0x80_u8, 0..40))
        .prop_map(|(track, at, mulaw)| audio(track, at, &mulaw))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => placed().prop_map(Step::Apply),
        2 => (track(), 0..300_u64).prop_map(|(track, at)| Step::Apply(RecordOp::Cut { track, at: Samples(at) })),
        1 => (100..300_u64).prop_map(|at| Step::Apply(RecordOp::Finish { at: Samples(at) })),
        4 => (0..350_u64).prop_map(Step::Take),
    ]
}

proptest! {
    #[test]
    fn a_timeline_does_what_the_naive_model_does(steps in proptest::collection::vec(step(), 0..40)) {
        let (mut timeline, mut naive) = (Timeline::default(), Naive::default());
        for step in steps {
            match step {
                Step::Apply(op) => {
                    timeline.apply(&op);
                    naive.apply(&op);
                }
                Step::Take(at) => prop_assert_eq!(timeline.take_until(Samples(at)), naive.take_until(at)),
            }
        }
        prop_assert_eq!(timeline.take_until(Samples(400)), naive.take_until(400));
        let Dropped { late, ahead } = timeline.dropped();
        prop_assert_eq!((late.0, ahead.0), naive.dropped);
    }

    #[test]
    fn the_tracks_do_not_care_for_each_others_order(ops in proptest::collection::vec(placed(), 0..30)) {
        let of = |wanted| move |op: &&RecordOp| matches!(op, RecordOp::Audio { track, .. } if *track == wanted);
        let sorted: Vec<_> = ops.iter().filter(of(Track::Agent)).chain(ops.iter().filter(of(Track::Caller))).cloned().collect();
        prop_assert_eq!(timeline(&ops).take_until(Samples(1_500)), timeline(&sorted).take_until(Samples(1_500)));
    }
}
