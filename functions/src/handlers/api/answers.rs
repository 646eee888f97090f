//! What the API answers with, where it is no record of `shared`: named, so that the document that describes it is made of the
//! same types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::agent::Entitled;
use shared::calls::{Call, MediaPath, Relay};
use shared::console::{Act, Role};
use shared::hold_music::MusicFile;
use shared::ids::{AgentId, CallSid, RelayId, UploadId};
use shared::insights::Insights;
use shared::messages::{Callback, Message};
use shared::page::Cursor;
use shared::redact::Pii;
use shared::session::{Event, Line};
use shared::summary::Summary;
use shared::time::CallTime;
use shared::tools::audit::ToolRun;
use shared::tools::own::OwnTool;
use shared::tools::{ToolErrorKind, ToolSpec};
use shared::twilio::numbers::AccountNumber;
use url::Url;

/// How the whole is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Status {
    pub(super) version: &'static str,
    pub(super) media_path: MediaPath,
    /// Those that are alive.
    pub(super) relays: u32,
    /// That they hold.
    pub(super) calls: u32,
    /// Whether a relay would take another call.
    pub(super) ready: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PublicUrl {
    pub(super) public_url: Url,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Tools {
    pub(super) tools: Vec<ToolSpec>,
}

/// The account's numbers, and what one that leads here is set to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AccountNumbers {
    /// Whether there is an account at all.
    pub(super) configured: bool,
    /// "A call comes in", by POST.
    pub(super) webhook: String,
    /// "Call status changes", by POST.
    pub(super) status_callback: String,
    pub(super) numbers: Vec<AccountNumber>,
    /// For `after`; none of the last page.
    pub(super) next: Option<Cursor>,
}

/// Newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Calls {
    pub(super) calls: Vec<Call>,
    /// For `after`; none of the last page.
    pub(super) next: Option<Cursor>,
}

/// Newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FoundCalls {
    pub(super) found: Vec<FoundCall>,
    /// For `after`; none of the last page. A page may be short, or empty, and not be the last.
    pub(super) next: Option<Cursor>,
}

/// Of which time, and whether it had more calls than are looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct InsightsOf {
    /// Unix milliseconds, both.
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
    pub(super) truncated: bool,
    #[serde(flatten)]
    pub(super) insights: Insights,
}

/// A call, and where in it the words were said.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FoundCall {
    pub(super) call: Call,
    pub(super) lines: Vec<Line>,
}

/// A call, and all that is known of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CallDetail {
    pub(super) call: Call,
    pub(super) transcript: Vec<Line>,
    pub(super) events: Vec<TimedEvent>,
    pub(super) summary: Summary,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TimedEvent {
    pub(super) at: CallTime,
    pub(super) event: Event,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Streams {
    pub(super) streams: Vec<OpenStream>,
}

/// A call whose caller is connected.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OpenStream {
    pub(super) call: CallSid,
    pub(super) media_path: MediaPath,
    /// How many it has had.
    pub(super) streams: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Sessions {
    pub(super) sessions: Vec<ModelSession>,
    pub(super) relays: Vec<Relay>,
}

/// A call's session with the model, and who holds it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ModelSession {
    pub(super) call: CallSid,
    pub(super) model: String,
    pub(super) voice: String,
    pub(super) relay: Option<RelayId>,
}

/// Where a recording may be fetched without a token, and until when.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RecordingUrl {
    pub(super) url: Url,
    /// RFC 3339.
    pub(super) expires_at: String,
    pub(super) file_name: String,
}

/// What a request to be forgotten has done.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Erased {
    pub(super) erased: u32,
    /// Left for now: they run, or have just ended.
    pub(super) running: Vec<CallSid>,
    /// Whether there are calls that this request has not come to: ask again.
    pub(super) remaining: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Agents {
    pub(super) agents: Vec<Entitled>,
}

/// Newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Versions {
    pub(super) versions: Vec<Entitled>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Valid {
    pub(super) valid: bool,
}

/// Which version a running call is told to go on with.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ChosenAgent {
    pub(super) agent: AgentId,
    pub(super) version: u32,
}

/// A call that a page of a browser may open a stream for.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TestCall {
    pub(super) call: CallSid,
    pub(super) agent: AgentId,
    pub(super) version: u32,
    /// What a telephone call hears before its stream begins, because it is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consent: Option<String>,
    /// What a telephone call would be told at this hour, and nothing more. A test call goes through all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closed: Option<Pii<String>>,
    pub(super) stream: StreamTicket,
}

/// Where a stream may be opened, once: with the subprotocols `voicebridge.call` and `voicebridge.token.` followed by the token,
/// and the token as a parameter of its `start`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct StreamTicket {
    pub(super) url: Url,
    pub(super) token: String,
    /// RFC 3339.
    pub(super) expires_at: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Numbers {
    pub(super) numbers: Vec<Assignment>,
}

/// Who answers a number.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Assignment {
    pub(super) number: String,
    pub(super) agent: AgentId,
}

/// Newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Messages {
    pub(super) messages: Vec<Message>,
}

/// Those that are due first come first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Callbacks {
    pub(super) callbacks: Vec<Callback>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ToolRuns {
    pub(super) tools: Vec<ToolRun>,
}

/// How a trial of a tool went.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Tried {
    pub(super) outcome: Outcome,
    pub(super) run: Option<ToolRun>,
}

/// As the model would get it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Ok(Value),
    Error { kind: ToolErrorKind, message: String },
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MusicStatus {
    pub(super) files: usize,
    pub(super) built_in: BuiltIn,
    /// That can be uploaded.
    pub(super) formats: Vec<&'static str>,
    pub(super) limits: MusicLimits,
    /// To which every file is levelled.
    pub(super) loudness_lufs: f64,
}

/// The piece that is always there.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct BuiltIn {
    pub(super) length_ms: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MusicLimits {
    pub(super) files: usize,
    pub(super) bytes: u64,
    /// Larger files go by `/hold-music/uploads`.
    pub(super) bytes_in_a_request: u64,
    pub(super) shortest_ms: u64,
    pub(super) longest_ms: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MusicFiles {
    pub(super) files: Vec<MusicFile>,
}

/// Where a large file is to be put.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Upload {
    pub(super) upload: UploadId,
    /// By PUT, as it is.
    pub(super) put: Url,
    pub(super) expires_in_s: u64,
    pub(super) then: &'static str,
}

/// Who somebody is to the console.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Me {
    pub(super) role: Role,
    pub(super) name: Option<Pii<String>>,
    /// RFC 3339; none of the key itself.
    pub(super) expires_at: Option<String>,
    /// Nobody has to sign in here.
    pub(super) open: bool,
    /// Of the session that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
}

/// How one may sign in, beside with a key or a pass.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SignInBy {
    /// A provider of OpenID Connect; null if none is configured, or if it does not answer.
    pub(super) provider: Option<Provider>,
    /// There is one, and it does not answer.
    pub(super) is_down: bool,
}

/// Where a page leads somebody who signs in, by an authorization code with PKCE.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Provider {
    pub(super) client_id: String,
    pub(super) authorization_endpoint: Url,
    pub(super) scope: &'static str,
}

/// What a provider gave to somebody.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum WantedSignIn {
    /// To a page: what stands for a token, and what only that page knows.
    Code { code: Pii<String>, code_verifier: Pii<String>, redirect_uri: String, nonce: String },
    /// To a program: an ID token, or an access token of Cognito's.
    Token {
        token: Pii<String>,
        /// What it was asked for with, if it was.
        nonce: Option<String>,
    },
}

/// A pass for somebody else.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Given {
    pub(super) token: String,
    pub(super) role: Role,
    pub(super) name: Pii<String>,
    /// RFC 3339.
    pub(super) expires_at: String,
}

/// Newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Acts {
    pub(super) acts: Vec<Act>,
    /// For `after`; none of the last page.
    pub(super) next: Option<Cursor>,
}

/// RFC 9457: why not, and what to do about it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) status: u16,
    pub(super) detail: String,
    /// All that is wrong with the document that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) errors: Option<Vec<DocumentFault>>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DocumentFault {
    /// A JSON pointer, as a fragment.
    pub(super) pointer: String,
    pub(super) detail: String,
}

/// What an admin gives to somebody.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedPass {
    pub(super) role: Role,
    /// Whose it is, for the audit.
    pub(super) name: Pii<String>,
    pub(super) days: u32,
}

/// Who is to be talked to. `{}`: whoever answers a number that nobody was given.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedTestCall {
    #[serde(default)]
    pub(super) agent: Option<AgentId>,
    /// Another than the one that counts.
    #[serde(default)]
    pub(super) version: Option<u32>,
}

/// A tool, and arguments to try it with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trial {
    pub(super) tool: OwnTool,
    #[serde(default = "nothing")]
    pub(super) arguments: Value,
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

/// A file that was put into S3 is to become hold music.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FromUpload {
    pub(super) upload: String,
    #[serde(default)]
    pub(super) title: String,
}

/// A file is to be put into S3.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantsUpload {
    pub(super) bytes: u64,
}
