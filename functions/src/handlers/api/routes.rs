//! What can be asked, who may ask it, and what the audit calls it.

use http::Method;
use shared::calls::caller_hash;
use shared::console::Role;
use shared::hold_music::file_id;
use shared::ids::{CallSid, MusicId, ToolCallId};
use shared::twilio::webhook::is_sid;

use super::{agents, mailbox, numbers};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Health,
    StreamWithoutUpgrade,
    Status,
    PublicUrl,
    Tools,
    TryTool,
    Calls,
    Search,
    Insights,
    Call(CallSid),
    Recording(CallSid),
    RecordingUrl(CallSid),
    PauseRecording(CallSid),
    ResumeRecording(CallSid),
    Caller(String),
    HangUp(CallSid),
    ChangeAgent(CallSid),
    Agents(agents::Route),
    Numbers(numbers::Route),
    Hold(CallSid),
    Resume(CallSid),
    Transfer(CallSid),
    Whisper(CallSid),
    Say(CallSid),
    Messages,
    MessagesOf(CallSid),
    Callbacks,
    Callback(CallSid, ToolCallId),
    ToolRuns(CallSid),
    Streams,
    Sessions,
    Twilio,
    HoldMusic,
    MusicStatus,
    MusicFiles,
    MusicFile(MusicId),
    MusicUploads,
    Session,
    Passes,
    Acts,
}

impl Route {
    pub(super) fn find(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        match *segments.as_slice() {
            ["health"] => Some(Self::Health),
            ["stream"] => Some(Self::StreamWithoutUpgrade),
            ["status"] => Some(Self::Status),
            ["public-url"] => Some(Self::PublicUrl),
            ["tools"] => Some(Self::Tools),
            ["calls"] => Some(Self::Calls),
            ["api", "insights"] => Some(Self::Insights),
            ["api", "search"] => Some(Self::Search),
            ["calls", sid] => call(sid).map(Self::Call),
            ["calls", sid, "recording"] => call(sid).map(Self::Recording),
            ["calls", sid, "hangup"] => call(sid).map(Self::HangUp),
            ["api", "calls", sid, "recording", "url"] => call(sid).map(Self::RecordingUrl),
            ["api", "calls", sid, "recording", "pause"] => call(sid).map(Self::PauseRecording),
            ["api", "calls", sid, "recording", "resume"] => call(sid).map(Self::ResumeRecording),
            ["api", "callers", number] => numbers::read(number).map(Self::Caller),
            ["api", "calls", sid, "hold"] => call(sid).map(Self::Hold),
            ["api", "calls", sid, "resume"] => call(sid).map(Self::Resume),
            ["api", "calls", sid, "transfer"] => call(sid).map(Self::Transfer),
            ["api", "calls", sid, "whisper"] => call(sid).map(Self::Whisper),
            ["api", "calls", sid, "say"] => call(sid).map(Self::Say),
            ["api", "calls", sid, "messages"] => call(sid).map(Self::MessagesOf),
            ["api", "messages"] => Some(Self::Messages),
            ["api", "callbacks"] => Some(Self::Callbacks),
            ["api", "callbacks", sid, id] => Some(Self::Callback(call(sid)?, mailbox::id(id)?)),
            ["streams"] => Some(Self::Streams),
            ["realtime", "sessions"] => Some(Self::Sessions),
            ["hold-music", "built-in"] => Some(Self::HoldMusic),
            ["hold-music", "status"] => Some(Self::MusicStatus),
            ["hold-music", "files"] => Some(Self::MusicFiles),
            ["hold-music", "files", id] => file_id(id).map(Self::MusicFile),
            ["hold-music", "uploads"] => Some(Self::MusicUploads),
            ["api", "twilio"] => Some(Self::Twilio),
            ["api", "calls", sid, "agent"] => call(sid).map(Self::ChangeAgent),
            ["api", "agents", ref rest @ ..] => agents::Route::find(rest).map(Self::Agents),
            ["api", "numbers", ref rest @ ..] => numbers::Route::find(rest).map(Self::Numbers),
            ["api", "session"] => Some(Self::Session),
            ["api", "passes"] => Some(Self::Passes),
            ["api", "audit"] => Some(Self::Acts),
            ["api", "tools", "try"] => Some(Self::TryTool),
            ["api", "calls", sid, "tools"] => call(sid).map(Self::ToolRuns),
            _ => None,
        }
    }

    pub(super) fn allow(&self) -> &'static str {
        match self {
            Self::HangUp(_)
            | Self::Hold(_)
            | Self::Resume(_)
            | Self::PauseRecording(_)
            | Self::ResumeRecording(_)
            | Self::Transfer(_)
            | Self::Whisper(_)
            | Self::Say(_)
            | Self::ChangeAgent(_)
            | Self::TryTool
            | Self::Passes
            | Self::MusicUploads => "POST",
            Self::MusicFiles | Self::Session => "GET, POST",
            Self::MusicFile(_) => "GET, DELETE",
            Self::Callback(..) | Self::Caller(_) => "DELETE",
            Self::Agents(route) => route.allow(),
            Self::Numbers(route) => route.allow(),
            _ => "GET",
        }
    }

    pub(super) fn allows(&self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }

    /// What somebody has to be for this; `None`: it is open to everybody.
    pub(super) fn needs(&self, method: &Method) -> Option<Role> {
        let reads = method == Method::GET;
        match self {
            Self::Health
            | Self::StreamWithoutUpgrade
            | Self::Status
            | Self::PublicUrl
            | Self::Tools
            | Self::Session
            | Self::HoldMusic => None,
            Self::Calls
            | Self::Search
            | Self::Insights
            | Self::Call(_)
            | Self::Recording(_)
            | Self::RecordingUrl(_)
            | Self::Messages
            | Self::MessagesOf(_)
            | Self::Callbacks
            | Self::ToolRuns(_)
            | Self::Streams
            | Self::Sessions
            | Self::Twilio
            | Self::MusicStatus => Some(Role::Viewer),
            Self::Agents(agents::Route::Validate) => Some(Role::Viewer),
            Self::PauseRecording(_)
            | Self::ResumeRecording(_)
            | Self::HangUp(_)
            | Self::ChangeAgent(_)
            | Self::Hold(_)
            | Self::Resume(_)
            | Self::Transfer(_)
            | Self::Whisper(_)
            | Self::Say(_)
            | Self::Callback(..) => Some(Role::Operator),
            Self::Agents(_) | Self::Numbers(_) | Self::MusicFiles | Self::MusicFile(_) if reads => Some(Role::Viewer),
            Self::Agents(_)
            | Self::Numbers(_)
            | Self::MusicFiles
            | Self::MusicFile(_)
            | Self::MusicUploads
            | Self::Caller(_)
            | Self::TryTool
            | Self::Passes
            | Self::Acts => Some(Role::Admin),
        }
    }

    /// What the audit calls it, and of what it was done; `None` of what only looks.
    pub(super) fn act(&self, method: &Method) -> Option<(&'static str, Option<String>)> {
        let deletes = method == Method::DELETE;
        let of = |id: &dyn ToString| Some(id.to_string());
        Some(match self {
            _ if method == Method::GET => return None,
            Self::HangUp(sid) => ("call.hang_up", of(sid)),
            Self::ChangeAgent(sid) => ("call.change_agent", of(sid)),
            Self::Hold(sid) => ("call.hold", of(sid)),
            Self::Resume(sid) => ("call.resume", of(sid)),
            Self::Transfer(sid) => ("call.transfer", of(sid)),
            Self::Whisper(sid) => ("call.whisper", of(sid)),
            Self::Say(sid) => ("call.say", of(sid)),
            Self::PauseRecording(sid) => ("recording.pause", of(sid)),
            Self::ResumeRecording(sid) => ("recording.resume", of(sid)),
            Self::Callback(sid, _) => ("callback.cancel", of(sid)),
            Self::Caller(number) => ("caller.erase", Some(caller_hash(number))),
            Self::Agents(agents::Route::Validate) => return None,
            Self::Agents(agents::Route::Restore(id)) => ("agent.restore", of(id)),
            Self::Agents(agents::Route::One(id)) if deletes => ("agent.delete", of(id)),
            Self::Agents(agents::Route::One(id)) => ("agent.save", of(id)),
            Self::Agents(_) => ("agent.create", None),
            Self::Numbers(numbers::Route::One(number)) if deletes => ("number.release", Some(caller_hash(number))),
            Self::Numbers(numbers::Route::One(number)) => ("number.assign", Some(caller_hash(number))),
            Self::MusicFile(id) => ("music.delete", of(id)),
            Self::MusicFiles => ("music.add", None),
            Self::MusicUploads => ("music.upload", None),
            Self::TryTool => ("tool.try", None),
            Self::Passes => ("pass.give", None),
            Self::Session => ("sign_in", None),
            _ => return None,
        })
    }
}

fn call(sid: &str) -> Option<CallSid> {
    is_sid(sid, "CA").then(|| CallSid::from(sid))
}
