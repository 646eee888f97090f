//! Server events, read leniently and once.
//!
//! One pass over the frame finds where the fields begin and end; only those an event needs are looked into. So a field
//! that changes its shape harms no event that does not use it, and the audio, which is nearly all of the traffic,
//! comes out as slices of the frame: nothing is copied, nothing allocated.

use std::borrow::Cow;

use bytestring::ByteString;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::severity;
use crate::audio::Payload;
use crate::ids::{EventId, ItemId, ResponseId, ToolCallId};
use crate::model::{DecodeError, ModelError, ModelEvent, RemoteStage, ResponseStatus, Usage};
use crate::redact::Pii;

/// A name of the vendor's is no longer than this where we keep it.
const LONGEST_NAME: usize = 64;

pub(super) fn decode(frame: &ByteString) -> Result<ModelEvent, DecodeError> {
    if !frame.trim_start().starts_with('{') {
        return Err(DecodeError("not a JSON object".to_owned()));
    }
    let wire: Wire<'_> = serde_json::from_str(frame).map_err(|error| malformed(&error))?;
    let kind = text(wire.kind).ok_or_else(|| missing("type"))?;
    Reader { frame, wire }.event(&kind)
}

/// Every field of every event that is read, as the text it is. Fields that are not named here are passed over.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Raw<'a>,
    #[serde(borrow)]
    response_id: Raw<'a>,
    #[serde(borrow)]
    item_id: Raw<'a>,
    #[serde(borrow)]
    content_index: Raw<'a>,
    #[serde(borrow)]
    delta: Raw<'a>,
    #[serde(borrow)]
    transcript: Raw<'a>,
    #[serde(borrow)]
    audio_start_ms: Raw<'a>,
    #[serde(borrow)]
    audio_end_ms: Raw<'a>,
    #[serde(borrow)]
    session: Raw<'a>,
    #[serde(borrow)]
    response: Raw<'a>,
    #[serde(borrow)]
    item: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

type Raw<'a> = Option<&'a RawValue>;

struct Reader<'a> {
    frame: &'a ByteString,
    wire: Wire<'a>,
}

impl<'a> Reader<'a> {
    fn event(&self, kind: &str) -> Result<ModelEvent, DecodeError> {
        let wire = &self.wire;
        Ok(match kind {
            "response.output_audio.delta" => self.audio()?,
            "response.output_audio.done" => ModelEvent::AudioDone { response: self.response()?, item: self.item()? },
            "response.output_audio_transcript.delta" => {
                ModelEvent::AgentSays { item: self.item()?, text: words(wire.delta).unwrap_or_default() }
            }
            "response.output_audio_transcript.done" => {
                ModelEvent::AgentSaid { item: self.item()?, text: words(wire.transcript).unwrap_or_default() }
            }
            "input_audio_buffer.speech_started" => {
                ModelEvent::SpeechStarted { item: self.item_if_any(), at_ms: whole(wire.audio_start_ms) }
            }
            "input_audio_buffer.speech_stopped" => {
                ModelEvent::SpeechStopped { item: self.item_if_any(), at_ms: whole(wire.audio_end_ms) }
            }
            "input_audio_buffer.committed" => ModelEvent::Committed { item: self.item()? },
            "conversation.item.input_audio_transcription.delta" => {
                ModelEvent::CallerSays { item: self.item()?, text: words(wire.delta).unwrap_or_default() }
            }
            "conversation.item.input_audio_transcription.completed" => {
                let text = words(wire.transcript).filter(|text| !text.reveal().trim().is_empty());
                ModelEvent::CallerSaid { item: self.item()?, text }
            }
            "conversation.item.input_audio_transcription.failed" => {
                ModelEvent::CallerSaid { item: self.item()?, text: None }
            }
            "response.created" => ModelEvent::ResponseStarted { response: self.inner_response()?.0 },
            "response.done" => self.response_done()?,
            "response.mcp_call.in_progress" => self.remote_tool(RemoteStage::Begun)?,
            "response.mcp_call.completed" => self.remote_tool(RemoteStage::Done)?,
            "response.mcp_call.failed" => self.remote_tool(RemoteStage::Failed)?,
            "response.output_item.done" => self.output_item()?,
            "session.created" => self.session(),
            "session.updated" => ModelEvent::Ready,
            "error" => ModelEvent::Error(self.error()),
            kind if KNOWN.contains(&kind) => ModelEvent::Noted,
            kind => ModelEvent::Unknown { kind: name(kind) },
        })
    }

    fn audio(&self) -> Result<ModelEvent, DecodeError> {
        let delta = text(self.wire.delta).ok_or_else(|| missing("delta"))?;
        if delta.is_empty() {
            return Ok(ModelEvent::Noted);
        }
        Ok(ModelEvent::Audio {
            response: self.response()?,
            item: self.item()?,
            content_index: u32::try_from(whole(self.wire.content_index)).unwrap_or_default(),
            payload: self.payload(delta)?,
        })
    }

    /// Some encoders leave the padding out; that is put right, anything else is not audio.
    fn payload(&self, delta: Cow<'a, str>) -> Result<Payload, DecodeError> {
        let audio = self.slice(delta);
        let padding = ["", "", "==", "="][audio.len() % 4];
        let audio = if padding.is_empty() { audio } else { format!("{audio}{padding}").into() };
        Payload::parse(audio).map_err(|_| DecodeError("the audio is not base64".to_owned()))
    }

    fn session(&self) -> ModelEvent {
        let session: SessionWire<'_> = inside(self.wire.session);
        ModelEvent::Created {
            session: text(session.id).map(|id| self.slice(id)).unwrap_or_default(),
            expires_at: inside::<Option<u64>>(session.expires_at),
        }
    }

    fn inner_response(&self) -> Result<(ResponseId, ResponseWire<'a>), DecodeError> {
        let response: ResponseWire<'a> = inside(self.wire.response);
        let id = text(response.id).ok_or_else(|| missing("response.id"))?;
        Ok((ResponseId::new(self.slice(id)), response))
    }

    fn response_done(&self) -> Result<ModelEvent, DecodeError> {
        let (response, wire) = self.inner_response()?;
        Ok(ModelEvent::ResponseDone { response, status: status(&wire), usage: usage(wire.usage) })
    }

    /// Only what was completed is a call: an interrupted one may have half its arguments.
    fn output_item(&self) -> Result<ModelEvent, DecodeError> {
        let item: ItemWire<'_> = inside(self.wire.item);
        if !is(item.kind, "function_call") || !is(item.status, "completed") {
            return Ok(ModelEvent::Noted);
        }
        let call = text(item.call_id).ok_or_else(|| missing("item.call_id"))?;
        Ok(ModelEvent::ToolCall {
            response: self.response()?,
            call: ToolCallId::new(self.slice(call)),
            name: text(item.name).ok_or_else(|| missing("item.name"))?.into_owned(),
            arguments: words(item.arguments).unwrap_or_default(),
        })
    }

    fn remote_tool(&self, stage: RemoteStage) -> Result<ModelEvent, DecodeError> {
        Ok(ModelEvent::RemoteTool { item: self.item()?, stage })
    }

    fn error(&self) -> ModelError {
        let error: ErrorWire<'_> = inside(self.wire.error);
        let (kind, message) = (text(error.kind), text(error.message).unwrap_or_default());
        let code = code(&error, &message);
        ModelError {
            severity: severity::of_error(&code, kind.as_deref()),
            code,
            event: text(error.event_id).map(|id| EventId::new(self.slice(id))),
            message: Pii::new(message.into_owned()),
        }
    }

    fn response(&self) -> Result<ResponseId, DecodeError> {
        text(self.wire.response_id).map(|id| ResponseId::new(self.slice(id))).ok_or_else(|| missing("response_id"))
    }

    fn item(&self) -> Result<ItemId, DecodeError> {
        text(self.wire.item_id).map(|id| ItemId::new(self.slice(id))).ok_or_else(|| missing("item_id"))
    }

    /// That the caller speaks matters more than the name of what will become of it.
    fn item_if_any(&self) -> ItemId {
        self.item().unwrap_or_default()
    }

    /// A slice of the frame, unless it had escapes to be resolved.
    fn slice(&self, part: Cow<'a, str>) -> ByteString {
        match part {
            Cow::Borrowed(text) => self.frame.slice_ref(text),
            Cow::Owned(text) => text.into(),
        }
    }
}

#[derive(Deserialize, Default)]
struct SessionWire<'a> {
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    expires_at: Raw<'a>,
}

#[derive(Deserialize, Default)]
struct ResponseWire<'a> {
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    status: Raw<'a>,
    #[serde(borrow)]
    status_details: Raw<'a>,
    #[serde(borrow)]
    usage: Raw<'a>,
}

#[derive(Deserialize, Default)]
struct StatusWire<'a> {
    #[serde(borrow)]
    reason: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Deserialize, Default)]
struct ItemWire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Raw<'a>,
    #[serde(borrow)]
    status: Raw<'a>,
    #[serde(borrow)]
    call_id: Raw<'a>,
    #[serde(borrow)]
    name: Raw<'a>,
    #[serde(borrow)]
    arguments: Raw<'a>,
}

#[derive(Deserialize, Default)]
struct ErrorWire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Raw<'a>,
    #[serde(borrow)]
    code: Raw<'a>,
    #[serde(borrow)]
    message: Raw<'a>,
    #[serde(borrow)]
    event_id: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct UsageWire {
    input_token_details: InputTokens,
    output_token_details: Tokens,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct InputTokens {
    text_tokens: u64,
    audio_tokens: u64,
    cached_tokens_details: Tokens,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tokens {
    text_tokens: u64,
    audio_tokens: u64,
}

/// A status that is not known is an end all the same.
fn status(response: &ResponseWire<'_>) -> ResponseStatus {
    let details: StatusWire<'_> = inside(response.status_details);
    match text(response.status).as_deref() {
        Some("completed") => ResponseStatus::Completed,
        Some("cancelled") => ResponseStatus::Cancelled,
        Some("failed") => failure(inside(details.error)),
        status => {
            ResponseStatus::Incomplete { reason: name(text(details.reason).as_deref().or(status).unwrap_or("unknown")) }
        }
    }
}

fn failure(error: ErrorWire<'_>) -> ResponseStatus {
    let code = code(&error, &text(error.message).unwrap_or_default());
    ResponseStatus::Failed { severity: severity::of_failure(&code, text(error.kind).as_deref()), code }
}

fn code(error: &ErrorWire<'_>, message: &str) -> String {
    name(severity::name(text(error.code).as_deref(), text(error.kind).as_deref(), message))
}

fn usage(raw: Raw<'_>) -> Option<Usage> {
    let wire: UsageWire = inside::<Option<UsageWire>>(raw)?;
    let (input, output) = (wire.input_token_details, wire.output_token_details);
    Some(Usage {
        input_text: input.text_tokens,
        input_audio: input.audio_tokens,
        cached_text: input.cached_tokens_details.text_tokens,
        cached_audio: input.cached_tokens_details.audio_tokens,
        output_text: output.text_tokens,
        output_audio: output.audio_tokens,
    })
}

/// What is inside a field; the default, if that is not there or of another shape.
fn inside<'a, T: Deserialize<'a> + Default>(raw: Raw<'a>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// A string, borrowed unless it has escapes.
fn text<'a>(raw: Raw<'a>) -> Option<Cow<'a, str>> {
    let quoted = raw?.get();
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(quoted).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

fn words(raw: Raw<'_>) -> Option<Pii<String>> {
    text(raw).map(|text| Pii::new(text.into_owned()))
}

fn is(raw: Raw<'_>, expected: &str) -> bool {
    text(raw).as_deref() == Some(expected)
}

/// A whole number, also where it is written with a fraction; nothing is 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and that is what is meant")]
fn whole(raw: Raw<'_>) -> u64 {
    inside::<f64>(raw) as u64
}

fn name(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

fn missing(field: &str) -> DecodeError {
    DecodeError(format!("`{field}` is missing"))
}

/// Where the fault is, and never what stands there.
fn malformed(error: &serde_json::Error) -> DecodeError {
    let kind = match error.classify() {
        serde_json::error::Category::Io => "read",
        serde_json::error::Category::Syntax => "syntax",
        serde_json::error::Category::Data => "shape",
        serde_json::error::Category::Eof => "early end",
    };
    DecodeError(format!("{kind} error at column {}", error.column()))
}

/// Events that are nothing to a call: said twice, for other transports, or for features we do not use.
const KNOWN: [&str; 29] = [
    "conversation.created",
    "conversation.item.added",
    "conversation.item.created",
    "conversation.item.deleted",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.segment",
    "conversation.item.retrieved",
    "conversation.item.truncated",
    "input_audio_buffer.cleared",
    "input_audio_buffer.dtmf_event_received",
    "input_audio_buffer.timeout_triggered",
    "mcp_list_tools.completed",
    "mcp_list_tools.failed",
    "mcp_list_tools.in_progress",
    "output_audio_buffer.cleared",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "rate_limits.updated",
    "response.content_part.added",
    "response.content_part.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.output_item.added",
    "response.output_text.delta",
    "response.output_text.done",
    "transcription_session.created",
    "transcription_session.updated",
];

#[cfg(test)]
mod tests;
