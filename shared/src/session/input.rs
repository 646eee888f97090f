//! What can happen to a call.

use serde::{Deserialize, Serialize};

use crate::agent::{Agent, Whom};
use crate::audio::hold_music::Piece;
use crate::ids::{MusicId, SocketNumber, StreamSid, ToolCallId};
use crate::model::{ModelEvent, Severity};
use crate::money::Usd;
use crate::redact::Pii;
use crate::tools::{ToolOutcome, ToolSpec};
use crate::transfer::{Carried, News};
use crate::twilio::media::StreamMessage;

/// One thing that happened. The driver hands each over once, in the order in which it learned of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A stream of the carrier's is now this call's. Its messages follow; a second stream replaces the first.
    CallerAttached {
        stream: StreamSid,
    },
    Caller(StreamMessage),
    /// The stream's socket is gone, and no `stop` was seen.
    CallerDetached {
        stream: StreamSid,
    },
    /// The carrier says that the call is over.
    CallEnded,
    /// The socket that [`Output::DialModel`](super::Output::DialModel) asked for is open.
    ModelConnected(SocketNumber),
    Model(SocketNumber, ModelEvent),
    /// The socket is gone or never came to be.
    ModelDisconnected {
        socket: SocketNumber,
        cause: ModelLoss,
    },
    Tool {
        call: ToolCallId,
        outcome: ToolOutcome,
    },
    /// What all calls of the agent's have cost today, with what [`Output::CountSpent`](super::Output::CountSpent) added.
    DaySpent {
        total: Usd,
    },
    /// What became of an errand: [`Output::Carrier`](super::Output::Carrier).
    Carried {
        number: u32,
        outcome: Carried,
    },
    /// What the carrier tells of a transfer.
    Transfer(News),
    Operator(OperatorCommand),
    /// A file of hold music is here. It plays while it is the agent's; until it is here, and without it, the built-in piece.
    HoldMusic {
        file: MusicId,
        piece: Piece,
    },
    /// Another agent is to answer from here on, as far as it can take the place of the one that began.
    AgentChanged {
        agent: Box<Agent>,
        tools: Vec<ToolSpec>,
    },
    /// Somebody watches, or nobody does any more: [`Output::Speaking`](super::Output::Speaking) and
    /// [`Output::Quality`](super::Output::Quality) are for them.
    Watched(bool),
    /// The process is going away: let go of the call at the next quiet moment.
    HandOver,
    /// The process is going away now.
    Shutdown,
    /// Time has passed: call at [`Session::deadline`](super::Session::deadline), or whenever.
    Tick,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelLoss {
    /// A stable word for logs and metrics: `http_401`, `timeout`, `closed_4000`, `refused` …
    pub code: String,
    pub severity: Severity,
}

/// What a person at the console may ask of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum OperatorCommand {
    HangUp,
    /// The caller hears music, and nobody else talks to them.
    Hold,
    /// A caller on hold, or on the way to somebody, is the agent's again.
    Resume,
    /// Nothing that is said is kept.
    PauseRecording,
    ResumeRecording,
    /// To one of the agent's transfer targets, by name or by number, or to several.
    Transfer {
        to: Whom,
        why: Pii<String>,
    },
    /// Something for the agent to know. The caller does not hear it.
    Whisper {
        text: Pii<String>,
    },
    /// The agent says this, word for word, as soon as nobody else speaks.
    Say {
        text: Pii<String>,
    },
}
