//! What the person on the line does: a small file of stage directions, played to what they hear.
//!
//! ```text
//! patience 15s                # a step fails if the agent has not been heard for this long
//! comfort noise               # a little noise where there would be silence
//! wait for agent              # until the agent has spoken and is silent again
//! wait for 2500ms of agent    # until so much of the agent has been heard: what follows cuts in
//! wait for silence            # until the agent has not been heard for a moment
//! wait 500ms
//! say hello "Hello?"          # NAME.ulaw, and its text; without a name a murmur as long as the text
//! press 5                     # a key of the telephone: a digit, * or pound
//! hang up                     # also what happens when the script is over
//! wait for the end            # until the other side hangs up
//! ```
//!
//! A step begins when the one before it is done; a `say` is done when it has been said.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::assets::{PHARMACY_CALLER, Sounds};
use crate::lines::{Cursor, ScriptError, lines};
use crate::model::script::{LoadError, murmur};

/// A frame: 20 ms of µ-law.
pub const FRAME: usize = 160;
const FRAME_MS: u64 = 20;
/// So long without a sound, and the agent has finished.
const FINISHED_MS: u64 = 800;
/// So much sound is somebody speaking, and not a click.
const SPOKEN_MS: u64 = 100;

/// Everything a caller will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    patience: Duration,
    comfort_noise: bool,
    steps: Vec<(usize, Step)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    WaitForAgent,
    WaitForSome(u64),
    WaitForSilence,
    Wait(u64),
    WaitForEnd,
    Say(Bytes),
    Press(char),
    HangUp,
}

impl Script {
    /// The demo's.
    #[allow(clippy::expect_used, reason = "a constant that a test parses")]
    pub fn pharmacy() -> Self {
        PHARMACY_CALLER.parse().expect("the demo's script")
    }

    /// Says nothing for this long, then hangs up.
    pub fn listen(length: Duration) -> Self {
        let steps = vec![(1, Step::Wait(millis(length))), (2, Step::HangUp)];
        Self { steps, ..Self::default() }
    }

    /// Reads a script file; its sounds are looked for beside it.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let text = std::fs::read_to_string(path).map_err(LoadError::Unreadable)?;
        Ok(Self::parse(&text, &path.parent().map_or_else(Sounds::default, Sounds::beside))?)
    }

    pub fn parse(text: &str, sounds: &Sounds) -> Result<Self, ScriptError> {
        let mut script = Self::default();
        for mut line in lines(text) {
            match line.expect("a direction")? {
                "patience" => script.patience = line.duration()?,
                "comfort" if line.takes("noise") => script.comfort_noise = true,
                word => {
                    let step = step(word, &mut line, sounds)?;
                    script.steps.push((line.number(), step));
                }
            }
            line.end()?;
        }
        Ok(script)
    }
}

impl Default for Script {
    fn default() -> Self {
        Self { patience: Duration::from_secs(15), comfort_noise: false, steps: Vec::new() }
    }
}

impl FromStr for Script {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        Self::parse(text, &Sounds::default())
    }
}

fn step(word: &str, line: &mut Cursor<'_>, sounds: &Sounds) -> Result<Step, ScriptError> {
    match word {
        "say" => {
            let name = line.word();
            let text = line.text()?;
            let sound = name.map_or_else(|| Some(murmur(&text)), |name| sounds.find(name));
            sound.map(Step::Say).ok_or_else(|| line.error(format!("no sound `{}`", name.unwrap_or_default())))
        }
        "press" => {
            let key = line.expect("a key")?;
            let key = if key == "pound" { "#" } else { key };
            let digit = key.chars().next().filter(|digit| key.len() == 1 && "0123456789*#".contains(*digit));
            digit.map(Step::Press).ok_or_else(|| line.error(format!("`{key}` is no key")))
        }
        "hang" if line.takes("up") => Ok(Step::HangUp),
        "wait" if line.takes("for") => wait_for(line),
        "wait" => Ok(Step::Wait(millis(line.duration()?))),
        _ => Err(line.error(format!("`{word}` is no direction"))),
    }
}

fn wait_for(line: &mut Cursor<'_>) -> Result<Step, ScriptError> {
    if line.takes("agent") {
        return Ok(Step::WaitForAgent);
    }
    if line.takes("silence") {
        return Ok(Step::WaitForSilence);
    }
    if line.takes("the") && line.takes("end") {
        return Ok(Step::WaitForEnd);
    }
    let length = line.duration()?;
    if line.takes("of") && line.takes("agent") {
        return Ok(Step::WaitForSome(millis(length)));
    }
    Err(line.error("wait for what?"))
}

/// What the caller does besides being heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A `say` begins.
    Speak,
    Press(char),
    HangUp,
    /// What was waited for did not come: the caller gives up.
    GiveUp(String),
}

/// A script being played, 20 ms at a time.
#[derive(Debug)]
pub struct Timeline {
    script: Arc<Script>,
    index: usize,
    begun: bool,
    saying: Bytes,
    /// In this step, so far.
    heard_ms: u64,
    waited_ms: u64,
    /// Since the agent was heard last.
    quiet_ms: u64,
    /// Since the agent was heard last, or since this step began.
    missed_ms: u64,
    longest_silence_ms: u64,
    noise: fastrand::Rng,
}

impl Timeline {
    pub fn new(script: Arc<Script>) -> Self {
        let noise = fastrand::Rng::with_seed(1);
        Self {
            script,
            index: 0,
            begun: false,
            saying: Bytes::new(),
            heard_ms: 0,
            waited_ms: 0,
            quiet_ms: 0,
            missed_ms: 0,
            longest_silence_ms: 0,
            noise,
        }
    }

    /// The longest the caller heard nothing while waiting for the agent to say something.
    pub fn longest_silence_ms(&self) -> u64 {
        self.longest_silence_ms
    }

    /// Nothing is left to do but to be hung up on.
    pub fn is_played(&self) -> bool {
        self.script
            .steps
            .get(self.index..)
            .unwrap_or_default()
            .iter()
            .all(|(_, step)| matches!(step, Step::WaitForEnd | Step::HangUp))
    }

    /// Another 20 ms have passed, in which the agent was heard or not.
    pub fn tick(&mut self, audible: bool) -> Vec<Act> {
        self.listen(audible);
        let mut acts = Vec::new();
        while let Some((line, step)) = self.script.clone().steps.get(self.index) {
            acts.extend(self.begin(step));
            if !self.is_done(step) {
                acts.extend(self.lost_patience(*line, step));
                return acts;
            }
            self.index += 1;
            (self.begun, self.heard_ms, self.waited_ms, self.missed_ms) = (false, 0, 0, 0);
        }
        acts.push(Act::HangUp);
        acts
    }

    /// The next 20 ms of what the caller says: speech, silence, or noise.
    pub fn frame(&mut self) -> Bytes {
        if self.saying.is_empty() {
            return self.pause();
        }
        let mut frame = self.saying.split_to(FRAME.min(self.saying.len()));
        if frame.len() < FRAME {
            let filled: Vec<u8> = frame.iter().copied().chain(std::iter::repeat(0xFF)).take(FRAME).collect();
            frame = Bytes::from(filled);
        }
        frame
    }

    /// Nothing is being said right now.
    pub fn pausing(&self) -> bool {
        self.saying.is_empty()
    }

    fn pause(&mut self) -> Bytes {
        const SILENCE: [u8; FRAME] = [0xFF; FRAME];
        if !self.script.comfort_noise {
            return Bytes::from_static(&SILENCE);
        }
        // The quietest steps of µ-law, of either sign.
        (0..FRAME).map(|_| self.noise.u8(0xFA..=0xFF) & if self.noise.bool() { 0xFF } else { 0x7F }).collect()
    }

    fn listen(&mut self, audible: bool) {
        self.waited_ms += FRAME_MS;
        if audible {
            self.heard_ms += FRAME_MS;
            (self.quiet_ms, self.missed_ms) = (0, 0);
        } else {
            self.quiet_ms += FRAME_MS;
            self.missed_ms += FRAME_MS;
        }
        if self.expecting() {
            self.longest_silence_ms = self.longest_silence_ms.max(self.missed_ms);
        }
    }

    fn expecting(&self) -> bool {
        match self.script.steps.get(self.index) {
            Some((_, Step::WaitForAgent)) => self.heard_ms < SPOKEN_MS,
            Some((_, Step::WaitForSome(_))) => true,
            _ => false,
        }
    }

    fn begin(&mut self, step: &Step) -> Option<Act> {
        if std::mem::replace(&mut self.begun, true) {
            return None;
        }
        match step {
            Step::Say(sound) => {
                self.saying = sound.clone();
                Some(Act::Speak)
            }
            Step::Press(digit) => Some(Act::Press(*digit)),
            Step::HangUp => Some(Act::HangUp),
            _ => None,
        }
    }

    fn is_done(&self, step: &Step) -> bool {
        match step {
            Step::WaitForAgent => self.heard_ms >= SPOKEN_MS && self.quiet_ms >= FINISHED_MS,
            Step::WaitForSome(ms) => self.heard_ms >= *ms,
            Step::WaitForSilence => self.quiet_ms >= FINISHED_MS,
            Step::Wait(ms) => self.waited_ms >= *ms,
            Step::Say(_) => self.saying.is_empty(),
            Step::Press(_) => true,
            Step::WaitForEnd | Step::HangUp => false,
        }
    }

    fn lost_patience(&self, line: usize, step: &Step) -> Option<Act> {
        let for_agent = matches!(step, Step::WaitForAgent | Step::WaitForSome(_) | Step::WaitForEnd);
        let lost = for_agent && self.missed_ms >= millis(self.script.patience);
        lost.then(|| {
            Act::GiveUp(format!("line {line} of the caller's script waited in vain: {} ms of nothing", self.missed_ms))
        })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(script: &str) -> Timeline {
        Timeline::new(Arc::new(script.parse().unwrap()))
    }

    /// Plays so many milliseconds; what was done, and when.
    fn play(timeline: &mut Timeline, ms: u64, audible: bool) -> Vec<(u64, Act)> {
        let ticks = (1..=ms / FRAME_MS).map(|tick| tick * FRAME_MS);
        ticks
            .flat_map(|at| {
                let acts = timeline.tick(audible);
                timeline.frame();
                acts.into_iter().map(move |act| (at, act))
            })
            .collect()
    }

    #[test]
    fn the_demos_script_is_understood() {
        let script = Script::pharmacy();
        assert_eq!(script.steps.iter().filter(|(_, step)| matches!(step, Step::Say(_))).count(), 3);
    }

    #[test]
    fn the_caller_speaks_once_the_agent_has_finished() {
        let mut timeline = timeline("wait for agent\nsay \"hm\"\nwait for the end");
        assert_eq!(play(&mut timeline, 1_000, false), []);
        assert_eq!(play(&mut timeline, 500, true), []);
        assert_eq!(play(&mut timeline, 300, false), []);
        assert_eq!(play(&mut timeline, 500, true), [], "a pause for breath is not the end");
        assert_eq!(play(&mut timeline, 2_000, false), [(800, Act::Speak)]);
        assert_eq!(timeline.longest_silence_ms(), 1_000);
    }

    #[test]
    fn the_caller_cuts_in_after_so_much_of_the_agent() {
        let mut timeline = timeline("wait for 700ms of agent\nsay \"no\"");
        play(&mut timeline, 400, true);
        play(&mut timeline, 400, false);
        assert_eq!(play(&mut timeline, 400, true)[0], (300, Act::Speak));
    }

    #[test]
    fn what_is_said_is_said_in_frames_and_then_the_line_is_silent() {
        let mut timeline = timeline("say \"hm\"\nwait for the end");
        let said = murmur("hm");
        let frames: Vec<u8> = (0..40)
            .flat_map(|_| {
                timeline.tick(false);
                timeline.frame()
            })
            .collect();
        assert_eq!(frames.len(), 40 * FRAME);
        assert_eq!(&frames[..said.len()], &said[..]);
        assert!(frames[said.len()..].iter().all(|&byte| byte == 0xFF));
    }

    #[test]
    fn keys_are_pressed_and_the_end_of_the_script_hangs_up() {
        let mut timeline = timeline("wait 100ms\npress 5\npress pound");
        let acts = play(&mut timeline, 100, false);
        assert_eq!(acts, [(100, Act::Press('5')), (100, Act::Press('#')), (100, Act::HangUp)]);
    }

    #[test]
    fn a_caller_who_hears_nothing_gives_up() {
        let mut timeline = timeline("patience 2s\n\nwait for agent");
        let acts = play(&mut timeline, 2_000, false);
        assert!(matches!(&acts[..], [(2_000, Act::GiveUp(why))] if why.starts_with("line 3")), "{acts:?}");
    }

    #[test]
    fn comfort_noise_is_heard_by_nobody() {
        let mut timeline = timeline("comfort noise\nwait for the end");
        let noise = timeline.frame();
        assert!(noise.iter().any(|&byte| byte != 0xFF) && crate::sound::loudness(&noise) < 50.0);
    }
}
