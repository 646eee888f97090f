use shared::session::Interruption;

use super::*;
use crate::call::StreamReport;
use crate::call::interview::{Sound, Stretch};

const QUESTION: u8 = 0;
const ANSWER: u8 = 1;

fn texts() -> Vec<String> {
    ["Open?", "Till six."].map(str::to_owned).to_vec()
}

fn limits() -> Limits {
    Limits::of(MediaPath::Gateway, false)
}

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn said(number: u32, speaker: Speaker, text: &str) -> Line {
    Line {
        number,
        at: shared::time::CallTime::ZERO,
        speaker,
        item: "item".into(),
        text: Some(text.to_owned().into()),
        interrupted: None,
        made_out_to: None,
    }
}

/// A call of ten seconds in which all is well: asked from 1 to 2 s, answered from 3 to 5 s.
fn good() -> Evidence {
    let began = Instant::now();
    let stretch = |from, to, sound| Stretch { from: began + at(from), to: began + at(to), sound };
    let interview = InterviewReport {
        questions: 1,
        answered: 1,
        asked: vec![Asked { tone: QUESTION, began: began + at(1_000), ended: Some(began + at(2_000)) }],
        heard: vec![stretch(3_000, 5_000, Sound::Voice(ANSWER))],
        begun: [(ANSWER, 1)].into(),
        ended: [(ANSWER, 1)].into(),
        owed: vec![(began + at(2_000), began + at(5_000))],
        arrivals: vec![began + at(3_000)],
        longest_silence: at(1_000),
        longest_silence_from: Some(began + at(2_000)),
    };
    Evidence {
        began,
        over: began + at(10_000),
        report: CallReport {
            sid: "CA1".to_owned(),
            ended: Ended::CallerHungUp,
            script_played: true,
            lasted_ms: 10_000,
            waited_ms: 0,
            streams: Vec::<StreamReport>::new(),
            said: Vec::new(),
            waits: Vec::new(),
            documents: 1,
            warnings: Vec::new(),
            longest_silence_ms: 1_000,
            probe: None,
            interview: Some(interview),
        },
        transcript: Some(vec![said(1, Speaker::Caller, "Open?"), said(2, Speaker::Agent, "Till six.")]),
        recording: Some(at(10_200)),
        tools: [("lookup_menu".to_owned(), 1)].into(),
        end_unheard: false,
        take_overs: 1,
        posts: vec![post(began, 3_000, "AKR0S1"), post(began, 4_000, "AKR0S1"), post(began, 4_500, "AKR1S1")],
    }
}

fn post(began: Instant, ms: u64, by: &str) -> Post {
    Post { at: began + at(ms), stream: "MZ1".to_owned(), by: by.to_owned(), media: true }
}

fn kill(call: &Evidence, ms: u64) -> Hit {
    Hit { at: call.began + at(ms), fault: Fault::Kill { relay: 0 }, calls: Some(vec!["CA1".to_owned()]) }
}

/// What fails when a good call is spoiled.
fn spoiled(spoil: impl FnOnce(&mut Evidence)) -> Vec<Claim> {
    let mut call = good();
    spoil(&mut call);
    judge(&call, &texts(), &[], limits()).into_iter().map(|failure| failure.claim).collect()
}

fn interview(call: &mut Evidence) -> &mut InterviewReport {
    call.report.interview.as_mut().unwrap()
}

fn lines(call: &mut Evidence) -> &mut Vec<Line> {
    call.transcript.as_mut().unwrap()
}

#[test]
fn a_call_in_which_all_is_well_fails_nothing() {
    assert_eq!(spoiled(|_| ()), []);
}

#[test]
fn a_call_that_ends_otherwise_than_scripted_is_lost() {
    assert_eq!(spoiled(|call| call.report.ended = Ended::ServerHungUp), [Claim::Alive]);
    assert_eq!(spoiled(|call| call.report.ended = Ended::CallerGaveUp("tired".to_owned())), [Claim::Alive]);
    assert_eq!(spoiled(|call| interview(call).questions = 2), [Claim::Alive]);
}

#[test]
fn a_long_silence_is_noticed() {
    assert_eq!(spoiled(|call| interview(call).longest_silence = at(4_001)), [Claim::Silence]);
}

#[test]
fn lines_that_are_missing_or_doubled_are_noticed() {
    assert_eq!(spoiled(|call| call.transcript = None), [Claim::Transcript]);
    for number in 0..2 {
        assert_eq!(spoiled(|call| drop(lines(call).remove(number))), [Claim::Transcript]);
        assert_eq!(
            spoiled(|call| {
                let again = lines(call)[number].clone();
                lines(call).push(again);
            }),
            [Claim::Transcript]
        );
    }
    assert_eq!(
        spoiled(|call| *interview(call).ended.entry(ANSWER).or_default() += 1),
        [Claim::Transcript],
        "heard twice, written once"
    );
}

#[test]
fn a_sentence_that_was_cut_and_said_again_is_not_doubled() {
    let cut = Interruption { heard_ms: 1, sent_ms: 2 };
    let again = |call: &mut Evidence| {
        lines(call).push(Line { interrupted: Some(cut), ..said(3, Speaker::Agent, "Till six.") });
    };
    assert_eq!(spoiled(again), []);
}

#[test]
fn a_question_that_a_fault_swallowed_may_be_missing_if_it_was_asked_again() {
    let mut call = good();
    let second = Asked { tone: QUESTION, began: call.began + at(8_000), ended: Some(call.began + at(8_500)) };
    interview(&mut call).asked.push(second);
    let judged = |call: &Evidence, hits: &[Hit]| judge(call, &texts(), hits, limits()).len();
    assert_eq!(judged(&call, &[]), 1);
    assert_eq!(judged(&call, &[kill(&call, 1_500)]), 0);
    let others = Hit { calls: Some(vec!["CA2".to_owned()]), ..kill(&call, 1_500) };
    assert_eq!(judged(&call, &[others]), 1);
    call.transcript = Some(vec![said(2, Speaker::Agent, "Till six.")]);
    assert_eq!(judged(&call, &[kill(&call, 1_500), kill(&call, 8_200)]), 1, "but not every time");
}

#[test]
fn a_tool_that_ran_twice_is_noticed() {
    assert_eq!(spoiled(|call| *call.tools.entry("lookup_menu".to_owned()).or_default() += 1), [Claim::ToolsOnce]);
}

#[test]
fn a_relay_that_comes_back_is_a_second_voice() {
    let back = |by: &'static str| {
        move |call: &mut Evidence| {
            let began = call.began;
            call.posts.push(post(began, 5_000, by));
        }
    };
    assert_eq!(spoiled(back("AKR0S1")), [Claim::OneVoice]);
    let given_again = |call: &mut Evidence| {
        back("AKR0S1")(call);
        call.take_overs = 2;
    };
    assert_eq!(spoiled(given_again), [], "it was given the call again");
    assert_eq!(spoiled(back("AKR0S2")), [], "another life of the same relay is another process");
    let mark = |call: &mut Evidence| {
        let began = call.began;
        call.posts.push(Post { media: false, ..post(began, 5_000, "AKR0S1") });
    };
    assert_eq!(spoiled(mark), [], "a mark is nobody's voice");
}

#[test]
fn a_recording_must_be_there_and_as_long_as_the_call() {
    assert_eq!(spoiled(|call| call.recording = None), [Claim::Recording]);
    assert_eq!(spoiled(|call| call.recording = Some(at(3_000))), [Claim::Recording]);
    assert_eq!(spoiled(|call| call.recording = Some(at(17_000))), [Claim::Recording]);
    let unheard = |call: &mut Evidence| (call.end_unheard, call.recording) = (true, Some(at(25_000)));
    assert_eq!(spoiled(unheard), [], "a relay waits for a caller of whom nobody said that they are gone");
    let in_line = |call: &mut Evidence| (call.report.lasted_ms, call.report.waited_ms) = (30_000, 20_000);
    assert_eq!(spoiled(in_line), [], "music in line is not recorded");
}

#[test]
fn a_gap_is_what_was_owed_and_not_heard_until_a_relay_speaks() {
    let call = good();
    let of = |ms| gap(&call, call.began + at(ms));
    assert_eq!(of(2_400), Some(at(600)));
    assert_eq!(of(1_500), None, "the caller was speaking");
    assert_eq!(of(7_000), None, "nobody owed anything");
    assert_eq!(of(3_500), Some(Duration::ZERO), "what the carrier has is heard");
}

#[test]
fn a_gap_lasts_until_the_successor_is_heard_not_what_was_on_its_way() {
    let mut call = good();
    let began = call.began;
    let stretch = |from, to, sound| Stretch { from: began + at(from), to: began + at(to), sound };
    let interview = interview(&mut call);
    interview.heard = vec![stretch(3_000, 3_500, Sound::Voice(ANSWER)), stretch(4_200, 5_000, Sound::Music)];
    interview.arrivals = vec![began + at(3_000), began + at(3_150), began + at(4_200)];
    assert_eq!(gap(&call, began + at(3_100)), Some(at(700)));
    interview_of_nobody(&mut call);
    assert_eq!(gap(&call, began + at(3_100)), Some(at(1_500)), "nobody ever spoke again");
}

#[test]
fn who_hears_their_answer_out_of_what_the_carrier_has_is_not_waiting_for_a_relay() {
    let mut call = good();
    let began = call.began;
    let interview = interview(&mut call);
    interview.heard = vec![Stretch { from: began + at(3_000), to: began + at(5_000), sound: Sound::Voice(ANSWER) }];
    interview.owed = vec![(began + at(2_000), began + at(5_000)), (began + at(8_000), began + at(9_500))];
    interview.arrivals = vec![began + at(3_000), began + at(8_800)];
    assert_eq!(gap(&call, began + at(3_500)), Some(Duration::ZERO), "the next question is not the fault's");
}

fn interview_of_nobody(call: &mut Evidence) {
    let interview = interview(call);
    interview.heard.pop();
    interview.arrivals.truncate(2);
}

#[test]
fn gaps_are_those_of_the_calls_that_were_hit() {
    let call = good();
    let hits = [
        kill(&call, 2_400),
        Hit { calls: Some(Vec::new()), ..kill(&call, 2_500) },
        Hit { fault: Fault::DropModel { pick: 0 }, calls: None, ..kill(&call, 2_500) },
    ];
    let calls = [call.clone()];
    assert_eq!(gaps(&calls, &hits).iter().map(|(gap, ..)| *gap).collect::<Vec<_>>(), [at(600)]);
}

#[test]
fn percentiles_are_of_the_values_themselves() {
    let values: Vec<u32> = (1..=200).collect();
    assert_eq!((percentile(&values, 50), percentile(&values, 99)), (Some(100), Some(198)));
    assert_eq!((percentile(&[7], 99), percentile::<u32>(&[], 50)), (Some(7), None));
}
