//! Twilio Media Streams, both ways: one JSON text frame per message.
//!
//! Shapes: <https://www.twilio.com/docs/voice/media-streams/websocket-messages>. Inbound is read leniently (numbers
//! may be strings, unknown fields are passed over) and without copying the payload; outbound is exactly the
//! documented fields, because Twilio warns (31951) about any other.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};

use bytestring::ByteString;
use serde::{Deserialize, Deserializer, Serialize};

use crate::audio::Payload;
use crate::ids::{CallSid, StreamSid};
use crate::redact::Pii;

/// The longest frame that is looked at. Twilio's are under 1 KB; API Gateway cuts at 32 KB.
pub const LONGEST_FRAME: usize = 64 * 1024;

/// One message from Twilio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Says that the socket speaks this protocol. Carries neither number nor stream.
    Connected,
    Stream(StreamMessage),
}

/// A message of a stream: all of them are numbered by one counter that begins with `start` at 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamMessage {
    pub stream: StreamSid,
    pub sequence: u64,
    pub event: StreamEvent,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamEvent {
    Start(Box<Start>),
    Media(Media),
    Dtmf {
        digit: char,
    },
    /// The audio before this mark was played, or was thrown away by a `clear`.
    Mark {
        name: ByteString,
    },
    Stop,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    pub call: CallSid,
    pub account: ByteString,
    pub format: MediaFormat,
    /// What the TwiML's `<Parameter>`s said; ours carry the stream's token.
    pub parameters: BTreeMap<String, Pii<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaFormat {
    pub encoding: String,
    #[serde(deserialize_with = "number")]
    pub sample_rate: u64,
    #[serde(deserialize_with = "number")]
    pub channels: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Media messages have a counter of their own as well.
    pub chunk: u64,
    /// When this was spoken: milliseconds since the stream began.
    pub timestamp_ms: u64,
    pub payload: Payload,
}

/// Why a frame was not understood. It names the fault, never the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    #[error("a frame of {0} bytes is longer than any that Twilio sends")]
    TooLong(usize),
    #[error("not a Media Streams message: {0} error at column {1}")]
    Malformed(&'static str, usize),
    #[error("unknown event")]
    UnknownEvent,
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("the media payload is not base64")]
    Payload,
    #[error("stream is {0}, not the µ-law 8 kHz mono that was asked for")]
    Format(String),
}

/// Reads one text frame. The payload and the ids are slices of it.
pub fn parse(frame: &ByteString) -> Result<Message, MediaError> {
    if frame.len() > LONGEST_FRAME {
        return Err(MediaError::TooLong(frame.len()));
    }
    let wire: Wire<'_> = serde_json::from_str(frame).map_err(|error| malformed(&error))?;
    if wire.event == "connected" {
        return Ok(Message::Connected);
    }
    let event = wire_event(frame, &wire)?;
    Ok(Message::Stream(StreamMessage {
        stream: StreamSid::new(slice(frame, &wire.stream_sid.as_ref().ok_or(MediaError::Missing("streamSid"))?.0)),
        sequence: wire.sequence_number.ok_or(MediaError::Missing("sequenceNumber"))?,
        event,
    }))
}

fn wire_event(frame: &ByteString, wire: &Wire<'_>) -> Result<StreamEvent, MediaError> {
    Ok(match wire.event.as_ref() {
        "media" => {
            let media = wire.media.as_ref().ok_or(MediaError::Missing("media"))?;
            StreamEvent::Media(Media {
                chunk: media.chunk.unwrap_or_default(),
                timestamp_ms: media.timestamp.ok_or(MediaError::Missing("media.timestamp"))?,
                payload: Payload::parse(slice(frame, &media.payload)).map_err(|_| MediaError::Payload)?,
            })
        }
        "start" => StreamEvent::Start(Box::new(start(frame, wire)?)),
        "mark" => {
            let mark = wire.mark.as_ref().ok_or(MediaError::Missing("mark"))?;
            StreamEvent::Mark { name: slice(frame, &mark.name) }
        }
        "dtmf" => {
            let dtmf = wire.dtmf.as_ref().ok_or(MediaError::Missing("dtmf"))?;
            StreamEvent::Dtmf { digit: digit(&dtmf.digit).ok_or(MediaError::Missing("dtmf.digit"))? }
        }
        "stop" => StreamEvent::Stop,
        _ => return Err(MediaError::UnknownEvent),
    })
}

fn digit(key: &str) -> Option<char> {
    let mut letters = key.chars();
    let digit = letters.next().filter(|digit| "0123456789*#ABCDabcd".contains(*digit))?;
    letters.next().is_none().then_some(digit)
}

fn start(frame: &ByteString, wire: &Wire<'_>) -> Result<Start, MediaError> {
    let start = wire.start.as_ref().ok_or(MediaError::Missing("start"))?;
    let format = start.media_format.clone().ok_or(MediaError::Missing("start.mediaFormat"))?;
    if format.encoding != "audio/x-mulaw" || format.sample_rate != 8_000 || format.channels != 1 {
        let MediaFormat { encoding, sample_rate, channels } = format;
        return Err(MediaError::Format(format!("{encoding} {sample_rate} Hz × {channels}")));
    }
    Ok(Start {
        call: CallSid::new(slice(frame, &start.call_sid)),
        account: slice(frame, &start.account_sid),
        format,
        parameters: start.custom_parameters.clone(),
    })
}

/// Writes a `media` message. `out` is cleared first, so one buffer serves a whole call.
pub fn write_media(out: &mut String, stream: &StreamSid, payload: &Payload) {
    begin(out, "media", stream);
    let _infallible = write!(out, r#","media":{{"payload":"{}"}}}}"#, payload.as_base64());
}

/// Writes a `mark` message; Twilio sends the name back once the audio before it has been played.
pub fn write_mark(out: &mut String, stream: &StreamSid, name: impl Display) {
    begin(out, "mark", stream);
    let _infallible = write!(out, r#","mark":{{"name":"{}"}}}}"#, Json(name));
}

/// Writes a `clear` message: Twilio throws away what it has not played and sends all pending marks back.
pub fn write_clear(out: &mut String, stream: &StreamSid) {
    begin(out, "clear", stream);
    out.push('}');
}

fn begin(out: &mut String, event: &str, stream: &StreamSid) {
    out.clear();
    let _infallible = write!(out, r#"{{"event":"{event}","streamSid":"{}""#, Json(stream));
}

/// Text inside a JSON string. Our names need no escape, but a stream's comes from outside.
struct Json<T>(T);

impl<T: Display> Display for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape(f), "{}", self.0)
    }
}

struct Escape<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.split_inclusive(|letter| letter < ' ' || letter == '"' || letter == '\\').try_for_each(|piece| match piece
            .char_indices()
            .next_back()
        {
            Some((at, last)) if last < ' ' => write!(self.0, "{}\\u{:04x}", &piece[..at], u32::from(last)),
            Some((at, last @ ('"' | '\\'))) => write!(self.0, "{}\\{last}", &piece[..at]),
            _ => self.0.write_str(piece),
        })
    }
}

#[allow(clippy::ptr_arg, reason = "whether it is borrowed is the point")]
fn slice(frame: &ByteString, part: &Cow<'_, str>) -> ByteString {
    match part {
        Cow::Borrowed(text) => frame.slice_ref(text),
        Cow::Owned(text) => ByteString::from(text.as_str()),
    }
}

fn malformed(error: &serde_json::Error) -> MediaError {
    let kind = match error.classify() {
        serde_json::error::Category::Io => "read",
        serde_json::error::Category::Syntax => "syntax",
        serde_json::error::Category::Data => "shape",
        serde_json::error::Category::Eof => "early end",
    };
    MediaError::Malformed(kind, error.column())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    stream_sid: Option<Text<'a>>,
    #[serde(default, deserialize_with = "optional_number")]
    sequence_number: Option<u64>,
    #[serde(borrow)]
    media: Option<WireMedia<'a>>,
    #[serde(borrow)]
    start: Option<WireStart<'a>>,
    #[serde(borrow)]
    mark: Option<WireMark<'a>>,
    #[serde(borrow)]
    dtmf: Option<WireDtmf<'a>>,
}

/// Serde borrows a `Cow` that is a field, but copies one that is in an `Option`.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct WireMedia<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
    #[serde(default, deserialize_with = "optional_number")]
    chunk: Option<u64>,
    #[serde(default, deserialize_with = "optional_number")]
    timestamp: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireStart<'a> {
    #[serde(borrow)]
    call_sid: Cow<'a, str>,
    #[serde(borrow, default)]
    account_sid: Cow<'a, str>,
    media_format: Option<MediaFormat>,
    #[serde(default)]
    custom_parameters: BTreeMap<String, Pii<String>>,
}

#[derive(Deserialize)]
struct WireMark<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WireDtmf<'a> {
    #[serde(borrow)]
    digit: Cow<'a, str>,
}

/// Twilio writes counters as strings; a fake or a later version may write numbers.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    optional_number(deserializer)?.ok_or_else(|| serde::de::Error::custom("a number"))
}

fn optional_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    struct Either;
    impl serde::de::Visitor<'_> for Either {
        type Value = Option<u64>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a whole number, as such or as text")
        }
        fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
            Ok(Some(value))
        }
        fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
            value.parse().map(Some).map_err(|_| E::invalid_value(serde::de::Unexpected::Other("text"), &self))
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    deserializer.deserialize_any(Either)
}

#[cfg(test)]
mod tests;
