//! The doors to the world: one narrow trait per permission the cloud grants. A function's signature names the
//! doors it needs, and its IAM statement grants exactly those.

mod console;
mod lookout;
mod numbers;
mod watching;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use url::Url;

use crate::agent::{Agent, Entitled, Saved};
use crate::calls::{
    Binding, Call, CallStatus, Claimed, Connection, Holder, Lease, Recorded, Relay, StreamPass, Trace, Waiting,
};
use crate::control::Control;
use crate::hold_music::MusicFile;
use crate::ids::{AgentId, CallSid, ConferenceSid, ConnectionId, MusicId, RelayId, StreamSid, ToolCallId, UploadId};
use crate::limits::Window;
use crate::messages::{Callback, Message};
use crate::money::{Day, Usd};
use crate::ownership::{Lost, Outcome};
use crate::page::{Cursor, Page};
use crate::redact::Pii;
use crate::redact::Secret;
use crate::session::{Event, Journal, Line};
use crate::time::{CallTime, Samples};
use crate::tools::audit::ToolRun;
use crate::tools::own::{HttpAnswer, HttpFault, HttpRequest, ToolSecret};
use crate::tools::{ToolError, ToolOutcome, ToolRequest};
use crate::twilio::rest::NewCall;
use crate::twilio::{setup, twiml};

pub use self::console::{Answering, AskProvider, IndexCalls, NoteActs, ReadActs, SearchCalls};
pub use self::lookout::{LookAround, Looking};
pub use self::numbers::{CarrierNumbers, KeepPointed};
pub use self::watching::{KeepWatchers, ListWatchers, ReadMissed, WatcherSocket, WrittenEvent};

/// Why a door did not open. Vendor errors end here; their text is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// The condition of the write was not met: it exists already, or another holds it.
    #[error("refused: {0}")]
    Conflict(String),
    /// It is not there any more: a closed connection, an expired item.
    #[error("gone")]
    Gone,
    /// Too much at once; the same may work in a moment.
    #[error("throttled: {0}")]
    Throttled(String),
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// What came back is not what was put in.
    #[error("unreadable: {0}")]
    Corrupt(String),
}

pub type PortResult<T> = Result<T, PortError>;

/// Wall-clock time, for records and expiries. The heart has [`CallTime`] instead.
pub trait Clock: Send + Sync {
    fn unix_ms(&self) -> u64;
}

/// What cannot be guessed.
pub trait Random: fmt::Debug + Send + Sync {
    /// At least 128 bits, as text that needs no escaping anywhere.
    fn token(&self) -> PortResult<Secret>;
}

/// `dynamodb:GetItem` and `Query` on calls. Both see every write that was answered before.
pub trait ReadCall: Send + Sync {
    fn call(&self, sid: &CallSid) -> impl Future<Output = PortResult<Option<Call>>> + Send;
    /// Who holds it. `None`: nobody does, or the call is unknown.
    fn lease(&self, sid: &CallSid) -> impl Future<Output = PortResult<Option<Lease>>> + Send;
}

/// `dynamodb:PutItem`, `UpdateItem` and `ConditionCheckItem` on calls.
pub trait WriteCall: Send + Sync {
    /// With its lease, if it has one. Fails with [`PortError::Conflict`] if the call exists: a webhook that Twilio sent
    /// twice.
    fn open_call(&self, call: &Call) -> impl Future<Output = PortResult<()>> + Send;
    /// Takes the call if its fence is still `held` (`None`: nobody's); the new lease has the next fence. Refused with
    /// [`PortError::Conflict`] if it is not, unless the lease is exactly the one that was wanted.
    fn claim(&self, sid: &CallSid, by: &Holder, held: Option<u64>) -> impl Future<Output = PortResult<Claimed>> + Send;
    /// Gives the call away, and with it what the next holder must know. Refused with [`PortError::Conflict`] if another
    /// holds it already.
    fn hand_over(
        &self,
        sid: &CallSid,
        lease: &Lease,
        to: &Holder,
        journal: &Journal,
    ) -> impl Future<Output = PortResult<Lease>> + Send;
    /// Replaces the journal. Refused with [`PortError::Conflict`] if another holds the lease.
    fn write_journal(
        &self,
        sid: &CallSid,
        lease: &Lease,
        journal: &Journal,
    ) -> impl Future<Output = PortResult<()>> + Send;
    /// Refused with [`PortError::Conflict`] if another holds the lease.
    fn set_status(
        &self,
        sid: &CallSid,
        status: CallStatus,
        lease: &Lease,
    ) -> impl Future<Output = PortResult<()>> + Send;
    /// Who answers from here on. Refused with [`PortError::Conflict`] if another holds the lease.
    fn set_agent(&self, sid: &CallSid, agent: &Agent, lease: &Lease) -> impl Future<Output = PortResult<()>> + Send;
    /// The carrier's word, which needs no lease. An ending that is there already stays.
    fn end_call(&self, sid: &CallSid, ending: crate::calls::Ending) -> impl Future<Output = PortResult<()>> + Send;
    /// Another stream of this call was opened; returns how many that makes.
    fn count_stream(&self, sid: &CallSid) -> impl Future<Output = PortResult<u32>> + Send;
}

/// Agents as they are stored, and whose number is whose.
pub trait ReadAgents: Send + Sync {
    /// As it is now.
    fn agent(&self, id: &AgentId) -> impl Future<Output = PortResult<Option<Saved>>> + Send;
    fn agent_version(&self, id: &AgentId, version: u32) -> impl Future<Output = PortResult<Option<Saved>>> + Send;
    /// By their ids. Somewhat later than they are written.
    fn agents(&self) -> impl Future<Output = PortResult<Vec<Entitled>>> + Send;
    /// Newest first, those of before a deletion too.
    fn agent_versions(&self, id: &AgentId) -> impl Future<Output = PortResult<Vec<Entitled>>> + Send;
    /// Who answers this number, if that was said.
    fn answering(&self, number: &str) -> impl Future<Output = PortResult<Option<AgentId>>> + Send;
    /// All numbers of which that was said. Somewhat later than they are written.
    fn numbers(&self) -> impl Future<Output = PortResult<Vec<(String, AgentId)>>> + Send;
}

/// Writes of what [`ReadAgents`] reads. Versions are added and never changed; only which one counts does.
pub trait WriteAgents: Send + Sync {
    /// The next version. Refused with [`PortError::Conflict`] if `current` is not the one that counts (`None`: none does).
    fn save_agent(&self, agent: &Agent, current: Option<u32>) -> impl Future<Output = PortResult<Saved>> + Send;
    /// None counts any more. Refused with [`PortError::Conflict`] if another than `current` does.
    fn delete_agent(&self, id: &AgentId, current: u32) -> impl Future<Output = PortResult<()>> + Send;
    fn assign_number(&self, number: &str, to: &AgentId) -> impl Future<Output = PortResult<()>> + Send;
    fn release_number(&self, number: &str) -> impl Future<Output = PortResult<()>> + Send;
}

/// What a relay writes down while a call runs. Batched by the caller. What is written is named by number, or by time and
/// number, and by the writer's fence: a relay that lost the call adds, and takes nothing of its successor's away.
pub trait Chronicle: Send + Sync {
    fn append(&self, sid: &CallSid, fence: u64, entries: &[Entry]) -> impl Future<Output = PortResult<()>> + Send;
}

/// One thing to write down. Lines are replaced by number, events are kept in order.
#[derive(Clone, PartialEq)]
pub enum Entry {
    Line(Line),
    Event {
        number: u64,
        at: CallTime,
        event: Event,
    },
    /// What the caller said and nobody has understood yet. It is kept for an hour. `from` counts what was heard of the
    /// caller so far in the call. No longer than [`LONGEST_AUDIO`].
    Audio {
        from: Samples,
        mulaw: Bytes,
    },
}

/// Of one [`Entry::Audio`]: whoever looks for the piece in which a position lies looks so far back.
pub const LONGEST_AUDIO: Samples = Samples::from_millis(10_000);

/// A voice does not print.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => f.debug_tuple("Line").field(line).finish(),
            Self::Event { number, at, event } => {
                f.debug_struct("Event").field("number", number).field("at", at).field("event", event).finish()
            }
            Self::Audio { from, mulaw } => {
                f.debug_struct("Audio").field("from", from).field("samples", &mulaw.len()).finish()
            }
        }
    }
}

/// `dynamodb:Query`: what the console and the API read.
pub trait ReadHistory: Send + Sync {
    /// Newest first.
    fn recent_calls(&self, limit: u32, after: Option<&Cursor>) -> impl Future<Output = PortResult<Page<Call>>> + Send;
    fn transcript(&self, sid: &CallSid) -> impl Future<Output = PortResult<Vec<Line>>> + Send;
    fn events(&self, sid: &CallSid) -> impl Future<Output = PortResult<Vec<(CallTime, Event)>>> + Send;
    /// In order, what ends after `from`. Where two relays wrote from the same position, the later holder's.
    fn caller_audio(
        &self,
        sid: &CallSid,
        from: Samples,
    ) -> impl Future<Output = PortResult<Vec<(Samples, Bytes)>>> + Send;
    fn relays(&self) -> impl Future<Output = PortResult<Vec<Relay>>> + Send;
}

/// Signs of life that can be forbidden: what tells a relay that is slow from one that has been given up. A relay that was
/// deposed stays so, and learns of it with its next pulse.
pub trait Pulses: Send + Sync {
    /// [`PortError::Conflict`]: it was deposed, and speaks for no call any more.
    fn pulse(&self, relay: &RelayId) -> impl Future<Output = PortResult<()>> + Send;
    /// Whether it was we who did it first.
    fn depose(&self, relay: &RelayId) -> impl Future<Output = PortResult<bool>> + Send;
}

/// Which calls a relay holds, for whoever takes them over when it is gone. A hint: the lease decides.
pub trait Holdings: Send + Sync {
    fn note_held(&self, relay: &RelayId, sid: &CallSid) -> impl Future<Output = PortResult<()>> + Send;
    fn forget_held(&self, relay: &RelayId, sid: &CallSid) -> impl Future<Output = PortResult<()>> + Send;
    fn held_by(&self, relay: &RelayId) -> impl Future<Output = PortResult<Vec<CallSid>>> + Send;
}

/// Single-use tokens: what ties a stream to the webhook that asked for it. Stored as a hash, with an expiry.
pub trait Tokens: Send + Sync {
    fn issue_token(&self, token: &Secret, pass: &StreamPass) -> impl Future<Output = PortResult<()>> + Send;
    /// [`PortError::Gone`] if unknown, expired or used.
    fn redeem_token(&self, token: &Secret) -> impl Future<Output = PortResult<CallSid>> + Send;
}

/// `dynamodb:GetItem` on tokens: what one is good for, without using it up.
pub trait LookAtTokens: Send + Sync {
    /// `None` if unknown, expired or used.
    fn stream_pass(&self, token: &Secret) -> impl Future<Output = PortResult<Option<StreamPass>>> + Send;
}

/// How often something happened within a minute, by whomever it was counted. Of whom is kept as a hash.
pub trait CountRates: Send + Sync {
    /// Once more; returns how often that makes.
    fn count_rate(
        &self,
        what: &'static str,
        whom: &str,
        window: Window,
    ) -> impl Future<Output = PortResult<u32>> + Send;
}

/// `dynamodb:UpdateItem`: what an agent's calls have cost on a day, by whichever relay.
pub trait CountSpending: Send + Sync {
    /// So much more; returns what that makes.
    fn count_spending(&self, agent: &AgentId, day: Day, amount: Usd) -> impl Future<Output = PortResult<Usd>> + Send;
}

/// The carrier's WebSockets at API Gateway.
pub trait Connections: Send + Sync {
    fn connection_opened(&self, connection: &Connection) -> impl Future<Output = PortResult<()>> + Send;
    fn connection(&self, id: &ConnectionId) -> impl Future<Output = PortResult<Option<Connection>>> + Send;
    fn bind_connection(&self, id: &ConnectionId, binding: &Binding) -> impl Future<Output = PortResult<()>> + Send;
    /// Returns what it was bound to.
    fn connection_closed(&self, id: &ConnectionId) -> impl Future<Output = PortResult<Option<Binding>>> + Send;
}

/// The registry of relays.
pub trait Relays: Send + Sync {
    fn register(&self, relay: &Relay) -> impl Future<Output = PortResult<()>> + Send;
    fn deregister(&self, id: &RelayId) -> impl Future<Output = PortResult<()>> + Send;
    /// Which control socket is the relay's, and that it is closed again.
    fn control_opened(&self, id: &RelayId, connection: &ConnectionId) -> impl Future<Output = PortResult<()>> + Send;
    fn control_closed(&self, connection: &ConnectionId) -> impl Future<Output = PortResult<()>> + Send;
}

/// Calls that were given to a relay since its heartbeat, for whoever chooses one next. The next heartbeat overwrites it.
pub trait Placements: Send + Sync {
    fn note_placed(&self, relay: &RelayId) -> impl Future<Output = PortResult<()>> + Send;
}

/// Callers for whom there is no room yet.
pub trait WaitingLine: Send + Sync {
    /// Until then; for one who stands there already, longer. Whoever has not come back by then is gone.
    fn stand_in_line(&self, waiting: &Waiting, until_ms: u64) -> impl Future<Output = PortResult<()>> + Send;
    fn leave_line(&self, waiting: &Waiting) -> impl Future<Output = PortResult<()>> + Send;
    /// First come, first.
    fn line(&self) -> impl Future<Output = PortResult<Vec<Waiting>>> + Send;
}

/// Commands to a relay, over its control channel.
pub trait RelayControl: Send + Sync {
    fn send(&self, relay: &Relay, command: &Control) -> impl Future<Output = PortResult<()>> + Send;
}

/// `execute-api:ManageConnections`: the caller's side of the gateway path.
pub trait CallerSocket: Send + Sync {
    fn post(&self, id: &ConnectionId, text: &str) -> impl Future<Output = PortResult<()>> + Send;
    fn close(&self, id: &ConnectionId) -> impl Future<Output = PortResult<()>> + Send;
}

/// A relay's private listener: the way of a caller's frames on the gateway path.
pub trait RelayFrames: Send + Sync {
    /// What came of it; whatever goes wrong on the way is an outcome too.
    fn deliver(&self, frame: &Frame<'_>, to: &Holder, patience: Duration) -> impl Future<Output = Outcome> + Send;
    /// No more frames will come over this connection.
    fn closed(&self, id: &ConnectionId, relay: &Url) -> impl Future<Output = PortResult<()>> + Send;
    /// Closes a caller's socket by the hand of any relay: whoever holds this door stands where no way leads to the
    /// gateway.
    fn close_socket(&self, id: &ConnectionId, relay: &Relay) -> impl Future<Output = PortResult<()>> + Send;
}

/// A caller's frame on its way to a relay.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    pub connection: &'a ConnectionId,
    pub call: &'a CallSid,
    pub stream: &'a StreamSid,
    /// As it came.
    pub text: &'a str,
    /// No other relay can have it.
    pub sole: bool,
    /// With it comes the call, which its holder has lost.
    pub lost: Option<&'a Lost>,
}

/// Other relays' private listeners.
pub trait Peers: Send + Sync {
    /// The holder of a call is told that it does not answer, and asked to give the call up.
    fn ask_to_yield(&self, sid: &CallSid, lease: &Lease) -> impl Future<Output = Yielding> + Send;
    /// The successor is told that the call is its own.
    fn give(&self, sid: &CallSid, lease: &Lease) -> impl Future<Output = PortResult<()>> + Send;
}

/// What a holder says that was asked to give up a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yielding {
    /// It has fallen silent, and will not speak for the call again.
    Yielded,
    /// It speaks, and the caller's frames reach it.
    Busy,
    /// Connections are refused, or another process answers there.
    Dead,
    Silent,
}

/// `lambda:InvokeFunction` on `tool-call`.
pub trait RunTools: Send + Sync {
    fn run(&self, request: &ToolRequest) -> impl Future<Output = ToolOutcome> + Send;
}

/// The tool's own record of calls it has carried out, so that one is never carried out twice.
pub trait ToolLedger: Send + Sync {
    /// `Ok(None)`: go ahead. `Some`: this was done already, with this outcome. [`PortError::Conflict`]: it is being done, or
    /// was begun by a process that died, and must not be begun again ([`ToolRequest::is_idempotent`]).
    fn begin(&self, request: &ToolRequest) -> impl Future<Output = PortResult<Option<ToolOutcome>>> + Send;
    fn finish(&self, request: &ToolRequest, outcome: &ToolOutcome) -> impl Future<Output = PortResult<()>> + Send;
    /// How it ended; `None`: it has not.
    fn outcome(&self, request: &ToolRequest) -> impl Future<Output = PortResult<Option<ToolOutcome>>> + Send;
}

/// `dynamodb:PutItem`: what callers leave for people. What is kept twice by the same names is kept once, as it was.
pub trait Mailbox: Send + Sync {
    fn keep_message(&self, message: &Message) -> impl Future<Output = PortResult<()>> + Send;
    fn keep_callback(&self, callback: &Callback) -> impl Future<Output = PortResult<()>> + Send;
}

/// `dynamodb:Query`, and `UpdateItem` for what is not wanted any more.
pub trait OpenMailbox: Send + Sync {
    /// Newest first.
    fn messages(&self, limit: u32) -> impl Future<Output = PortResult<Vec<Message>>> + Send;
    fn messages_of(&self, sid: &CallSid) -> impl Future<Output = PortResult<Vec<Message>>> + Send;
    /// What is due first comes first.
    fn callbacks(&self, limit: u32) -> impl Future<Output = PortResult<Vec<Callback>>> + Send;
    /// [`PortError::Gone`] if there is none of this name. To cancel twice is to cancel.
    fn cancel_callback(&self, sid: &CallSid, id: &ToolCallId) -> impl Future<Output = PortResult<()>> + Send;
}

/// The items that the lookup tools read.
pub trait ReferenceData: Send + Sync {
    fn item(&self, kind: &str, id: &str) -> impl Future<Output = PortResult<Option<serde_json::Value>>> + Send;
    fn items(&self, kind: &str) -> impl Future<Output = PortResult<Vec<serde_json::Value>>> + Send;
}

/// One HTTP request to the open internet, for tools of one's own. Judges where it goes, name and address, by
/// [`Guard`](crate::tools::address::Guard), and connects to the address that was judged. Follows nothing, repeats nothing.
pub trait SendHttp: Send + Sync {
    fn send(&self, request: &HttpRequest) -> impl Future<Output = Result<HttpAnswer, HttpFault>> + Send;
    /// Between two attempts.
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// `secretsmanager:GetSecretValue` on the tools' secrets: the one of this name.
pub trait ToolSecrets: Send + Sync {
    fn secret(&self, name: &str) -> impl Future<Output = PortResult<Option<ToolSecret>>> + Send;
}

/// `lambda:InvokeFunction` on functions of one's own. Invokes once.
pub trait InvokeFunction: Send + Sync {
    fn invoke(
        &self,
        arn: &str,
        event: &Pii<String>,
        patience: Duration,
    ) -> impl Future<Output = Result<Vec<u8>, ToolError>> + Send;
}

/// `dynamodb:PutItem`: that a tool was called, and how it went.
pub trait AuditTools: Send + Sync {
    fn note_run(&self, sid: &CallSid, run: &ToolRun) -> impl Future<Output = PortResult<()>> + Send;
}

/// `dynamodb:Query`: the tools that a call has called, in order.
pub trait ReadAudit: Send + Sync {
    fn tool_runs(&self, sid: &CallSid) -> impl Future<Output = PortResult<Vec<ToolRun>>> + Send;
}

/// A GET on the open internet that answers JSON.
pub trait Fetch: Send + Sync {
    fn get_json(&self, url: &url::Url) -> impl Future<Output = PortResult<serde_json::Value>> + Send;
}

/// `s3:PutObject`, `GetObject`, `DeleteObject` on recordings.
pub trait Recordings: Send + Sync {
    /// A few seconds of the call, numbered from 0: interleaved stereo µ-law. Holders of the call that follow one another
    /// within these seconds each put their part.
    fn put_segment(
        &self,
        of: &Recorded,
        number: u32,
        fence: u64,
        stereo: Vec<u8>,
    ) -> impl Future<Output = PortResult<()>> + Send;
    /// Joins all segments to one WAV and removes them. Parts of one segment are laid over each other. Safe to repeat.
    fn finish_recording(&self, of: &Recorded) -> impl Future<Output = PortResult<()>> + Send;
    fn recording(&self, sid: &CallSid) -> impl Future<Output = PortResult<Option<Vec<u8>>>> + Send;
}

/// `s3:GetObject` on finished recordings, for whoever wants to hear one; and the rest of it for one that nobody has finished.
pub trait ReadRecording: Send + Sync {
    /// Itself if it has no more than `at_most` bytes, and else where it may be had for some minutes.
    fn read_recording(
        &self,
        sid: &CallSid,
        at_most: u64,
    ) -> impl Future<Output = PortResult<Option<FoundRecording>>> + Send;
    /// For a call that is over: its relay may not have lived to join what it stored. Returns whether that was so.
    fn mend_recording(&self, of: &Recorded) -> impl Future<Output = PortResult<bool>> + Send;
    /// Where it may be had for [`LINKS_LAST`], by this name; `None`: it is not there.
    fn recording_url(&self, sid: &CallSid, file_name: &str) -> impl Future<Output = PortResult<Option<Url>>> + Send;
}

/// Of a URL that is handed out.
pub const LINKS_LAST: Duration = Duration::from_secs(5 * 60);

/// `s3:ListBucket` and `DeleteObject` on recordings.
pub trait EraseRecordings: Send + Sync {
    /// Joined or in segments. To erase twice is to erase.
    fn erase_recording(&self, sid: &CallSid) -> impl Future<Output = PortResult<()>> + Send;
}

/// `dynamodb:Query` and `BatchWriteItem`: the calls of a number, and their end.
pub trait EraseCalls: Send + Sync {
    /// From or to this number, the earliest first, from where another answer left off.
    fn calls_of(
        &self,
        number: &str,
        after: Option<&Trace>,
        limit: u32,
    ) -> impl Future<Output = PortResult<Vec<Trace>>> + Send;
    /// All that is written down of it, and last of all what it is found by: whatever is interrupted is found again.
    fn erase_call(&self, call: &Trace) -> impl Future<Output = PortResult<()>> + Send;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundRecording {
    Whole(Vec<u8>),
    At(url::Url),
}

/// `s3:GetObject` on hold music, for whoever plays it.
pub trait ReadMusic: Send + Sync {
    /// `known`: the tag of what the caller of this has already. [`PortError::Gone`]: there is no such piece any more.
    fn music(&self, id: &MusicId, known: Option<&str>) -> impl Future<Output = PortResult<FoundMusic>> + Send;
}

/// A piece of hold music, as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundMusic {
    /// What is known already.
    Same,
    /// Raw µ-law, and by which tag to know it again.
    Other { tag: String, mulaw: Bytes },
}

/// `s3:GetObject`, `PutObject`, `DeleteObject` and `ListBucket` on hold music.
pub trait KeepMusic: Send + Sync {
    /// In order of their ids; no more than [`MOST_FILES`](crate::hold_music::MOST_FILES).
    fn music_files(&self) -> impl Future<Output = PortResult<Vec<MusicFile>>> + Send;
    /// With it there is the file; without it there is not.
    fn put_music(&self, file: &MusicFile, mulaw: Vec<u8>) -> impl Future<Output = PortResult<()>> + Send;
    /// [`PortError::Gone`]: there is none.
    fn delete_music(&self, id: &MusicId) -> impl Future<Output = PortResult<()>> + Send;
    /// As a WAV file: itself if it has no more than `at_most` bytes, and else where it may be had for some minutes.
    /// [`PortError::Gone`]: there is none.
    fn listen(&self, id: &MusicId, at_most: u64) -> impl Future<Output = PortResult<FoundRecording>> + Send;
    /// A place for a file of exactly so many bytes that is too large for a request, for some minutes.
    fn open_upload(&self, bytes: u64) -> impl Future<Output = PortResult<MusicUpload>> + Send;
    /// What was put there, unless it is larger than `at_most`. [`PortError::Gone`]: nothing was.
    fn take_upload(&self, id: &UploadId, at_most: u64) -> impl Future<Output = PortResult<Uploaded>> + Send;
}

/// Where a file may be put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MusicUpload {
    pub id: UploadId,
    pub url: Url,
    pub expires_in: Duration,
}

/// What was found where a file was to be put. It is gone from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uploaded {
    File(Vec<u8>),
    TooLarge,
}

/// Twilio's REST API, as far as its set-up can be seen there.
pub trait CarrierAccount: Send + Sync {
    fn account(&self) -> impl Future<Output = PortResult<setup::Account>> + Send;
}

/// Twilio's conferences, as far as nobody is to be left alone in one.
pub trait Conferences: Send + Sync {
    /// Whose calls are in it now. [`PortError::Gone`]: there is no such conference.
    fn inside(&self, conference: &ConferenceSid) -> impl Future<Output = PortResult<Vec<CallSid>>> + Send;
    /// Everybody leaves it.
    fn end_conference(&self, conference: &ConferenceSid) -> impl Future<Output = PortResult<()>> + Send;
}

/// Twilio's REST API, as far as a running call needs it.
pub trait Telephony: Send + Sync {
    fn hang_up(&self, sid: &CallSid) -> impl Future<Output = PortResult<()>> + Send;
    /// Leaves whatever the call is doing, a stream included, and does this instead.
    fn instruct(&self, sid: &CallSid, twiml: &twiml::Response) -> impl Future<Output = PortResult<()>> + Send;
    /// Calls somebody. [`PortError::Conflict`]: refused, and nobody was called. Any other error may mean that they were.
    fn call(&self, call: &NewCall) -> impl Future<Output = PortResult<CallSid>> + Send;
}
