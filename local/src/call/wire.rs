//! Media Streams messages from the carrier's end: written as Twilio writes them, read as strictly as Twilio reads.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

/// Who is on the line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) account: String,
    pub(super) call: String,
    pub(super) stream: String,
}

/// Writes the messages of one stream; every one after `connected` is numbered.
#[derive(Debug)]
pub(super) struct Writer {
    line: Line,
    sequence: u64,
    chunk: u64,
}

pub(super) const CONNECTED: &str = r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#;

impl Writer {
    pub(super) fn new(line: Line) -> Self {
        Self { line, sequence: 0, chunk: 0 }
    }

    pub(super) fn start(&mut self, parameters: &BTreeMap<String, String>) -> String {
        let Line { account, call, stream } = self.line.clone();
        let format = json!({"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1});
        let start = json!({
            "accountSid": account, "streamSid": stream, "callSid": call, "tracks": ["inbound"], "mediaFormat": format,
            "customParameters": parameters,
        });
        let number = self.next().to_string();
        json!({"event": "start", "sequenceNumber": number, "start": start, "streamSid": stream}).to_string()
    }

    /// Written by hand: there are fifty a second.
    pub(super) fn media(&mut self, timestamp_ms: u64, mulaw: &[u8]) -> String {
        let number = self.next();
        self.chunk += 1;
        let (chunk, stream) = (self.chunk, &self.line.stream);
        let mut text = String::with_capacity(400);
        text.push_str(r#"{"event":"media","sequenceNumber":""#);
        text.push_str(&number.to_string());
        text.push_str(r#"","media":{"track":"inbound","chunk":""#);
        text.push_str(&chunk.to_string());
        text.push_str(r#"","timestamp":""#);
        text.push_str(&timestamp_ms.to_string());
        text.push_str(r#"","payload":""#);
        STANDARD.encode_string(mulaw, &mut text);
        text.push_str(r#""},"streamSid":""#);
        text.push_str(stream);
        text.push_str(r#""}"#);
        text
    }

    pub(super) fn mark(&mut self, name: &str) -> String {
        let number = self.next().to_string();
        json!({"event": "mark", "sequenceNumber": number, "streamSid": self.line.stream, "mark": {"name": name}})
            .to_string()
    }

    pub(super) fn dtmf(&mut self, digit: char) -> String {
        let number = self.next().to_string();
        let dtmf = json!({"track": "inbound_track", "digit": digit.to_string()});
        json!({"event": "dtmf", "streamSid": self.line.stream, "sequenceNumber": number, "dtmf": dtmf}).to_string()
    }

    pub(super) fn stop(&mut self) -> String {
        let number = self.next().to_string();
        let stop = json!({"accountSid": self.line.account, "callSid": self.line.call});
        json!({"event": "stop", "sequenceNumber": number, "stop": stop, "streamSid": self.line.stream}).to_string()
    }

    fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}

/// A message from the server that Twilio would accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Received {
    Media(Bytes),
    Mark(String),
    Clear,
}

/// Reads a message, or says why Twilio would warn with 31951.
pub(super) fn read(text: &str, stream: &str) -> Result<Received, String> {
    let wire: Wire<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if wire.stream_sid != stream {
        return Err("the streamSid is another stream's".to_owned());
    }
    match (wire.event.as_ref(), wire.media, wire.mark) {
        ("media", Some(media), None) => {
            let sound =
                STANDARD.decode(media.payload.as_bytes()).map_err(|_| "the payload is not base64".to_owned())?;
            Ok(Received::Media(Bytes::from(sound)))
        }
        ("mark", None, Some(mark)) => Ok(Received::Mark(mark.name.into_owned())),
        ("clear", None, None) => Ok(Received::Clear),
        (event, ..) => Err(format!("`{event}` is no event, or has not exactly its own fields")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    stream_sid: Cow<'a, str>,
    #[serde(borrow)]
    media: Option<WireMedia<'a>>,
    #[serde(borrow)]
    mark: Option<WireMark<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireMedia<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireMark<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[cfg(test)]
mod tests {
    use bytestring::ByteString;
    use shared::twilio::media::{Message, StreamEvent, parse};

    use super::*;

    #[test]
    fn the_bridge_reads_what_the_caller_writes() {
        let line = Line { account: "AC1".to_owned(), call: "CA1".to_owned(), stream: "MZ1".to_owned() };
        let mut writer = Writer::new(line);
        let parameters = BTreeMap::from([("token".to_owned(), "secret".to_owned())]);
        let written =
            [writer.start(&parameters), writer.media(0, &[1; 160]), writer.mark("m"), writer.dtmf('5'), writer.stop()];
        for (index, text) in written.into_iter().enumerate() {
            let Ok(Message::Stream(message)) = parse(&ByteString::from(text)) else { panic!("message {index}") };
            assert_eq!((message.sequence, message.stream.as_str()), (index as u64 + 1, "MZ1"));
            match (index, message.event) {
                (0, StreamEvent::Start(start)) => assert_eq!(start.parameters["token"].reveal(), "secret"),
                (1, StreamEvent::Media(media)) => assert_eq!((media.chunk, media.payload.decode()), (1, vec![1; 160])),
                (2, StreamEvent::Mark { name }) => assert_eq!(name, "m"),
                (3, StreamEvent::Dtmf { digit }) => assert_eq!(digit, '5'),
                (4, StreamEvent::Stop) => {}
                (_, other) => panic!("{other:?}"),
            }
        }
        assert_eq!(parse(&ByteString::from_static(CONNECTED)), Ok(Message::Connected));
    }

    #[test]
    fn only_what_twilio_accepts_is_read() {
        assert_eq!(read(r#"{"event":"clear","streamSid":"MZ1"}"#, "MZ1"), Ok(Received::Clear));
        for text in [
            r#"{"event":"clear","streamSid":"MZ2"}"#,
            r#"{"event":"clear","streamSid":"MZ1","x":1}"#,
            r#"{"event":"clear"}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"//","track":"outbound"}}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"not base64"}}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"////"},"mark":{"name":"m"}}"#,
            r#"{"message":"Internal server error","connectionId":"c","requestId":"r"}"#,
            "hello",
        ] {
            assert!(read(text, "MZ1").is_err(), "{text}");
        }
    }
}
