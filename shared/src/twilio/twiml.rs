//! TwiML: what we tell Twilio to do with a call. Only the verbs we use, and nothing that Twilio would refuse.
//!
//! ```
//! use shared::twilio::twiml::{Response, Stream};
//!
//! let stream = Stream::to("wss://example.com/call").parameter("token", "abc")?;
//! let twiml = Response::new().connect(stream).redirect("https://example.com/twiml/resume");
//! assert!(twiml.to_string().contains(r#"<Parameter name="token" value="abc"/>"#));
//! # Ok::<(), shared::twilio::twiml::ParameterTooLong>(())
//! ```

mod dial;

use std::fmt::{self, Display, Formatter, Write as _};

use crate::redact::Pii;

pub use self::dial::{Conference, Dial, Gather};

pub const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// Name and value of a parameter must stay below this many characters together.
pub const LONGEST_PARAMETER: usize = 500;

/// A document, written by its `Display`. Verbs are carried out in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    verbs: Vec<Verb>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verb {
    Connect(Stream),
    Dial(Dial),
    Gather(Gather),
    Redirect(String),
    Say { text: Pii<String>, language: Option<String> },
    Play(String),
    Pause { seconds: u32 },
    Hangup,
    Reject,
}

impl Response {
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a bidirectional stream. The next verb runs when we close its socket.
    pub fn connect(self, stream: Stream) -> Self {
        self.and(Verb::Connect(stream))
    }

    /// Another line, or a conference, instead of us.
    pub fn dial(self, dial: Dial) -> Self {
        self.and(Verb::Dial(dial))
    }

    /// Words, and a key that is waited for; without one the next verb runs.
    pub fn gather(self, gather: Gather) -> Self {
        self.and(Verb::Gather(gather))
    }

    /// Fetches further TwiML by POST; what stands after it is never reached.
    pub fn redirect(self, url: impl Into<String>) -> Self {
        self.and(Verb::Redirect(url.into()))
    }

    pub fn say(self, text: impl Into<String>) -> Self {
        self.say_in(text, None)
    }

    /// In a voice that speaks this language (BCP 47); in Twilio's own if none is named.
    pub fn say_in(self, text: impl Into<String>, language: Option<&str>) -> Self {
        self.and(Verb::Say { text: Pii::new(text.into()), language: language.map(str::to_owned) })
    }

    /// A file of sound, from its beginning to its end.
    pub fn play(self, url: impl Into<String>) -> Self {
        self.and(Verb::Play(url.into()))
    }

    pub fn pause(self, seconds: u32) -> Self {
        self.and(Verb::Pause { seconds })
    }

    pub fn hangup(self) -> Self {
        self.and(Verb::Hangup)
    }

    /// Busy. As the first verb it leaves the call unanswered, which is the only way not to be billed for it; Twilio reads
    /// nothing after it.
    pub fn reject(self) -> Self {
        self.and(Verb::Reject)
    }

    fn and(mut self, verb: Verb) -> Self {
        self.verbs.push(verb);
        self
    }
}

/// The two-way stream of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    url: String,
    status_callback: Option<String>,
    parameters: Vec<(String, Pii<String>)>,
}

/// A parameter that Twilio would not carry. Its value may be a secret and is not quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stream parameter `{0}` and its value have {1} characters; fewer than {LONGEST_PARAMETER} are allowed")]
pub struct ParameterTooLong(pub String, pub usize);

impl Stream {
    /// `url` has no query string: Twilio would cut it off. What must travel goes into parameters.
    pub fn to(url: impl Into<String>) -> Self {
        Self { url: url.into(), status_callback: None, parameters: Vec::new() }
    }

    /// Comes back in the stream's `start` message.
    pub fn parameter(mut self, name: &str, value: &str) -> Result<Self, ParameterTooLong> {
        let length = name.chars().count() + value.chars().count();
        if length >= LONGEST_PARAMETER {
            return Err(ParameterTooLong(name.to_owned(), length));
        }
        self.parameters.push((name.to_owned(), value.into()));
        Ok(self)
    }

    /// Where Twilio POSTs that the stream began, ended or failed.
    pub fn status_callback(mut self, url: impl Into<String>) -> Self {
        self.status_callback = Some(url.into());
        self
    }
}

impl Display for Response {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(r#"<?xml version="1.0" encoding="UTF-8"?><Response>"#)?;
        self.verbs.iter().try_for_each(|verb| verb.fmt(f))?;
        f.write_str("</Response>")
    }
}

impl Display for Verb {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(stream) => write!(f, "<Connect>{stream}</Connect>"),
            Self::Dial(dial) => dial.fmt(f),
            Self::Gather(gather) => gather.fmt(f),
            Self::Redirect(url) => write!(f, r#"<Redirect method="POST">{}</Redirect>"#, Xml(url)),
            Self::Say { text, language: None } => write!(f, "<Say>{}</Say>", Xml(text.reveal())),
            Self::Say { text, language: Some(language) } => {
                write!(f, r#"<Say language="{}">{}</Say>"#, Xml(language), Xml(text.reveal()))
            }
            Self::Play(url) => write!(f, "<Play>{}</Play>", Xml(url)),
            Self::Pause { seconds } => write!(f, r#"<Pause length="{seconds}"/>"#),
            Self::Hangup => f.write_str("<Hangup/>"),
            Self::Reject => f.write_str(r#"<Reject reason="busy"/>"#),
        }
    }
}

impl Display for Stream {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, r#"<Stream url="{}""#, Xml(&self.url))?;
        if let Some(url) = &self.status_callback {
            write!(f, r#" statusCallback="{}""#, Xml(url))?;
        }
        f.write_char('>')?;
        for (name, value) in &self.parameters {
            write!(f, r#"<Parameter name="{}" value="{}"/>"#, Xml(name), Xml(value.reveal()))?;
        }
        f.write_str("</Stream>")
    }
}

/// Text that is safe in an element and in a quoted attribute. What XML cannot say at all is left out.
struct Xml<'a>(&'a str);

impl Display for Xml<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&apos;"),
            // A parser would turn these into blanks, or a carriage return into a line feed.
            '\t' | '\n' | '\r' => write!(f, "&#{};", letter as u32),
            '\0'..='\x1F' | '\u{FFFE}' | '\u{FFFF}' => Ok(()),
            _ => f.write_char(letter),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_call_is_a_stream_and_a_way_back() {
        let stream = Stream::to("wss://example.com/call")
            .status_callback("https://example.com/stream/status")
            .parameter("token", "t0ken")
            .unwrap();
        assert_eq!(
            Response::new().connect(stream).redirect("https://example.com/twiml/resume").to_string(),
            concat!(
                r#"<?xml version="1.0" encoding="UTF-8"?><Response><Connect>"#,
                r#"<Stream url="wss://example.com/call" statusCallback="https://example.com/stream/status">"#,
                r#"<Parameter name="token" value="t0ken"/></Stream></Connect>"#,
                r#"<Redirect method="POST">https://example.com/twiml/resume</Redirect></Response>"#,
            )
        );
    }

    #[test]
    fn an_apology_is_spoken_and_ends_the_call() {
        assert_eq!(
            Response::new().say("Sorry — it's <us> & not \"you\".\u{7}").pause(1).hangup().to_string(),
            concat!(
                r#"<?xml version="1.0" encoding="UTF-8"?><Response>"#,
                "<Say>Sorry — it&apos;s &lt;us&gt; &amp; not &quot;you&quot;.</Say>",
                r#"<Pause length="1"/><Hangup/></Response>"#,
            )
        );
    }

    #[test]
    fn what_is_said_in_a_language_says_so() {
        let german = Response::new().say_in("Wir haben geschlossen.", Some("de-DE")).to_string();
        assert!(german.contains(r#"<Say language="de-DE">Wir haben geschlossen.</Say>"#), "{german}");
    }

    #[test]
    fn a_call_that_is_not_answered_is_busy() {
        let document = r#"<?xml version="1.0" encoding="UTF-8"?><Response><Reject reason="busy"/></Response>"#;
        assert_eq!(Response::new().reject().to_string(), document);
    }

    #[test]
    fn music_is_played_before_the_caller_asks_again() {
        assert_eq!(
            Response::new().play("https://example.com/music").redirect("https://example.com/line?a=1&b=2").to_string(),
            concat!(
                r#"<?xml version="1.0" encoding="UTF-8"?><Response><Play>https://example.com/music</Play>"#,
                r#"<Redirect method="POST">https://example.com/line?a=1&amp;b=2</Redirect></Response>"#,
            )
        );
    }

    #[test]
    fn a_parameter_must_stay_below_500_characters() {
        let with = |value: usize| Stream::to("wss://example.com").parameter("token", &"ü".repeat(value));
        assert!(with(494).is_ok());
        assert_eq!(with(495), Err(ParameterTooLong("token".to_owned(), 500)));
    }

    #[test]
    fn a_response_does_not_print_a_token() {
        let stream = Stream::to("wss://example.com").parameter("token", "t0ken").unwrap();
        assert!(!format!("{:?}", Response::new().connect(stream)).contains("t0ken"));
    }
}
