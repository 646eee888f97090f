use super::*;

const SCRIPT: &str = "recognise\ngreeting\n  say \"Good day to you.\"\nresumed\n  say \"I am back.\"\nhear \"Open?\"\n  \
    say \"Till six in the evening.\"\nhear \"Soup?\"\n  say \"I look.\"\n  call lookup_menu {}\n\
    result lookup_menu\n  say \"Tomato and basil soup.\"";

/// An interview on a line of its own, in its own time.
struct Line {
    script: Script,
    interview: Interview,
    now: Instant,
    spoken: Vec<u8>,
    acts: Vec<Act>,
}

impl Line {
    fn new() -> Self {
        let (script, now) = (SCRIPT.parse::<Script>().unwrap(), Instant::now());
        let mut interview = Interview::new(Arc::new(Questions::of(&script, 9)), now);
        interview.connected(now);
        Self { script, interview, now, spoken: Vec::new(), acts: Vec::new() }
    }

    fn hear(&mut self, sound: &[u8]) {
        for frame in sound.chunks(FRAME) {
            self.now += TICK;
            let audible = crate::sound::loudness(frame) > 150.0;
            self.acts.extend(self.interview.tick(frame, audible, self.now));
            let said = self.interview.frame();
            self.spoken.extend_from_slice(&said);
        }
    }

    fn quiet(&mut self, ms: usize) {
        self.hear(&vec![0xFF; ms * 8]);
    }

    fn agent(&mut self, text: &str) {
        let sound = hum(self.script.tone(text).unwrap(), text);
        self.hear(&sound);
    }

    /// What the caller has said since this was asked last.
    fn said(&mut self) -> Vec<&str> {
        let mut ear = Ear::default();
        ear.hear(&std::mem::take(&mut self.spoken));
        ear.hear(&[0xFF]);
        let heard = ear.take().heard().filter(|heard| heard.ended);
        heard.into_iter().map(|heard| self.script.vocabulary[usize::from(heard.tone)].as_str()).collect()
    }
}

#[test]
fn questions_are_asked_one_after_the_other_and_then_the_caller_hangs_up() {
    let mut line = Line::new();
    line.agent("Good day to you.");
    line.quiet(2_500);
    assert_eq!(line.said(), ["Open?"]);
    line.agent("Till six in the evening.");
    line.quiet(2_500);
    assert_eq!(line.said(), ["Soup?"]);
    line.agent("I look.");
    line.quiet(300);
    line.agent("Tomato and basil soup.");
    line.quiet(1_000);
    assert_eq!(line.acts, [Act::Speak, Act::Speak, Act::HangUp]);
    let report = line.interview.report();
    assert_eq!((report.questions, report.answered, report.asked.len()), (2, 2, 2));
    assert!(report.asked.iter().all(|asked| asked.ended.is_some()));
    assert_eq!(report.begun, report.ended);
    assert_eq!(report.owed.len(), 3);
}

#[test]
fn what_is_not_answered_is_asked_again_and_not_for_ever() {
    let mut line = Line::new();
    line.agent("Good day to you.");
    line.quiet(2_500);
    assert_eq!(line.said(), ["Open?"]);
    line.quiet(10_000);
    assert_eq!(line.said(), ["Open?"]);
    line.quiet(40_000);
    assert!(matches!(line.acts.last(), Some(Act::GiveUp(_))), "{:?}", line.acts);
    assert!(line.interview.longest_silence_ms() >= 7_000);
}

#[test]
fn music_is_no_answer_but_no_silence_either() {
    let mut line = Line::new();
    line.agent("Good day to you.");
    line.quiet(1_700);
    let music = shared::audio::hold_music::Piece::built_in();
    line.hear(&music.rising(shared::time::Samples(9), shared::time::Samples(8 * 7_000)).decode());
    assert_eq!(line.said(), ["Open?"]);
    assert!(line.interview.longest_silence_ms() < 500, "{}", line.interview.longest_silence_ms());
    assert!(line.interview.report.heard.iter().any(|stretch| stretch.sound == Sound::Music));
    line.quiet(3_000);
    assert_eq!(line.said(), ["Open?"], "asked again");
}

#[test]
fn half_an_answer_is_no_answer_and_a_prompt_is_heeded() {
    let mut line = Line::new();
    line.agent("Good day to you.");
    line.quiet(2_500);
    let answer = hum(line.script.tone("Till six in the evening.").unwrap(), "Till six in the evening.");
    line.hear(&answer[..answer.len() / 2]);
    line.said();
    line.agent("I am back.");
    line.quiet(4_000);
    assert_eq!(line.said(), ["Open?"]);
    let tone = line.script.tone("Till six in the evening.").unwrap();
    assert_eq!((line.interview.report.begun.get(&tone), line.interview.report.ended.get(&tone)), (Some(&1), None));
}

#[test]
fn a_question_that_the_line_broke_off_is_not_said_to_its_end() {
    let mut line = Line::new();
    line.agent("Good day to you.");
    line.quiet(900);
    line.interview.connected(line.now);
    line.quiet(4_000);
    assert_eq!(line.interview.report.asked[0].ended, None);
    assert!(line.interview.report.asked[1].ended.is_some());
}
