//! `<Dial>` and `<Gather>`: other people on the line.

use std::fmt::{self, Display, Formatter, Write as _};

use super::Xml;
use crate::redact::Pii;

/// Another line, or a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    to: To,
    caller_id: Option<Pii<String>>,
    ring_s: Option<u64>,
    action: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum To {
    /// A number, or a SIP URI; and where is told that somebody answered.
    Line {
        address: Pii<String>,
        answered: String,
    },
    Conference(Conference),
}

/// A room where callers hear each other, by a name of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conference {
    pub name: String,
    /// It begins as soon as this one and another are there.
    pub begins: bool,
    /// It ends for all when this one leaves.
    pub ends: bool,
    /// What is heard until it begins.
    pub wait_url: String,
    /// Told when somebody leaves.
    pub status_callback: Option<String>,
}

impl Dial {
    /// A number in E.164 or a SIP URI. `answered` is where Twilio POSTs that somebody answered.
    pub fn line(address: Pii<String>, answered: impl Into<String>) -> Self {
        Self { to: To::Line { address, answered: answered.into() }, caller_id: None, ring_s: None, action: None }
    }

    pub fn conference(conference: Conference) -> Self {
        Self { to: To::Conference(conference), caller_id: None, ring_s: None, action: None }
    }

    /// What the other side sees. It must be a number of the account's, or the caller's.
    pub fn caller_id(self, number: Pii<String>) -> Self {
        Self { caller_id: Some(number), ..self }
    }

    pub fn ring_s(self, seconds: u64) -> Self {
        Self { ring_s: Some(seconds), ..self }
    }

    /// Where Twilio POSTs how it ended, and asks what to do next.
    pub fn action(self, url: impl Into<String>) -> Self {
        Self { action: Some(url.into()), ..self }
    }
}

/// A key that is waited for while words are said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gather {
    pub say: Pii<String>,
    /// After the words.
    pub timeout_s: u32,
    pub action: String,
}

impl Display for Dial {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("<Dial")?;
        if let Some(number) = &self.caller_id {
            write!(f, r#" callerId="{}""#, Xml(number.reveal()))?;
        }
        if let Some(seconds) = self.ring_s {
            write!(f, r#" timeout="{seconds}""#)?;
        }
        if let Some(url) = &self.action {
            write!(f, r#" action="{}""#, Xml(url))?;
        }
        f.write_char('>')?;
        match &self.to {
            To::Line { address, answered } => write_line(f, address.reveal(), answered)?,
            To::Conference(conference) => conference.fmt(f)?,
        }
        f.write_str("</Dial>")
    }
}

fn write_line(f: &mut Formatter<'_>, address: &str, answered: &str) -> fmt::Result {
    let noun = if address.starts_with("sip") { "Sip" } else { "Number" };
    let (answered, address) = (Xml(answered), Xml(address));
    write!(f, r#"<{noun} statusCallbackEvent="answered" statusCallback="{answered}">{address}</{noun}>"#)
}

impl Display for Conference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { begins, ends, .. } = self;
        write!(f, r#"<Conference beep="false" startConferenceOnEnter="{begins}" endConferenceOnExit="{ends}""#)?;
        write!(f, r#" waitUrl="{}""#, Xml(&self.wait_url))?;
        if let Some(url) = &self.status_callback {
            write!(f, r#" statusCallbackEvent="leave" statusCallback="{}""#, Xml(url))?;
        }
        write!(f, ">{}</Conference>", Xml(&self.name))
    }
}

impl Display for Gather {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { say, timeout_s, action } = self;
        let (say, action) = (Xml(say.reveal()), Xml(action));
        write!(
            f,
            r#"<Gather input="dtmf" numDigits="1" timeout="{timeout_s}" action="{action}"><Say>{say}</Say></Gather>"#
        )
    }
}
