//! The neutral vocabulary between the heart and any speech-to-speech model, and the registry of its dialects.
//!
//! The heart speaks only this. A vendor is one [`Dialect`]: a pure codec and what the vendor can do.

pub mod openai_realtime;

use std::ops::RangeInclusive;
use std::time::Duration;

use bytestring::ByteString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::audio::Payload;
use crate::ids::{EventId, ItemId, ResponseId, ToolCallId};
use crate::redact::{Pii, Secret};
use crate::session::Speaker;
use crate::tools::ToolSpec;

/// Which vendor's API answers a call. Adding one is a file beside this and a line in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    #[default]
    OpenaiRealtime,
}

/// The registry: one line for each vendor.
pub fn dialect(backend: Backend) -> &'static dyn Dialect {
    match backend {
        Backend::OpenaiRealtime => &openai_realtime::OpenaiRealtime,
    }
}

/// A vendor's API as a pure codec.
pub trait Dialect: Send + Sync + std::fmt::Debug {
    fn capabilities(&self) -> Capabilities;

    /// What an agent can choose from.
    fn offer(&self) -> Offer;

    /// Where to connect and what to say in the handshake.
    fn handshake(&self, endpoint: &url::Url, agent: &Agent, key: &Secret) -> Handshake;

    /// Writes one command as the text of one frame. `out` is cleared first.
    fn encode(&self, command: &ModelCommand, out: &mut String);

    /// Reads one text frame. What is unknown is [`ModelEvent::Unknown`], not an error.
    fn decode(&self, frame: &ByteString) -> Result<ModelEvent, DecodeError>;

    /// What it means that the vendor closed the socket. A socket that broke without a word has code 1006.
    fn close_severity(&self, code: u16, reason: &str) -> Severity;

    /// What it means that the vendor answered the handshake with this status in place of 101.
    fn handshake_severity(&self, http_status: u16) -> Severity;
}

/// What a vendor's API can do; the heart asks here and never for a vendor's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Cancels its own response when it hears the caller; otherwise we send [`ModelCommand::CancelResponse`].
    pub interrupts_itself: bool,
    /// Can be told how much of an item was heard.
    pub truncates: bool,
    /// A session is ended by the vendor after this long.
    pub longest_session: Option<Duration>,
    /// What a fresh session is told of the conversation so far, at most, by our estimate.
    pub recall_tokens: u64,
}

/// What a vendor has. It is asked when an agent is written, and never while a call runs: a model that came later, or a
/// voice, still answers for whoever names it in the environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub voices: &'static [&'static str],
    /// How the id of a voice begins that was made to order.
    pub own_voices: Option<&'static str>,
    pub speeds: RangeInclusive<f32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    pub url: url::Url,
    /// Header names in lower case.
    pub headers: Vec<(&'static str, Secret)>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the model sent a frame that is not JSON of a known shape ({0})")]
pub struct DecodeError(pub String);

/// What we tell the model.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelCommand {
    /// First words of a session. Answered by [`ModelEvent::Ready`].
    Configure(Box<SessionConfig>),
    /// Another agent in a session that is under way, less what cannot be changed any more. Answered as the first words are.
    Reconfigure(Box<SessionConfig>),
    AppendAudio(Payload),
    /// Ask for a response. Only the sequencer of the heart sends this, one at a time.
    CreateResponse {
        event: EventId,
        instructions: Option<Pii<String>>,
        tools: ToolUse,
    },
    CancelResponse,
    /// The caller heard this much of the item and no more.
    Truncate {
        item: ItemId,
        content_index: u32,
        heard_ms: u64,
    },
    ToolOutput {
        call: ToolCallId,
        output: Pii<String>,
    },
    /// Something the model should know and not hear: a system message.
    Note {
        text: Pii<String>,
    },
    /// A line of the conversation: what was said in an earlier session of the same call, or what an operator whispers.
    Remember {
        speaker: Speaker,
        text: Pii<String>,
    },
}

/// Whether a response may call tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolUse {
    #[default]
    Allowed,
    Forbidden,
}

/// Everything a fresh session is told: the agent, and what tools it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionConfig {
    pub event: EventId,
    pub agent: Agent,
    /// The agent's, with its variables filled in.
    pub instructions: Pii<String>,
    pub tools: Vec<ToolSpec>,
}

/// How far a tool is that the vendor calls itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteStage {
    Begun,
    Done,
    Failed,
}

/// What the model tells us.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelEvent {
    /// The session exists; it is not yet ours to use.
    Created {
        session: ByteString,
        expires_at: Option<u64>,
    },
    /// The session is as [`ModelCommand::Configure`] asked.
    Ready,
    SpeechStarted {
        item: ItemId,
        at_ms: u64,
    },
    SpeechStopped {
        item: ItemId,
        at_ms: u64,
    },
    /// The caller's turn has become an item of the conversation: it is the model's turn.
    Committed {
        item: ItemId,
    },
    /// A piece of what the caller said, as it is being made out.
    CallerSays {
        item: ItemId,
        text: Pii<String>,
    },
    /// What the caller said, later than it was said. `None`: it could not be made out.
    CallerSaid {
        item: ItemId,
        text: Option<Pii<String>>,
    },
    ResponseStarted {
        response: ResponseId,
    },
    Audio {
        response: ResponseId,
        item: ItemId,
        content_index: u32,
        payload: Payload,
    },
    AudioDone {
        response: ResponseId,
        item: ItemId,
    },
    /// A piece of what the agent says, ahead of its sound.
    AgentSays {
        item: ItemId,
        text: Pii<String>,
    },
    AgentSaid {
        item: ItemId,
        text: Pii<String>,
    },
    /// A function_call item that was completed; interrupted ones do not arrive here.
    ToolCall {
        response: ResponseId,
        call: ToolCallId,
        name: String,
        arguments: Pii<String>,
    },
    /// The vendor calls a tool of one of the agent's servers; its result becomes part of the conversation there.
    RemoteTool {
        item: ItemId,
        stage: RemoteStage,
    },
    ResponseDone {
        response: ResponseId,
        status: ResponseStatus,
        usage: Option<Usage>,
    },
    Error(ModelError),
    /// Known, and nothing to us.
    Noted,
    /// A type we do not know: counted by its name, survived.
    Unknown {
        kind: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseStatus {
    Completed,
    /// By the caller's speech or by us.
    Cancelled,
    /// Cut short by a limit or a filter.
    Incomplete {
        reason: String,
    },
    Failed {
        code: String,
        severity: Severity,
    },
}

/// An error event. `message` may quote what we sent, so it is not for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelError {
    pub code: String,
    pub message: Pii<String>,
    /// The command of ours that it answers.
    pub event: Option<EventId>,
    pub severity: Severity,
}

/// What an error means for the call. The dialect knows its vendor's codes; the heart knows what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A race that both sides survive.
    Benign,
    /// A response was asked for while one was active: ask again when it is done.
    Busy,
    /// This did not work; the same may work in a moment.
    Retry,
    /// The session has ended; another may be dialled.
    SessionOver,
    /// The account, the key or the request is wrong; asking again would not help.
    Fatal,
}

/// Tokens of a response, for the bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    pub input_text: u64,
    pub input_audio: u64,
    pub cached_text: u64,
    pub cached_audio: u64,
    pub output_text: u64,
    pub output_audio: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_text = self.input_text.saturating_add(other.input_text);
        self.input_audio = self.input_audio.saturating_add(other.input_audio);
        self.cached_text = self.cached_text.saturating_add(other.cached_text);
        self.cached_audio = self.cached_audio.saturating_add(other.cached_audio);
        self.output_text = self.output_text.saturating_add(other.output_text);
        self.output_audio = self.output_audio.saturating_add(other.output_audio);
    }
}
