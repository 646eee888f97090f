//! What the heart wants done. Values only: a scenario file prints them, a test compares them.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::journal::{Journal, Succession};
use super::on_hold::{HeldBy, OffHold};
use super::recording::{PausedBy, ResumedBy};
use super::transfer::TransferredBy;
use crate::agent::Agent;
use crate::agent::TransferKind;
use crate::audio::Payload;
use crate::audio::recording::RecordOp;
use crate::calls::{CallStatus, Ending};
use crate::ids::{ItemId, ResponseId, SocketNumber, StreamSid, ToolCallId};
use crate::model::{ModelCommand, Usage};
use crate::money::{Cost, Usd};
use crate::redact::Pii;
use crate::time::{CallTime, Samples};
use crate::tools::call_control::HangUpReason;
use crate::tools::{ToolErrorKind, ToolRequest};
use crate::transfer::{Errand, TransferFailure};

/// One thing to do, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// To the carrier's stream.
    Caller(ToCaller),
    /// To one of the model's sockets. Only while it is connected.
    Model(SocketNumber, ModelCommand),
    /// Open a socket to the model. Two at most are open at a time: the one in use, and the one that is to take its place.
    DialModel(SocketNumber),
    CloseModel(SocketNumber),
    RunTool(ToolRequest),
    CancelTool(ToolCallId),
    /// To be carried out one after the other, and like a tool not before the journal is written; the outcome is
    /// [`Input::Carried`](super::Input::Carried).
    Carrier(Errand),
    Record(RecordOp),
    /// A line of the transcript, new or more complete than before: same `number`, same line.
    Transcript(Line),
    /// A line that is being spoken, with its words so far. Never written down; only while somebody watches.
    Speaking(Line),
    /// How good the line is, about once a second. Never written down; only while somebody watches.
    Quality(LineQuality),
    /// A tool that is called, and once it has answered what. Never written down; only while somebody watches.
    ToolWords(ToolWords),
    /// For the log, the metrics and whoever watches.
    Event(Event),
    Status(CallStatus),
    /// The model has taken this agent; whoever goes on with the call answers as it does.
    Agent(Box<Agent>),
    /// What a successor needs, as of now; replaces the one before. Those of the outputs before it that are to be written down
    /// are written first, and a [`RunTool`](Self::RunTool) after it waits until it is.
    Journal(Box<Journal>),
    /// What the caller said and no model has understood yet: µ-law, and where it lies in all that was heard of them.
    KeepSpeech {
        from: Samples,
        mulaw: Bytes,
    },
    /// Add this to what the agent's calls have cost today, and hand in what that makes.
    CountSpent(Usd),
    /// End the call. Comes once, and last.
    HangUp(Ending),
    /// Let go of the call without ending it: another relay goes on from here. Comes once, and last.
    LetGo(Box<Journal>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum ToCaller {
    Media { stream: StreamSid, payload: Payload },
    Mark { stream: StreamSid, mark: Mark },
    Clear { stream: StreamSid },
}

/// A place in what was sent to the caller. Its echo says that the audio before it was played, if the generation is
/// still the current one: a `clear` sends all pending marks back and begins another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark {
    pub generation: u32,
    pub number: u64,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g{}m{}", self.generation, self.number)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a mark of ours")]
pub struct NotOurs;

impl FromStr for Mark {
    type Err = NotOurs;

    fn from_str(name: &str) -> Result<Self, NotOurs> {
        let (generation, number) = name.strip_prefix('g').and_then(|rest| rest.split_once('m')).ok_or(NotOurs)?;
        Ok(Self { generation: generation.parse().map_err(|_| NotOurs)?, number: number.parse().map_err(|_| NotOurs)? })
    }
}

/// One utterance. The number is given when it begins, so a late transcription still finds its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    pub number: u32,
    pub at: CallTime,
    pub speaker: Speaker,
    pub item: ItemId,
    /// `None`: spoken, but not made out.
    pub text: Option<Pii<String>>,
    /// The caller spoke into it.
    pub interrupted: Option<Interruption>,
    /// Of the caller's: where in their audio it ends. A successor does not hear it again, even if the journal is older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_out_to: Option<Samples>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    Caller,
    Agent,
    /// A person at the console, to the agent: the caller does not hear it.
    Operator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Interruption {
    pub heard_ms: u64,
    /// How much of it had been sent by then.
    pub sent_ms: u64,
}

/// How good the caller's line is. `late`, `lost`: of their frames, over the whole call as far as this relay has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineQuality {
    /// How unevenly frames come, as RFC 3550 counts it.
    pub jitter_ms: u64,
    pub late: u64,
    pub lost: u64,
    /// How late the slowest mark of that second came back; `None`: none did.
    pub mark_ms: Option<u64>,
}

/// What a tool is asked and what it answers, as the model says it and gets it; long ones are cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolWords {
    pub id: ToolCallId,
    pub name: String,
    pub arguments: Pii<String>,
    /// `None`: it has not answered.
    pub output: Option<Pii<String>>,
}

/// Something worth knowing about a call. None of these carries a number or a word of the caller's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The call was another relay's. `behind_ms`: how old the journal was from which it goes on.
    Resumed {
        succession: Succession,
        behind_ms: Option<u64>,
    },
    CallerAttached {
        stream: StreamSid,
    },
    CallerDetached,
    ModelDialled {
        attempt: u32,
    },
    ModelReady {
        after_ms: u64,
    },
    ModelLost {
        code: String,
        fatal: bool,
    },
    /// Another session goes on in place of one that is as old as this. `quiet`: at a moment when nobody could notice.
    ModelRenewed {
        after_ms: u64,
        quiet: bool,
    },
    /// The session that was to take over cannot; the one in use goes on. `fatal`: no other is tried.
    RenewalFailed {
        code: String,
        fatal: bool,
    },
    ModelError {
        code: String,
    },
    ModelUnknown {
        kind: String,
    },
    /// `start` to the first frame of the greeting.
    Greeted {
        after_ms: u64,
    },
    /// The end of the caller's speech to the first audio of the answer.
    Answered {
        after_ms: u64,
    },
    /// A turn of the caller's, when its answer has been heard out or was spoken into. `first_audio_ms`, `answer_ms`: from the
    /// end of their speech to the first sound, music included, and to the answer. `tool_ms`: how long tools ran. `mark_ms`: how
    /// late its slowest mark came back. `barge_in_ms`: from their first sound to the end of what they spoke into.
    Turn {
        number: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first_audio_ms: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer_ms: Option<u64>,
        tool_ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mark_ms: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        barge_in_ms: Option<u64>,
    },
    /// What the call has cost so far: once a minute, and at its end.
    Cost(Cost),
    /// The model has been told to bring the call to an end.
    SpendWarning,
    BargeIn {
        item: ItemId,
        heard_ms: u64,
        sent_ms: u64,
    },
    ResponseDone {
        response: ResponseId,
        status: String,
        usage: Option<Usage>,
    },
    ResponseRejected {
        code: String,
    },
    ToolStarted {
        call: ToolCallId,
        name: String,
    },
    ToolFinished {
        call: ToolCallId,
        name: String,
        took_ms: u64,
        error: Option<ToolErrorKind>,
    },
    /// An outcome that came when nobody waited for it any more.
    ToolLate {
        call: ToolCallId,
    },
    HoldStarted,
    HoldStopped,
    /// The caller pressed a key. Which one is masked: together they may be the number of a card.
    Dtmf {
        digit: Pii<char>,
    },
    /// A string of digits has ended. `action`: what the agent's keypad did with it; otherwise the model was told.
    Digits {
        count: u32,
        ended_by: DigitsEnd,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<String>,
    },
    /// The agent pressed keys.
    DtmfSent {
        count: u32,
        lasts_ms: u64,
    },
    /// An operator has told the agent something. What it was is a line of the transcript.
    Whispered,
    /// An operator has the agent say something. `waiting`: with it, so many of their sentences have not been said yet.
    SayAsked {
        waiting: u64,
    },
    /// The agent says something of an operator's.
    Said {
        after_ms: u64,
    },
    OnHold {
        by: HeldBy,
        longest_ms: u64,
    },
    OffHold {
        why: OffHold,
        after_ms: u64,
    },
    /// From here on nothing that is said is kept.
    RecordingPaused {
        by: PausedBy,
        longest_ms: u64,
    },
    RecordingResumed {
        by: ResumedBy,
        after_ms: u64,
    },
    /// The agent wants the call to end.
    HangUpAsked {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<HangUpReason>,
    },
    /// The caller is to be put through. `to`: the target's name, or those of several; none for a number that is not among them.
    TransferAsked {
        to: String,
        kind: TransferKind,
        by: TransferredBy,
    },
    /// Of several who were called at once, this one took the call, or did not (`why`).
    TransferAnswer {
        to: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<TransferFailure>,
        after_ms: u64,
    },
    TransferFailed {
        why: TransferFailure,
        after_ms: u64,
    },
    /// Somebody has the caller.
    Transferred {
        after_ms: u64,
    },
    /// A message for somebody is written down.
    MessageTaken {
        call: ToolCallId,
    },
    /// A request to be called back is written down.
    CallbackScheduled {
        call: ToolCallId,
    },
    /// Frames of the caller's that never came. Counts like this one run over the whole call and are told at powers
    /// of two and at the end, so that a bad line does not fill the log.
    FramesLost {
        count: u64,
    },
    FramesDropped {
        reason: DropReason,
        count: u64,
    },
    SilenceFilled {
        ms: u64,
    },
    PrerollDropped {
        ms: u64,
    },
    /// Audio of responses that were cancelled, or that nobody was there to hear.
    AudioDropped {
        ms: u64,
    },
    /// Another agent answers from here on. `version`: which of those that are stored under its id.
    AgentChanged {
        version: u32,
    },
    /// The model did not take another agent; the one before goes on.
    AgentRefused {
        code: String,
    },
    /// A message that made no sense where it came: another stream's, a second `start` …
    Unexpected {
        what: String,
    },
    Ended {
        ending: Ending,
        after_ms: u64,
    },
}

/// What ended a string of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DigitsEnd {
    FinishOnKey,
    NumDigits,
    Timeout,
    /// It is an entry of the keypad's, and these act at once.
    Entry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    Duplicate,
    Late,
    WrongStream,
}
