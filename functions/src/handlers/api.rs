//! What the console and the curious ask over HTTP.
//!
//! Health and settings are open. Whatever reveals a call needs the console's token; where none is set, only this very
//! machine is served.

mod agents;
mod callers;
mod documents;
mod mailbox;
mod music;
mod needs;
mod numbers;
mod recordings;
mod running;
mod tools;
mod transfer;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use futures_util::future::{join, join3, try_join_all};
use http::{Method, StatusCode, header};
use serde_json::json;
use shared::audio::hold_music::Piece;
use shared::audio::wav;
use shared::calls::{Call, CallStatus, Relay};
use shared::config::{ApiConfig, is_loopback};
use shared::control::Control;
use shared::hold_music::file_id;
use shared::ids::{CallSid, MusicId, ToolCallId};
use shared::ports::{CarrierAccount, Clock, FoundRecording, KeepMusic, PortError, PortResult, RelayControl, RunTools};
use shared::summary::Summary;
use shared::time::Samples;
use shared::twilio::setup::Setup;
use shared::twilio::webhook::is_sid;
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;

use super::http::{Request, Response};
use needs::{Records, Shelf};

/// What a Lambda function can answer with, less base64 and the envelope.
const LONGEST_BODY: u64 = 4 * 1024 * 1024;
const CALLS_LISTED: u32 = 50;
const MOST_CALLS_LISTED: u32 = 200;

#[derive(Debug)]
pub struct Api<S, B, M, R, T, X, C> {
    store: S,
    recordings: B,
    music: M,
    relays: R,
    tools: X,
    /// `None` where no account is configured.
    carrier: Option<T>,
    clock: C,
    config: ApiConfig,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Route {
    Health,
    StreamWithoutUpgrade,
    Status,
    PublicUrl,
    Tools,
    TryTool,
    Calls,
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
}

impl Route {
    fn find(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        match *segments.as_slice() {
            ["health"] => Some(Self::Health),
            ["stream"] => Some(Self::StreamWithoutUpgrade),
            ["status"] => Some(Self::Status),
            ["public-url"] => Some(Self::PublicUrl),
            ["tools"] => Some(Self::Tools),
            ["calls"] => Some(Self::Calls),
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
            ["api", "tools", "try"] => Some(Self::TryTool),
            ["api", "calls", sid, "tools"] => call(sid).map(Self::ToolRuns),
            _ => None,
        }
    }

    fn allow(&self) -> &'static str {
        match self {
            Self::HangUp(_)
            | Self::Hold(_)
            | Self::Resume(_)
            | Self::PauseRecording(_)
            | Self::ResumeRecording(_)
            | Self::Transfer(_)
            | Self::ChangeAgent(_)
            | Self::TryTool
            | Self::MusicUploads => "POST",
            Self::MusicFiles => "GET, POST",
            Self::MusicFile(_) => "GET, DELETE",
            Self::Callback(..) | Self::Caller(_) => "DELETE",
            Self::Agents(route) => route.allow(),
            Self::Numbers(route) => route.allow(),
            _ => "GET",
        }
    }

    fn allows(&self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }

    /// Tells about a caller, or does something to one.
    fn is_private(&self) -> bool {
        match self {
            Self::Health
            | Self::StreamWithoutUpgrade
            | Self::Status
            | Self::PublicUrl
            | Self::Tools
            | Self::HoldMusic => false,
            Self::Calls
            | Self::Call(_)
            | Self::Recording(_)
            | Self::RecordingUrl(_)
            | Self::PauseRecording(_)
            | Self::ResumeRecording(_)
            | Self::Caller(_)
            | Self::HangUp(_)
            | Self::ChangeAgent(_)
            | Self::Agents(_)
            | Self::Numbers(_)
            | Self::Hold(_)
            | Self::Resume(_)
            | Self::Transfer(_)
            | Self::Messages
            | Self::MessagesOf(_)
            | Self::Callbacks
            | Self::Callback(..)
            | Self::ToolRuns(_)
            | Self::TryTool
            | Self::Streams
            | Self::Sessions
            | Self::Twilio
            | Self::MusicStatus
            | Self::MusicFiles
            | Self::MusicFile(_)
            | Self::MusicUploads => true,
        }
    }
}

impl<S, B, M, R, T, X, C> Api<S, B, M, R, T, X, C>
where
    S: Records,
    B: Shelf,
    M: KeepMusic,
    R: RelayControl,
    T: CarrierAccount,
    X: RunTools,
    C: Clock,
{
    pub fn new(
        (store, recordings, music): (S, B, M),
        relays: R,
        carrier: Option<T>,
        tools: X,
        clock: C,
        config: ApiConfig,
    ) -> Self {
        Self { store, recordings, music, relays, tools, carrier, clock, config }
    }

    pub async fn handle(&self, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
        let answer = match Request::read(event) {
            Ok(request) => self.answer(&request).await,
            Err(bad) => bad.into(),
        };
        answer.into()
    }

    async fn answer(&self, request: &Request) -> Response {
        let Some(route) = Route::find(&request.path) else { return Response::not_found() };
        if !route.allows(&request.method) {
            return Response::not_allowed(route.allow());
        }
        if route.is_private()
            && let Some(refusal) = self.refusal(request)
        {
            return refusal;
        }
        self.route(route, request).await.unwrap_or_else(|error| {
            tracing::error!(code = "store_failed", path = nameless(&request.path), %error);
            Response::problem(StatusCode::SERVICE_UNAVAILABLE, "what was asked for cannot be had right now")
        })
    }

    fn refusal(&self, request: &Request) -> Option<Response> {
        let Some(token) = &self.config.console_token else {
            return (!is_loopback(&self.config.public_url)).then(closed);
        };
        let given = request.header(header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        if given.is_some_and(|given| given.as_bytes().ct_eq(token.reveal().as_bytes()).into()) {
            return None;
        }
        tracing::warn!(code = "console_token_refused", path = nameless(&request.path));
        let refusal = Response::problem(StatusCode::UNAUTHORIZED, "the console's token is needed");
        Some(refusal.header(header::WWW_AUTHENTICATE, "Bearer"))
    }

    async fn route(&self, route: Route, request: &Request) -> PortResult<Response> {
        match route {
            Route::Health => Ok(Response::text("OK")),
            Route::StreamWithoutUpgrade => Ok(upgrade_required()),
            Route::Status => self.status().await,
            Route::PublicUrl => Ok(Response::json(&json!({ "public_url": self.config.public_url }))),
            Route::Tools => Ok(Response::json(&json!({ "tools": shared::tools::all() }))),
            Route::TryTool => {
                tools::try_out((&self.store, &self.tools, &self.clock), &self.config.guard, request).await
            }
            Route::ToolRuns(sid) => tools::runs(&self.store, &sid).await,
            Route::Calls => self.calls(limit(&request.query)).await,
            Route::Call(sid) => self.call(&sid).await,
            Route::Recording(sid) => self.recording(&sid).await,
            Route::RecordingUrl(sid) => self.recording_url(&sid).await,
            Route::PauseRecording(sid) => self.pause_recording(&sid).await,
            Route::ResumeRecording(sid) => self.send(&sid, Control::ResumeRecording { sid: sid.clone() }).await,
            Route::Caller(number) => self.erase_caller(&number).await,
            Route::ChangeAgent(sid) => self.change_agent(&sid, request).await,
            Route::Agents(route) => self.agents(route, request).await,
            Route::Numbers(route) => self.numbers(route, request).await,
            Route::HangUp(sid) => self.send(&sid, Control::HangUp { sid: sid.clone() }).await,
            Route::Hold(sid) => self.send(&sid, Control::Hold { sid: sid.clone() }).await,
            Route::Resume(sid) => self.send(&sid, Control::Resume { sid: sid.clone() }).await,
            Route::Transfer(sid) => self.transfer(&sid, &request.body).await,
            Route::Messages => mailbox::messages(&self.store, limit(&request.query)).await,
            Route::MessagesOf(sid) => mailbox::messages_of(&self.store, &sid).await,
            Route::Callbacks => mailbox::callbacks(&self.store, limit(&request.query)).await,
            Route::Callback(sid, id) => mailbox::cancel(&self.store, &sid, &id).await,
            Route::Streams => self.streams().await,
            Route::Sessions => self.sessions().await,
            Route::Twilio => self.twilio().await,
            Route::HoldMusic => Ok(hold_music()),
            Route::MusicStatus => music::status(&self.music).await,
            Route::MusicFiles => music::files(&self.music, request, self.clock.unix_ms()).await,
            Route::MusicFile(id) => music::file(&self.music, request, &id).await,
            Route::MusicUploads => music::uploads(&self.music, request).await,
        }
    }

    async fn status(&self) -> PortResult<Response> {
        let now = self.clock.unix_ms();
        let relays = self.store.relays().await?;
        let alive = relays.iter().filter(|relay| relay.alive(now));
        let (count, calls) = alive.fold((0, 0), |(count, calls), relay| (count + 1, calls + relay.calls));
        Ok(Response::json(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "media_path": self.config.media_path,
            "relays": count,
            "calls": calls,
            "ready": Relay::pick(&relays, now).is_some(),
        })))
    }

    async fn calls(&self, limit: u32) -> PortResult<Response> {
        Ok(Response::json(&json!({ "calls": self.store.recent_calls(limit).await? })))
    }

    async fn call(&self, sid: &CallSid) -> PortResult<Response> {
        let (call, lines, events) =
            join3(self.store.call(sid), self.store.transcript(sid), self.store.events(sid)).await;
        let Some(call) = call? else { return Ok(Response::not_found()) };
        let events = events?;
        let summary = Summary::of(events.iter().map(|(_, event)| event));
        let events: Vec<_> = events.into_iter().map(|(at, event)| json!({ "at": at, "event": event })).collect();
        Ok(Response::json(&json!({ "call": call, "transcript": lines?, "events": events, "summary": summary })))
    }

    /// Callers' streams that are open now.
    async fn streams(&self) -> PortResult<Response> {
        let calls = self.running().await?;
        let streams: Vec<_> = calls
            .iter()
            .map(|call| json!({ "call": call.sid, "media_path": call.media_path, "streams": call.streams }))
            .collect();
        Ok(Response::json(&json!({ "streams": streams })))
    }

    /// The model's side: who holds how many sessions, and whose.
    async fn sessions(&self) -> PortResult<Response> {
        let (calls, relays) = join(self.running(), self.store.relays()).await;
        let now = self.clock.unix_ms();
        let relays: Vec<_> = relays?.into_iter().filter(|relay| relay.alive(now)).collect();
        let calls = calls?;
        // Lists of calls come without their leases.
        let leases = try_join_all(calls.iter().map(|call| self.store.lease(&call.sid))).await?;
        let sessions: Vec<_> = calls
            .iter()
            .zip(leases)
            .map(|(call, lease)| {
                let relay = lease.map(|lease| lease.relay);
                json!({ "call": call.sid, "model": call.agent.model, "voice": call.agent.voice, "relay": relay })
            })
            .collect();
        Ok(Response::json(&json!({ "sessions": sessions, "relays": relays })))
    }

    /// Whether Twilio lets us in and has a number that points here, and what is to be done if not.
    async fn twilio(&self) -> PortResult<Response> {
        let account = match &self.carrier {
            Some(carrier) => carrier.account().await.map(Some),
            None => Ok(None),
        };
        Ok(match account {
            Ok(account) => Response::json(&json!(Setup::check(&self.config.public_url, account))),
            Err(error) => {
                tracing::warn!(code = "carrier_unreachable", %error);
                Response::problem(StatusCode::BAD_GATEWAY, "Twilio does not answer as it should")
            }
        })
    }

    async fn running(&self) -> PortResult<Vec<Call>> {
        let calls = self.store.recent_calls(MOST_CALLS_LISTED).await?;
        Ok(calls.into_iter().filter(|call| call.status == CallStatus::InProgress).collect())
    }
}

impl<S: Records, B, M, R: RelayControl, T, X, C> Api<S, B, M, R, T, X, C> {
    async fn send(&self, sid: &CallSid, command: Control) -> PortResult<Response> {
        let (call, relays) = join(self.store.call(sid), self.store.relays()).await;
        self.command(call?, relays?, &command, Response::empty(StatusCode::ACCEPTED)).await
    }

    /// To the relay that holds the call, if it runs.
    async fn command(
        &self,
        call: Option<Call>,
        relays: Vec<Relay>,
        command: &Control,
        accepted: Response,
    ) -> PortResult<Response> {
        let Some(call) = call else { return Ok(Response::not_found()) };
        if call.status.ended().is_some() {
            return Ok(Response::problem(StatusCode::CONFLICT, "the call is over"));
        }
        let holder = call.lease.and_then(|lease| relays.into_iter().find(|relay| relay.id == lease.relay));
        let Some(relay) = holder else { return Ok(unreachable_relay()) };
        match self.relays.send(&relay, command).await {
            Ok(()) => Ok(accepted),
            Err(PortError::Gone) => Ok(unreachable_relay()),
            Err(error) => Err(error),
        }
    }
}

fn call(sid: &str) -> Option<CallSid> {
    is_sid(sid, "CA").then(|| CallSid::from(sid))
}

/// For the log, where no number belongs.
fn nameless(path: &str) -> &str {
    let numbered = ["/api/numbers/", "/api/callers/"];
    numbered.into_iter().find(|start| path.starts_with(start)).unwrap_or(path)
}

fn limit(query: &str) -> u32 {
    let limit = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "limit");
    limit.and_then(|(_, value)| value.parse().ok()).unwrap_or(CALLS_LISTED).clamp(1, MOST_CALLS_LISTED)
}

/// Itself, or where it may be had.
fn sound(found: FoundRecording) -> Response {
    match found {
        FoundRecording::Whole(wav) => Response::bytes("audio/wav", wav),
        FoundRecording::At(url) => {
            Response::empty(StatusCode::TEMPORARY_REDIRECT).header(header::LOCATION, url.as_str())
        }
    }
}

/// For callers in line. Twilio keeps it: it is the same until another build sounds otherwise.
fn hold_music() -> Response {
    let piece = Piece::built_in();
    let piece: Vec<u8> = piece.parts(Samples::ZERO, piece.length()).flat_map(|part| part.decode()).collect();
    let file = Response::bytes("audio/wav", wav::mulaw_file(1, &piece));
    file.header(header::CACHE_CONTROL, "public, max-age=86400")
}

fn upgrade_required() -> Response {
    let problem = Response::problem(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket");
    problem.header(header::UPGRADE, "websocket")
}

fn closed() -> Response {
    Response::problem(StatusCode::FORBIDDEN, "no console token is set, so calls are shown on a loopback address only")
}

fn unreachable_relay() -> Response {
    Response::problem(StatusCode::SERVICE_UNAVAILABLE, "the relay that has the call cannot be reached")
}

#[cfg(test)]
mod tests;
