//! What the scripted model says, does, and gets wrong: a small file of stage directions.
//!
//! ```text
//! think 350ms            # from the request for a response to its first item
//! pace 6                 # audio is sent six times as fast as it plays; 0 sends it at once
//! deltas 400..3200       # bytes of one audio delta, drawn at random; one number means always this many
//! seed 7                 # of everything drawn at random
//! session 60m            # `session_expired` after this long (also s, ms)
//! keep audio             # remember all audio that was appended, for tests
//! echo                   # no script: every appended payload comes back byte for byte
//! recognise              # each text has a pitch of its own, and is known by it: see below
//!
//! greeting               # the reply to the first request, before anybody has spoken
//!   say agent-hello "Hello!"          # NAME.ulaw, and its text; without a name a murmur as long as the text
//! hear "Is it ready?"    # the caller's first utterance is transcribed as this; the second `hear` is the second
//!   say "One moment."
//!   call lookup {"id": 7}
//! result lookup          # the reply once `lookup` has given its result
//!   say "It is."
//! pressed "4711"         # the reply when the caller has pressed these keys, and the model was told so
//!   say "Thank you."
//! told "say once more"   # the reply to a request whose instructions contain this, whatever happened before
//!   say "It is."
//! otherwise              # the reply to anything else; "I have nothing more to say." if there is none
//!   fail server_error    # the response ends as failed, with this code
//!
//! resumed                # recognising: when asked to go on and everything is answered
//! unclear                # recognising: the reply to an utterance whose end was not heard
//!
//! fault status 429       # the handshake is refused; also: garbage | stall | drop | close CODE
//! fault drop after 3s sessions 1      # only from then on, and only in the first so many sessions
//! ```
//!
//! Without `recognise` the first utterance is the first `hear`, whatever it sounds like. With it, which must come first,
//! an utterance is the `hear` whose hum it is, and a session that is told what was said before knows what is not
//! answered yet: sessions share nothing but what they are told.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;

use crate::assets::{PHARMACY_MODEL, Sounds};
use crate::hum::{TONES, hum};
use crate::lines::{Cursor, ScriptError, lines};

/// Everything a scripted model needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    pub think: Duration,
    /// Times real time; 0 is at once.
    pub pace: f64,
    /// Bytes of one audio delta.
    pub deltas: RangeInclusive<usize>,
    pub seed: u64,
    /// The session expires after this long.
    pub session: Duration,
    pub keep_audio: bool,
    pub echo: bool,
    pub recognise: bool,
    /// The texts that are told apart; the place of one is its tone.
    pub vocabulary: Vec<String>,
    pub greeting: Vec<Act>,
    pub turns: Vec<Turn>,
    pub results: BTreeMap<String, Vec<Act>>,
    pub pressed: BTreeMap<String, Vec<Act>>,
    pub told: BTreeMap<String, Vec<Act>>,
    pub otherwise: Vec<Act>,
    pub resumed: Vec<Act>,
    pub unclear: Vec<Act>,
    pub faults: Vec<Fault>,
}

/// An utterance of the caller's and the reply to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    pub heard: String,
    pub reply: Vec<Act>,
}

impl Turn {
    /// The tool that the reply calls, if it does.
    pub fn tool(&self) -> Option<&str> {
        self.reply.iter().find_map(|act| match act {
            Act::Call { name, .. } => Some(name.as_str()),
            Act::Say { .. } | Act::Fail { .. } => None,
        })
    }
}

/// One item of a reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    Say { text: String, sound: Bytes },
    Call { name: String, arguments: String },
    Fail { code: String },
}

/// Something that goes wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// Counted from the opening of the session.
    pub after: Duration,
    /// Only this many sessions of a server are affected.
    pub sessions: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The handshake is answered with this status.
    Status(u16),
    /// Frames that are no JSON, or of no known type, come between the others.
    Garbage,
    /// The socket stays open and nothing more comes.
    Stall,
    /// The connection is gone without a close frame.
    Drop,
    Close(u16),
}

impl Script {
    /// The demo's.
    #[allow(clippy::expect_used, reason = "a constant that a test parses")]
    pub fn pharmacy() -> Self {
        PHARMACY_MODEL.parse().expect("the demo's script")
    }

    /// Sends back what it hears.
    pub fn echo() -> Self {
        Self { echo: true, ..Self::default() }
    }

    /// Reads a script file; its sounds are looked for beside it.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let text = std::fs::read_to_string(path).map_err(LoadError::Unreadable)?;
        let sounds = path.parent().map_or_else(Sounds::default, Sounds::beside);
        Ok(Self::parse(&text, &sounds)?)
    }

    pub fn parse(text: &str, sounds: &Sounds) -> Result<Self, ScriptError> {
        let mut reader = Reader { script: Self::default(), sounds, block: None };
        lines(text).try_for_each(|line| reader.line(line))?;
        Ok(reader.script)
    }

    /// Which tone this text has, if the script knows it and tells texts apart.
    pub fn tone(&self, text: &str) -> Option<u8> {
        let place = self.vocabulary.iter().position(|known| known == text)?;
        u8::try_from(place).ok()
    }

    /// The turn whose question sounds like this.
    pub fn turn_of(&self, tone: u8) -> Option<usize> {
        self.turns.iter().position(|turn| self.tone(&turn.heard) == Some(tone))
    }

    /// The last words of the answer to a turn, which are the answer itself.
    pub fn answer_of<'a>(&'a self, turn: &'a Turn) -> Option<&'a str> {
        let result = turn.tool().and_then(|tool| self.results.get(tool));
        result.unwrap_or(&turn.reply).iter().rev().find_map(|act| match act {
            Act::Say { text, .. } => Some(text.as_str()),
            Act::Call { .. } | Act::Fail { .. } => None,
        })
    }

    /// The faults of the `number`th session, counted from 1.
    pub fn faults_of(&self, number: u32) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(move |fault| number <= fault.sessions)
    }
}

/// Why a script could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("the script cannot be read")]
    Unreadable(#[source] std::io::Error),
    #[error(transparent)]
    Script(#[from] ScriptError),
}

impl Default for Script {
    fn default() -> Self {
        Self {
            think: Duration::from_millis(300),
            pace: 8.0,
            deltas: 1_600..=1_600,
            seed: 1,
            session: Duration::from_secs(60 * 60),
            keep_audio: false,
            echo: false,
            recognise: false,
            vocabulary: Vec::new(),
            greeting: Vec::new(),
            turns: Vec::new(),
            results: BTreeMap::new(),
            pressed: BTreeMap::new(),
            told: BTreeMap::new(),
            otherwise: vec![say("I have nothing more to say.")],
            resumed: Vec::new(),
            unclear: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl FromStr for Script {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        Self::parse(text, &Sounds::default())
    }
}

/// Which reply the indented lines belong to.
enum Block {
    Greeting,
    Turn,
    Result(String),
    Pressed(String),
    Told(String),
    Otherwise,
    Resumed,
    Unclear,
}

struct Reader<'a> {
    script: Script,
    sounds: &'a Sounds,
    block: Option<Block>,
}

impl Reader<'_> {
    fn line(&mut self, mut line: Cursor<'_>) -> Result<(), ScriptError> {
        let word = line.expect("a direction")?;
        if line.indented() {
            let act = self.act(word, &mut line)?;
            self.reply().ok_or_else(|| line.error("belongs to no reply"))?.push(act);
        } else if !self.heading(word, &mut line)? {
            self.setting(word, &mut line)?;
        }
        line.end()
    }

    fn reply(&mut self) -> Option<&mut Vec<Act>> {
        match self.block.as_ref()? {
            Block::Greeting => Some(&mut self.script.greeting),
            Block::Turn => self.script.turns.last_mut().map(|turn| &mut turn.reply),
            Block::Result(name) => self.script.results.get_mut(name),
            Block::Pressed(keys) => self.script.pressed.get_mut(keys),
            Block::Told(what) => self.script.told.get_mut(what),
            Block::Otherwise => Some(&mut self.script.otherwise),
            Block::Resumed => Some(&mut self.script.resumed),
            Block::Unclear => Some(&mut self.script.unclear),
        }
    }

    fn heading(&mut self, word: &str, line: &mut Cursor<'_>) -> Result<bool, ScriptError> {
        self.block = Some(match word {
            "greeting" => Block::Greeting,
            "otherwise" => {
                self.script.otherwise.clear();
                Block::Otherwise
            }
            "hear" => {
                let heard = line.text()?;
                self.learn(&heard, line)?;
                self.script.turns.push(Turn { heard, reply: Vec::new() });
                Block::Turn
            }
            "resumed" => Block::Resumed,
            "unclear" => Block::Unclear,
            "result" => {
                let name = line.expect("the name of a tool")?.to_owned();
                self.script.results.insert(name.clone(), Vec::new());
                Block::Result(name)
            }
            "pressed" => {
                let keys = line.text()?;
                self.script.pressed.insert(keys.clone(), Vec::new());
                Block::Pressed(keys)
            }
            "told" => {
                let what = line.text()?;
                self.script.told.insert(what.clone(), Vec::new());
                Block::Told(what)
            }
            _ => return Ok(false),
        });
        Ok(true)
    }

    fn setting(&mut self, word: &str, line: &mut Cursor<'_>) -> Result<(), ScriptError> {
        self.block = None;
        let script = &mut self.script;
        match word {
            "think" => script.think = line.duration()?,
            "pace" => script.pace = line.parsed("a pace")?,
            "deltas" => script.deltas = range(line)?,
            "seed" => script.seed = line.parsed("a seed")?,
            "session" => script.session = line.duration()?,
            "echo" => script.echo = true,
            "recognise" => script.recognise = true,
            "keep" if line.takes("audio") => script.keep_audio = true,
            "fault" => script.faults.push(fault(line)?),
            _ => return Err(line.error(format!("`{word}` is no direction"))),
        }
        Ok(())
    }

    /// The tone of a text, which is a new one if the text is. Always 0 if texts are not told apart.
    fn learn(&mut self, text: &str, line: &Cursor<'_>) -> Result<u8, ScriptError> {
        if !self.script.recognise {
            return Ok(0);
        }
        if self.script.tone(text).is_none() {
            self.script.vocabulary.push(text.to_owned());
        }
        let tone = self.script.tone(text).filter(|tone| *tone < TONES);
        tone.ok_or_else(|| line.error(format!("more than {TONES} texts cannot be told apart")))
    }

    fn act(&mut self, word: &str, line: &mut Cursor<'_>) -> Result<Act, ScriptError> {
        match word {
            "say" => {
                let name = line.word();
                let text = line.text()?;
                let sound = match name {
                    Some(name) => self.sounds.find(name).ok_or_else(|| line.error(format!("no sound `{name}`")))?,
                    None if self.script.recognise => hum(self.learn(&text, line)?, &text),
                    None => murmur(&text),
                };
                Ok(Act::Say { text, sound })
            }
            "call" => {
                let name = line.expect("the name of a tool")?.to_owned();
                let arguments = line.rest().to_owned();
                serde_json::from_str::<serde::de::IgnoredAny>(&arguments)
                    .map_err(|_| line.error("the arguments are not JSON"))?;
                Ok(Act::Call { name, arguments })
            }
            "fail" => Ok(Act::Fail { code: line.expect("an error code")?.to_owned() }),
            _ => Err(line.error(format!("`{word}` is nothing to say or do"))),
        }
    }
}

fn say(text: &str) -> Act {
    Act::Say { text: text.to_owned(), sound: murmur(text) }
}

fn range(line: &mut Cursor<'_>) -> Result<RangeInclusive<usize>, ScriptError> {
    let word = line.expect("bytes, such as 1600 or 1..4000")?;
    let (from, to) = word.split_once("..").unwrap_or((word, word));
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) if 0 < from && from <= to => Ok(from..=to),
        _ => Err(line.error(format!("`{word}` is not a number of bytes, or a range of them"))),
    }
}

fn fault(line: &mut Cursor<'_>) -> Result<Fault, ScriptError> {
    let word = line.expect("a fault")?;
    let kind = match word {
        "status" => FaultKind::Status(line.parsed("an HTTP status")?),
        "garbage" => FaultKind::Garbage,
        "stall" => FaultKind::Stall,
        "drop" => FaultKind::Drop,
        "close" => FaultKind::Close(line.parsed("a close code")?),
        _ => return Err(line.error(format!("`{word}` is no fault"))),
    };
    let after = if line.takes("after") { line.duration()? } else { Duration::ZERO };
    let sessions = if line.takes("sessions") { line.parsed("a number of sessions")? } else { u32::MAX };
    Ok(Fault { kind, after, sessions })
}

/// Stands in for a voice: a quiet hum that rises and falls with every "syllable", 65 ms for each letter.
pub(crate) fn murmur(text: &str) -> Bytes {
    const BYTES_PER_LETTER: usize = 65 * 8;
    /// One swing of a 200 Hz hum, and how loud it may be, as µ-law bytes of both signs.
    const SWING: usize = 40;
    const QUIET: [u8; 4] = [0xD8, 0xD0, 0xCC, 0xC8];
    let length = text.chars().count().max(4) * BYTES_PER_LETTER;
    (0..length)
        .map(|at| {
            let loudness = QUIET[at / 400 % QUIET.len()];
            if at % SWING < SWING / 2 { loudness } else { loudness & 0x7F }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_script_is_understood() {
        let script = Script::pharmacy();
        assert_eq!(script.turns.len(), 3);
        assert!(matches!(&script.greeting[..], [Act::Say { sound, .. }] if sound.len() > 16_000));
        assert!(
            matches!(&script.turns[0].reply[..], [Act::Say { .. }, Act::Call { name, .. }] if name == "lookup_prescription")
        );
        assert!(script.results.contains_key("lookup_menu"));
    }

    #[test]
    fn keys_and_instructions_have_replies_of_their_own() {
        let script: Script = "pressed \"47\"\n  say \"Thanks.\"\ntold \"once more\"\n  fail e".parse().unwrap();
        assert_eq!((&script.pressed["47"][..], script.told["once more"].len()), (&[say("Thanks.")][..], 1));
    }

    #[test]
    fn faults_may_be_late_and_few() {
        let script: Script = "fault drop after 3s sessions 1\nfault close 1001".parse().unwrap();
        let drop = Fault { kind: FaultKind::Drop, after: Duration::from_secs(3), sessions: 1 };
        assert_eq!(script.faults_of(1).next(), Some(&drop));
        assert_eq!(script.faults_of(2).map(|fault| fault.kind).collect::<Vec<_>>(), [FaultKind::Close(1001)]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, error) in [
            ("greeting\n  sing \"la\"", "line 2: `sing` is nothing to say or do"),
            ("  say \"to whom\"", "line 1: belongs to no reply"),
            ("deltas 0", "line 1: `0` is not a number of bytes, or a range of them"),
            ("greeting\n  call it {not json}", "line 2: the arguments are not JSON"),
            ("greeting\n  say unknown-sound \"x\"", "line 2: no sound `unknown-sound`"),
            ("echo loudly", "line 1: `loudly` is too much here"),
        ] {
            assert_eq!(text.parse::<Script>().unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn texts_that_are_recognised_have_tones_of_their_own() {
        let text = "recognise\ngreeting\n  say \"Hello.\"\nhear \"Soup?\"\n  say \"I look.\"\n  call lookup_menu {}\n\
                    result lookup_menu\n  say \"Tomato.\"\nhear \"Bye?\"\n  say \"Hello.\"";
        let script: Script = text.parse().unwrap();
        assert_eq!(
            ["Hello.", "Soup?", "I look.", "Tomato.", "Bye?"].map(|text| script.tone(text).unwrap()),
            [0, 1, 2, 3, 4]
        );
        assert_eq!((script.turn_of(4), script.turn_of(0)), (Some(1), None));
        let answers: Vec<_> = script.turns.iter().map(|turn| script.answer_of(turn).unwrap()).collect();
        assert_eq!(answers, ["Tomato.", "Hello."]);
        assert_eq!(script.turns[1].reply, [Act::Say { text: "Hello.".to_owned(), sound: hum(0, "Hello.") }]);
    }

    #[test]
    fn a_murmur_is_as_long_as_its_text() {
        assert_eq!(murmur("ten letter").len(), 10 * 65 * 8);
        assert!(murmur("hm").iter().all(|&byte| byte != 0xFF));
    }
}
