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
            return;
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

    fn warn(&mut self, code: u32, what: String) {
        self.warnings.push(Warning { code, what });
    }
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
