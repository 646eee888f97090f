//! A caller with questions: asks one after the other, hears each answer out, and asks again like a person when nothing
//! but silence or music comes.
//!
//! Both sides hum ([`crate::hum`]), so what was said and heard is known word for word, and is noted with its time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::timeline::{Act, FRAME};
use crate::hum::{Ear, Part, hum, is_music};
use crate::model::script::{self as model, Script, Turn};

/// Nothing but silence or music for so long, and a person asks again.
const PATIENCE: Duration = Duration::from_secs(8);
/// Asked to say it again, or told that the line was gone, a person does so sooner.
const PROMPTED: Duration = Duration::from_millis(2_500);
/// Between the end of an answer and the next question; and so long nobody must be speaking.
const BREATH: Duration = Duration::from_millis(700);
/// A person who has asked the same thing so often hangs up.
const MOST_ATTEMPTS: u32 = 4;
/// Ticks that far apart are one stretch of sound.
const SEAM: Duration = Duration::from_millis(60);
const TICK: Duration = Duration::from_millis(20);
/// So much of an ending, in samples, and the sentence was heard out; so much of an opening, and it was begun.
const ENOUGH: u64 = 800;

/// What is asked, and what is to be heard of it.
#[derive(Debug, Clone)]
pub struct Questions {
    /// The words of each tone.
    pub texts: Vec<String>,
    pub greeting: Option<u8>,
    /// What the agent says when it wants to be told again: it is back, or did not understand.
    pub prompts: Vec<u8>,
    /// Tones of a question and of the last words of its answer.
    pub exchanges: Vec<(u8, u8)>,
}

impl Questions {
    /// The first so many questions that a recognising model has answers to.
    pub fn of(script: &Script, most: usize) -> Self {
        let first = |acts: &[model::Act]| {
            acts.iter().find_map(|act| match act {
                model::Act::Say { text, .. } => script.tone(text),
                _ => None,
            })
        };
        let exchange = |turn: &Turn| Some((script.tone(&turn.heard)?, script.tone(script.answer_of(turn)?)?));
        let exchanges = script.turns.iter().filter_map(exchange);
        Self {
            texts: script.vocabulary.clone(),
            greeting: first(&script.greeting),
            prompts: [&script.resumed, &script.unclear].into_iter().filter_map(|acts| first(acts)).collect(),
            exchanges: exchanges.take(most).collect(),
        }
    }
}

/// A question that was put, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub tone: u8,
    pub began: Instant,
    /// `None`: the line broke before it was said to its end.
    pub ended: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sound {
    Voice(u8),
    Music,
    /// Neither of ours.
    Noise,
}

/// A stretch of one sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub from: Instant,
    pub to: Instant,
    pub sound: Sound,
}

/// Everything that was asked and heard.
#[derive(Debug, Clone, Default)]
pub struct InterviewReport {
    pub questions: usize,
    pub answered: usize,
    pub asked: Vec<Asked>,
    pub heard: Vec<Stretch>,
    /// How often each tone was begun and how often it was heard to its end.
    pub begun: BTreeMap<u8, u32>,
    pub ended: BTreeMap<u8, u32>,
    /// When something was owed to the caller.
    pub owed: Vec<(Instant, Instant)>,
    /// When sound arrived from the server.
    pub arrivals: Vec<Instant>,
    /// The longest silence while something was owed, and when it began.
    pub longest_silence: Duration,
    pub longest_silence_from: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// For the first words.
    Listening,
    /// Nobody owes anybody anything.
    Breathing {
        since: Instant,
    },
    Asking,
    Waiting,
    Done,
}

#[derive(Debug)]
pub(super) struct Interview {
    questions: Arc<Questions>,
    next: usize,
    attempts: u32,
    state: State,
    saying: Bytes,
    ear: Ear,
    /// Samples of a tone's opening and ending since it was last counted.
    edges: BTreeMap<(u8, Part), u64>,
    voice_at: Instant,
    /// The last sound of any kind, or the last moment at which none was owed.
    sound_at: Instant,
    prompted: bool,
    owed: bool,
    streams: u32,
    report: InterviewReport,
}

impl Interview {
    pub(super) fn new(questions: Arc<Questions>, now: Instant) -> Self {
        let report = InterviewReport { questions: questions.exchanges.len(), ..InterviewReport::default() };
        Self {
            questions,
            next: 0,
            attempts: 0,
            state: State::Listening,
            saying: Bytes::new(),
            ear: Ear::default(),
            edges: BTreeMap::new(),
            voice_at: now,
            sound_at: now,
            prompted: false,
            owed: false,
            streams: 0,
            report,
        }
    }

    pub(super) fn report(self) -> InterviewReport {
        self.report
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    pub(super) fn pausing(&self) -> bool {
        self.saying.is_empty()
    }

    pub(super) fn longest_silence_ms(&self) -> u64 {
        u64::try_from(self.report.longest_silence.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn sent_sound(&mut self, now: Instant) {
        self.report.arrivals.push(now);
    }

    /// Music, without a stream.
    pub(super) fn was_played(&mut self, from: Instant, to: Instant) {
        self.report.heard.push(Stretch { from, to, sound: Sound::Music });
        self.report.arrivals.push(from);
        self.sound_at = to;
    }

    /// What was being said when the line broke was not said to its end.
    pub(super) fn connected(&mut self, now: Instant) {
        self.streams += 1;
        if self.streams == 1 {
            (self.voice_at, self.sound_at) = (now, now);
        } else if self.state == State::Asking {
            self.saying = Bytes::new();
            self.wait(now);
            self.prompted = true;
        }
    }

    pub(super) fn frame(&mut self) -> Bytes {
        const SILENCE: [u8; FRAME] = [0xFF; FRAME];
        let mut frame = self.saying.split_to(FRAME.min(self.saying.len())).to_vec();
        frame.extend_from_slice(SILENCE.get(frame.len()..).unwrap_or_default());
        Bytes::from(frame)
    }

    pub(super) fn tick(&mut self, heard: &[u8], audible: bool, now: Instant) -> Vec<Act> {
        let ended = self.listen(heard, audible, now);
        self.measure_silence(now);
        self.act(&ended, now)
    }

    /// Notes what is heard. Returns the tones that have just been heard out.
    fn listen(&mut self, heard: &[u8], audible: bool, now: Instant) -> Vec<u8> {
        self.ear.hear(heard);
        let tally = self.ear.take();
        let sound = match tally.most() {
            Some(tone) => Some(Sound::Voice(tone)),
            None if !audible => None,
            None if is_music(heard) => Some(Sound::Music),
            None => Some(Sound::Noise),
        };
        if let Some(sound) = sound {
            self.note(sound, now);
        }
        let parts: Vec<_> = tally.parts().collect();
        parts
            .into_iter()
            .filter(|&(tone, part, samples)| self.follow(tone, part, samples.0))
            .map(|(tone, ..)| tone)
            .collect()
    }

    fn note(&mut self, sound: Sound, now: Instant) {
        self.sound_at = now;
        if matches!(sound, Sound::Voice(_)) {
            self.voice_at = now;
        }
        match self.report.heard.last_mut() {
            Some(last) if last.sound == sound && now - last.to <= SEAM => last.to = now,
            _ => {
                let from = now.checked_sub(TICK).unwrap_or(now);
                self.report.heard.push(Stretch { from, to: now, sound });
            }
        }
    }

    /// Counts beginnings and ends of sentences. True if this makes an end.
    fn follow(&mut self, tone: u8, part: Part, samples: u64) -> bool {
        if part == Part::Body {
            self.edges.remove(&(tone, Part::Opening));
            self.edges.remove(&(tone, Part::Ending));
            return false;
        }
        let edge = self.edges.entry((tone, part)).or_default();
        let before = *edge;
        *edge += samples;
        let counts = before < ENOUGH && *edge >= ENOUGH;
        let total = if part == Part::Opening { &mut self.report.begun } else { &mut self.report.ended };
        *total.entry(tone).or_default() += u32::from(counts);
        counts && part == Part::Ending
    }

    fn measure_silence(&mut self, now: Instant) {
        // Who was asked to say it again is not waiting for anybody.
        let owed = self.state == State::Listening || self.state == State::Waiting && !self.prompted;
        let was_owed = std::mem::replace(&mut self.owed, owed);
        if !owed {
            self.sound_at = now;
            return;
        }
        match self.report.owed.last_mut() {
            Some((_, to)) if was_owed => *to = now,
            _ => self.report.owed.push((now, now)),
        }
        let silence = now - self.sound_at;
        if silence > self.report.longest_silence {
            self.report.longest_silence = silence;
            self.report.longest_silence_from = Some(self.sound_at);
        }
    }

    fn act(&mut self, ended: &[u8], now: Instant) -> Vec<Act> {
        match self.state {
            State::Listening => self.on_listening(ended, now),
            State::Breathing { since } => self.on_breathing(since, now),
            State::Asking => {
                if self.saying.is_empty() {
                    self.said(now);
                }
                Vec::new()
            }
            State::Waiting => self.on_waiting(ended, now),
            State::Done => Vec::new(),
        }
    }

    fn on_listening(&mut self, ended: &[u8], now: Instant) -> Vec<Act> {
        let greeted = ended.iter().any(|tone| self.questions.greeting == Some(*tone) || self.is_prompt(*tone));
        if greeted || now - self.voice_at >= PATIENCE {
            self.state = State::Breathing { since: now };
        }
        Vec::new()
    }

    fn on_breathing(&mut self, since: Instant, now: Instant) -> Vec<Act> {
        if now - since < BREATH || now - self.voice_at < BREATH {
            return Vec::new();
        }
        if self.next == self.questions.exchanges.len() {
            self.state = State::Done;
            return vec![Act::HangUp];
        }
        self.ask(now)
    }

    fn on_waiting(&mut self, ended: &[u8], now: Instant) -> Vec<Act> {
        let Some((_, answer)) = self.questions.exchanges.get(self.next) else { return Vec::new() };
        if ended.contains(answer) {
            self.report.answered += 1;
            (self.next, self.attempts, self.prompted) = (self.next + 1, 0, false);
            self.state = State::Breathing { since: now };
            return Vec::new();
        }
        self.prompted |= ended.iter().any(|tone| self.is_prompt(*tone));
        let patience = if self.prompted { PROMPTED } else { PATIENCE };
        if now - self.voice_at < patience {
            return Vec::new();
        }
        if self.attempts >= MOST_ATTEMPTS {
            let what = format!("question {} was asked {} times and not answered", self.next + 1, self.attempts);
            return vec![Act::GiveUp(what)];
        }
        self.ask(now)
    }

    fn is_prompt(&self, tone: u8) -> bool {
        self.questions.prompts.contains(&tone)
    }

    fn ask(&mut self, now: Instant) -> Vec<Act> {
        let Some(&(tone, _)) = self.questions.exchanges.get(self.next) else { return Vec::new() };
        let text = self.questions.texts.get(usize::from(tone)).map_or("", String::as_str);
        self.saying = hum(tone, text);
        self.attempts += 1;
        self.state = State::Asking;
        self.report.asked.push(Asked { tone, began: now, ended: None });
        vec![Act::Speak]
    }

    fn said(&mut self, now: Instant) {
        if let Some(asked) = self.report.asked.last_mut() {
            asked.ended = Some(now);
        }
        self.wait(now);
    }

    fn wait(&mut self, now: Instant) {
        self.state = State::Waiting;
        self.prompted = false;
        (self.voice_at, self.sound_at) = (now, now);
    }
}

#[cfg(test)]
mod tests;
