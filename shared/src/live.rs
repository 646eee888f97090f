//! What consoles and the bridge say to each other over `/logs`: who watches, what they are shown, how it is packed.
//!
//! Every [`LiveEntry`] is an upsert with a [`Key`]: to be told twice does no harm, so that what was missed may be told again
//! and overlap what is told live. A [`Cursor`] says up to when all was told.

mod audience;
mod batch;
mod frames;

use serde::{Deserialize, Serialize};

use crate::calls::Call;
use crate::console::Role;
use crate::ids::{CallSid, ConnectionId, ToolCallId};
use crate::redact::Pii;
use crate::session::{Event, Line, LineQuality, Speaker, ToolWords};
use crate::time::{CallTime, Samples};

pub use audience::{Audience, Demand, Departure, Posted};
pub use frames::{Frames, LONGEST_ENTRY, LONGEST_FRAME};

/// Whoever has not been heard of for so long is forgotten; consoles ping every 30 s.
pub const FORGOTTEN_AFTER_MS: u64 = 120_000;
/// What is told again before a cursor: what was written down late, posted late, or stamped by another clock.
pub const OVERLAP_MS: u64 = 30_000;

/// A console's socket, as every relay and the function that greets it know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watcher {
    pub connection: ConnectionId,
    pub role: Role,
    /// Whose pass it came with; empty of the key itself.
    #[serde(default)]
    pub name: Pii<String>,
    /// When that ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// The only call it wants to know of; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallSid>,
    /// The call that it listens to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listens: Option<CallSid>,
    /// When it asked for what it wants now.
    pub asked_at_ms: u64,
    /// When it was last heard of.
    pub seen_at_ms: u64,
}

impl Watcher {
    pub fn watches(&self, call: &CallSid) -> bool {
        self.call.as_ref().is_none_or(|only| only == call)
    }

    pub fn listens_to(&self, call: &CallSid) -> bool {
        self.listens.as_ref() == Some(call)
    }

    pub fn wants(&self, entry: &LiveEntry) -> bool {
        match entry {
            LiveEntry::Audio { call, .. } => self.listens_to(call),
            _ => self.watches(entry.call()),
        }
    }

    pub fn is_gone(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.seen_at_ms) > FORGOTTEN_AFTER_MS || self.has_expired(now_ms)
    }

    pub fn has_expired(&self, now_ms: u64) -> bool {
        self.until_ms.is_some_and(|until_ms| until_ms <= now_ms)
    }
}

/// What a console says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum FromWatcher {
    /// First of all.
    Hello {
        #[serde(default)]
        token: Option<Pii<String>>,
        #[serde(default)]
        since: Option<String>,
        #[serde(default)]
        call: Option<CallSid>,
    },
    /// Another call, or all, from here on.
    Subscribe {
        #[serde(default)]
        since: Option<String>,
        #[serde(default)]
        call: Option<CallSid>,
    },
    Listen {
        call: CallSid,
    },
    Unlisten,
    Ping,
}

/// What a console is told, but for entries: those are packed by [`Frames`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToWatcher<'a> {
    /// Entries follow from `cursor` on.
    Hello {
        role: Role,
        cursor: Cursor,
    },
    Pong,
    /// The socket is closed after this.
    Refused {
        status: u16,
        title: &'a str,
    },
    /// This was not done, and the socket stays.
    Problem {
        status: u16,
        title: &'a str,
    },
}

/// Up to when all was told. Clients get it as text and give it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub u64);

impl Cursor {
    const VERSION: &'static str = "1.";

    pub fn read(text: &str) -> Option<Self> {
        u64::from_str_radix(text.strip_prefix(Self::VERSION)?, 36).ok().map(Self)
    }

    /// From when on things are told again.
    pub fn overlapping(self) -> u64 {
        self.0.saturating_sub(OVERLAP_MS)
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut digits = Vec::new();
        let mut rest = self.0;
        while rest > 0 || digits.is_empty() {
            digits.push(u32::try_from(rest % 36).ok().and_then(|digit| char::from_digit(digit, 36)).unwrap_or('0'));
            rest /= 36;
        }
        write!(f, "{}{}", Self::VERSION, digits.iter().rev().collect::<String>())
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One thing that a console shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LiveEntry {
    /// The record of a call, as lists of calls have it.
    Call {
        call: Box<Call>,
    },
    /// A line of the transcript. Not final: it is being spoken, and these are its words so far.
    Line {
        call: CallSid,
        fence: u64,
        #[serde(rename = "final")]
        is_final: bool,
        line: Line,
    },
    Event {
        call: CallSid,
        fence: u64,
        number: u64,
        at: CallTime,
        event: Event,
    },
    Quality {
        call: CallSid,
        at: CallTime,
        #[serde(flatten)]
        quality: LineQuality,
    },
    /// What a tool is asked, and what it answers.
    Tool {
        call: CallSid,
        #[serde(flatten)]
        words: ToolWords,
    },
    /// What sounds on a side from this position of the call on: µ-law at 8 kHz in base64.
    Audio {
        call: CallSid,
        from: Samples,
        side: Speaker,
        mulaw: Pii<String>,
    },
}

/// What of two entries the later one takes the place of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Call(CallSid),
    Line(CallSid, u64, u32),
    Event(CallSid, u64, CallTime, u64),
    Quality(CallSid),
    Tool(CallSid, ToolCallId),
    Audio(CallSid, Samples, bool),
}

impl LiveEntry {
    pub fn call(&self) -> &CallSid {
        match self {
            Self::Call { call } => &call.sid,
            Self::Line { call, .. }
            | Self::Event { call, .. }
            | Self::Quality { call, .. }
            | Self::Tool { call, .. }
            | Self::Audio { call, .. } => call,
        }
    }

    pub fn key(&self) -> Key {
        match self {
            Self::Call { call } => Key::Call(call.sid.clone()),
            Self::Line { call, fence, line, .. } => Key::Line(call.clone(), *fence, line.number),
            Self::Event { call, fence, number, at, .. } => Key::Event(call.clone(), *fence, *at, *number),
            Self::Quality { call, .. } => Key::Quality(call.clone()),
            Self::Tool { call, words } => Key::Tool(call.clone(), words.id.clone()),
            Self::Audio { call, from, side, .. } => Key::Audio(call.clone(), *from, *side == Speaker::Agent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        for ms in [0, 35, 36, 1_795_000_000_000, u64::MAX] {
            assert_eq!(Cursor::read(&Cursor(ms).to_string()), Some(Cursor(ms)), "{}", Cursor(ms));
        }
        for text in ["", "1.", "2.abc", "1.ü", "1.zzzzzzzzzzzzzzzzzz", "null"] {
            assert_eq!(Cursor::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_hello_needs_nothing_and_a_listener_says_to_what() {
        let read = |text: &str| serde_json::from_str::<FromWatcher>(text).ok();
        let all = FromWatcher::Hello { token: None, since: None, call: None };
        assert!(read(r#"{"action":"hello"}"#) == Some(all));
        assert!(read(r#"{"action":"listen","call":"CA1"}"#) == Some(FromWatcher::Listen { call: "CA1".into() }));
        assert!(read(r#"{"action":"listen"}"#).is_none() && read(r#"{"action":"dance"}"#).is_none());
    }

    #[test]
    fn entries_are_as_the_page_on_them_says() {
        let line = Line {
            number: 3,
            at: CallTime(900),
            speaker: Speaker::Agent,
            item: "i3".into(),
            text: Some("Hello".into()),
            interrupted: None,
            made_out_to: None,
        };
        let entry = LiveEntry::Line { call: "CA1".into(), fence: 2, is_final: false, line };
        assert_eq!(
            serde_json::to_value(&entry).unwrap(),
            serde_json::json!({ "kind": "line", "call": "CA1", "fence": 2, "final": false,
                "line": { "number": 3, "at": 900, "speaker": "agent", "item": "i3", "text": "Hello", "interrupted": null } })
        );
        let quality = LineQuality { jitter_ms: 4, late: 1, lost: 2, mark_ms: None };
        let entry = LiveEntry::Quality { call: "CA1".into(), at: CallTime(5), quality };
        assert_eq!(
            serde_json::to_value(&entry).unwrap(),
            serde_json::json!({ "kind": "quality", "call": "CA1", "at": 5, "jitter_ms": 4, "late": 1, "lost": 2,
                "mark_ms": null })
        );
        let words = ToolWords { id: "c1".into(), name: "look_up".to_owned(), arguments: "{}".into(), output: None };
        let entry = LiveEntry::Tool { call: "CA1".into(), words };
        assert_eq!(
            serde_json::to_value(&entry).unwrap(),
            serde_json::json!({ "kind": "tool", "call": "CA1", "id": "c1", "name": "look_up", "arguments": "{}",
                "output": null })
        );
    }
}
