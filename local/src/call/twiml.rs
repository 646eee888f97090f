//! Reads TwiML as the carrier does: a list of verbs, and complaints about what it would not accept.

use std::collections::BTreeMap;
use std::time::Duration;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use url::Url;

use super::report::Warning;

/// Name and value of a `<Parameter>` together must be shorter.
const LONGEST_PARAMETER: usize = 500;

/// What the carrier is told to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verb {
    Stream(Stream),
    Say(String),
    Play(String),
    Pause(Duration),
    Redirect(String),
    Hangup,
    Dial(Dial),
    Gather(Gather),
}

/// `<Dial>`: another line, or a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dial {
    pub(super) caller_id: Option<String>,
    pub(super) timeout: Duration,
    pub(super) action: Option<String>,
    pub(super) to: Option<DialTo>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DialTo {
    /// `<Number>` or `<Sip>`.
    Line {
        address: String,
        callback: Callback,
    },
    Conference(Conference),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Conference {
    pub(super) name: String,
    pub(super) begins: bool,
    pub(super) ends: bool,
    pub(super) wait_url: Option<String>,
    pub(super) callback: Callback,
}

/// What is told, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Callback {
    pub(super) url: Option<String>,
    pub(super) events: Vec<String>,
}

/// `<Gather input="dtmf">` with what is said meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gather {
    pub(super) say: String,
    /// After the words.
    pub(super) timeout: Duration,
    pub(super) action: String,
}

/// `<Connect><Stream>`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stream {
    pub(super) url: String,
    pub(super) name: Option<String>,
    pub(super) status_callback: Option<String>,
    pub(super) parameters: BTreeMap<String, String>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum TwimlError {
    #[error("the document is not XML")]
    NotXml(#[from] quick_xml::Error),
    #[error("the document is not a <Response>")]
    NoResponse,
}

/// A document, in the order of its verbs.
pub(super) fn read(text: &str, warnings: &mut Vec<Warning>) -> Result<Vec<Verb>, TwimlError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut document = Document { open: Vec::new(), text: String::new(), verbs: Vec::new(), response: false, warnings };
    loop {
        match reader.read_event()? {
            Event::Start(tag) => document.start(&tag)?,
            Event::Text(piece) => document.text.push_str(&piece.xml10_content().map_err(quick_xml::Error::from)?),
            Event::GeneralRef(entity) => {
                document.text.push_str(&resolve(&entity.decode().map_err(quick_xml::Error::from)?))
            }
            Event::CData(piece) => document.text.push_str(&String::from_utf8_lossy(&piece)),
            Event::End(_) => document.end(),
            Event::Eof => break,
            _ => {}
        }
    }
    if document.response && document.open.is_empty() { Ok(document.verbs) } else { Err(TwimlError::NoResponse) }
}

struct Document<'a> {
    open: Vec<(String, BTreeMap<String, String>)>,
    text: String,
    verbs: Vec<Verb>,
    response: bool,
    warnings: &'a mut Vec<Warning>,
}

impl Document<'_> {
    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), TwimlError> {
        let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
        let attributes = attributes(tag)?;
        self.text.clear();
        match (self.open.last().map(|(name, _)| name.as_str()), name.as_str()) {
            (None, "Response") => self.response = true,
            (None, _) => return Err(TwimlError::NoResponse),
            (Some("Connect"), "Stream") => self.stream(&attributes),
            (Some("Stream"), "Parameter") => self.parameter(&attributes),
            (Some("Response"), "Dial") => self.verbs.push(Verb::Dial(dial(&attributes))),
            (Some("Response"), "Gather") => self.verbs.push(Verb::Gather(gather(&attributes))),
            (Some("Dial"), "Number" | "Sip" | "Conference") | (Some("Gather"), "Say") => {}
            (Some("Response"), "Connect" | "Say" | "Play" | "Pause" | "Redirect" | "Hangup") => {}
            (Some(parent), _) => self.warn(12_200, format!("<{name}> in <{parent}> is not known here")),
        }
        self.open.push((name, attributes));
        Ok(())
    }

    fn stream(&mut self, attributes: &BTreeMap<String, String>) {
        let mut url = attributes.get("url").cloned().unwrap_or_default();
        if let Some((bare, _)) = url.split_once('?') {
            let bare = bare.to_owned();
            self.warn(31_920, "a <Stream>'s url has no query string: it is cut off".to_owned());
            url = bare;
        }
        self.verbs.push(Verb::Stream(Stream {
            url,
            name: attributes.get("name").cloned(),
            status_callback: attributes.get("statusCallback").cloned(),
            parameters: BTreeMap::new(),
        }));
    }

    fn parameter(&mut self, attributes: &BTreeMap<String, String>) {
        let of = |name: &str| attributes.get(name).cloned().unwrap_or_default();
        let (name, value) = (of("name"), of("value"));
        if name.len() + value.len() >= LONGEST_PARAMETER {
            return self.warn(12_200, format!("the <Parameter> `{name}` is too long"));
        }
        if let Some(Verb::Stream(stream)) = self.verbs.last_mut() {
            stream.parameters.insert(name, value);
        }
    }

    fn end(&mut self) {
        let Some((name, attributes)) = self.open.pop() else { return };
        let text = std::mem::take(&mut self.text).trim().to_owned();
        if self.open.len() != 1 {
            return self.end_noun(&name, &attributes, text);
        }
        match name.as_str() {
            "Say" => self.verbs.push(Verb::Say(text)),
            "Play" => self.verbs.push(Verb::Play(text)),
            "Redirect" => self.verbs.push(Verb::Redirect(text)),
            "Hangup" => self.verbs.push(Verb::Hangup),
            "Pause" => {
                let seconds = attributes.get("length").and_then(|length| length.parse().ok()).unwrap_or(1);
                self.verbs.push(Verb::Pause(Duration::from_secs(seconds)));
            }
            _ => {}
        }
    }

    /// What stands in a verb.
    fn end_noun(&mut self, name: &str, attributes: &BTreeMap<String, String>, text: String) {
        match (self.verbs.last_mut(), name) {
            (Some(Verb::Dial(dial)), "Number" | "Sip") => {
                let callback = callback(attributes, "completed");
                dial.to = Some(DialTo::Line { address: text, callback });
            }
            (Some(Verb::Dial(dial)), "Conference") => {
                dial.to = Some(DialTo::Conference(conference(attributes, text)));
            }
            (Some(Verb::Gather(gather)), "Say") => gather.say.push_str(&text),
            _ => {}
        }
    }

    fn warn(&mut self, code: u32, what: String) {
        self.warnings.push(Warning { code, what });
    }
}

fn dial(attributes: &BTreeMap<String, String>) -> Dial {
    Dial {
        caller_id: attributes.get("callerId").cloned(),
        timeout: seconds(attributes, 30),
        action: attributes.get("action").cloned(),
        to: None,
    }
}

fn conference(attributes: &BTreeMap<String, String>, name: String) -> Conference {
    let flag = |name: &str, default: bool| attributes.get(name).map_or(default, |value| value == "true");
    Conference {
        name,
        begins: flag("startConferenceOnEnter", true),
        ends: flag("endConferenceOnExit", false),
        wait_url: attributes.get("waitUrl").cloned().filter(|url| !url.is_empty()),
        callback: callback(attributes, ""),
    }
}

fn callback(attributes: &BTreeMap<String, String>, default: &str) -> Callback {
    let events = attributes.get("statusCallbackEvent").map_or(default, String::as_str);
    Callback {
        url: attributes.get("statusCallback").cloned(),
        events: events.split_whitespace().map(str::to_owned).collect(),
    }
}

fn gather(attributes: &BTreeMap<String, String>) -> Gather {
    Gather {
        say: String::new(),
        timeout: seconds(attributes, 5),
        action: attributes.get("action").cloned().unwrap_or_default(),
    }
}

fn seconds(attributes: &BTreeMap<String, String>, default: u64) -> Duration {
    Duration::from_secs(attributes.get("timeout").and_then(|seconds| seconds.parse().ok()).unwrap_or(default))
}

fn attributes(tag: &BytesStart<'_>) -> Result<BTreeMap<String, String>, TwimlError> {
    tag.attributes()
        .map(|attribute| {
            let attribute = attribute.map_err(quick_xml::Error::from)?;
            let name = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            let value = attribute.normalized_value(quick_xml::XmlVersion::Explicit1_0)?;
            Ok((name, value.into_owned()))
        })
        .collect()
}

fn resolve(entity: &str) -> String {
    let named = quick_xml::escape::resolve_xml_entity(entity).map(str::to_owned);
    let code = || match entity.strip_prefix("#x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => entity.strip_prefix('#')?.parse().ok(),
    };
    named.or_else(|| code().and_then(char::from_u32).map(String::from)).unwrap_or_default()
}

/// Where a verb's address points, seen from the document it stands in.
pub(super) fn resolve_url(address: &str, document: &Url) -> Result<Url, url::ParseError> {
    if address.is_empty() { Ok(document.clone()) } else { document.join(address) }
}

#[cfg(test)]
mod tests {
    use shared::transfer::documents::Documents;
    use shared::twilio::twiml::Response;

    use super::*;

    #[test]
    fn verbs_are_read_in_order() {
        let mut warnings = Vec::new();
        let verbs = read(
            r#"<?xml version="1.0" encoding="UTF-8"?><Response><Say voice="x">Fish &amp; chips &#233;</Say>
               <Connect><Stream url="wss://a.example/call" statusCallback="https://a.example/s?x=1&amp;y=2">
               <Parameter name="token" value="a&quot;b"/></Stream></Connect><Play>/music.wav</Play><Pause length="2"/>
               <Redirect method="POST">https://a.example/next</Redirect><Hangup/></Response>"#,
            &mut warnings,
        );
        let stream = Stream {
            url: "wss://a.example/call".to_owned(),
            name: None,
            status_callback: Some("https://a.example/s?x=1&y=2".to_owned()),
            parameters: BTreeMap::from([("token".to_owned(), "a\"b".to_owned())]),
        };
        assert_eq!(
            verbs.unwrap(),
            [
                Verb::Say("Fish & chips é".to_owned()),
                Verb::Stream(stream),
                Verb::Play("/music.wav".to_owned()),
                Verb::Pause(Duration::from_secs(2)),
                Verb::Redirect("https://a.example/next".to_owned()),
                Verb::Hangup
            ]
        );
        assert_eq!(warnings, []);
    }

    #[test]
    fn other_people_are_read_as_our_documents_name_them() {
        let documents = Documents::new("https://a.example", &"CA0123456789abcdef0123456789abcdef".into());
        let mut warnings = Vec::new();
        let mut of = |document: &Response| read(&document.to_string(), &mut warnings).unwrap();
        let dialled = of(&documents.dial(3, "+15005550010".into(), "+15005550001".into(), 25));
        let [Verb::Dial(Dial { caller_id: Some(id), timeout, action: Some(_), to: Some(to) })] = &dialled[..] else {
            panic!("{dialled:?}")
        };
        assert_eq!((id.as_str(), timeout.as_secs()), ("+15005550001", 25));
        let DialTo::Line { address, callback } = to else { panic!("{to:?}") };
        assert_eq!((address.as_str(), &callback.events[..]), ("+15005550010", &["answered".to_owned()][..]));
        assert!(callback.url.as_ref().is_some_and(|url| url.contains("errand=3")));
        let documents_of_rooms =
            [(documents.park(), false, true), (documents.join(false), true, true), (documents.join(true), true, false)];
        for (document, begins, ends) in documents_of_rooms {
            let parked = of(&document);
            let [Verb::Dial(Dial { to: Some(DialTo::Conference(room)), .. })] = &parked[..] else {
                panic!("{parked:?}")
            };
            assert_eq!((room.begins, room.ends, room.wait_url.is_some()), (begins, ends, true));
            assert_eq!(room.callback.events.len(), usize::from(!begins));
        }
        let briefing = of(&documents.briefing(3, &"A parcel.".into(), false));
        let [Verb::Gather(first), Verb::Gather(_), Verb::Redirect(_)] = &briefing[..] else { panic!("{briefing:?}") };
        assert!(first.say.contains("A parcel.") && first.action.contains("step=key") && first.timeout.as_secs() == 5);
        assert_eq!(warnings, []);
    }

    #[test]
    fn what_the_carrier_would_not_accept_is_said() {
        let mut warnings = Vec::new();
        let long = "x".repeat(500);
        let text = format!(
            r#"<Response><Dance/><Connect><Stream url="wss://a.example/call?a=b"><Parameter name="p" value="{long}"/></Stream></Connect></Response>"#
        );
        let verbs = read(&text, &mut warnings).unwrap();
        assert!(
            matches!(&verbs[..], [Verb::Stream(stream)] if stream.url == "wss://a.example/call" && stream.parameters.is_empty())
        );
        assert_eq!(warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), [12_200, 31_920, 12_200]);
        assert!(read("<html></html>", &mut warnings).is_err());
        assert!(read("{}", &mut warnings).is_err());
        assert!(read("<Response><Say>", &mut warnings).is_err());
    }
}
