//! What the console and the curious ask over HTTP.
//!
//! Health and settings are open. Whatever reveals a call needs the console's token; where none is set, only this very
//! machine is served.

mod agents;
mod answers;
mod callers;
mod checks;
mod documents;
mod door;
mod insights;
mod mailbox;
mod music;
mod needs;
mod numbers;
pub mod openapi;
mod operator;
mod phone_numbers;
mod provider;
mod recordings;
mod routes;
mod running;
mod search;
mod sessions;
mod test_calls;
mod tools;
mod transfer;

use std::borrow::Cow;
use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use futures_util::future::{join, join3, try_join_all};
use http::{Method, StatusCode, header};
use shared::agent::Agent;
use shared::audio::hold_music::Piece;
use shared::audio::wav;
use shared::calls::{Call, CallStatus, Lease, Relay};
use shared::config::ApiConfig;
use shared::console::{Denied, Visitor};
use shared::control::Control;
use shared::ids::CallSid;
use shared::limits::Gate;
use shared::page::{Cursor, NoCursor, Page};
use shared::ports::{
    AskProvider, CarrierAccount, CarrierNumbers, Clock, FoundRecording, KeepMusic, LookAround, PortError, PortResult,
    Random, RelayControl, RunTools,
};
use shared::session::OperatorCommand;
use shared::summary::Summary;
use shared::time::Samples;
use url::form_urlencoded;

use self::answers::{ModelSession, OpenStream, TimedEvent};
use self::door::SIGN_INS;
use self::needs::{Records, Shelf};
use self::provider::Provider;
use self::routes::Route;
use super::http::{Request, Response};
use super::strangers::Strangers;

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
    random: Box<dyn Random>,
    config: ApiConfig,
    strangers: Strangers,
    lookout: Arc<dyn LookAround>,
    seen: checks::Seen,
    /// `None` where nobody signs in by one.
    provider: Option<Provider>,
}

impl<S, B, M, R, T, X, C> Api<S, B, M, R, T, X, C>
where
    S: Records,
    B: Shelf,
    M: KeepMusic,
    R: RelayControl,
    T: CarrierAccount + CarrierNumbers,
    X: RunTools,
    C: Clock,
{
    pub fn new(
        (store, recordings, music): (S, B, M),
        relays: R,
        carrier: Option<T>,
        tools: X,
        (clock, random): (C, Box<dyn Random>),
        config: ApiConfig,
        lookout: Arc<dyn LookAround>,
    ) -> Self {
        let strangers = Strangers::new(Gate { strangers: SIGN_INS, ..Gate::default() });
        let seen = checks::Seen::default();
        Self {
            store,
            recordings,
            music,
            relays,
            tools,
            carrier,
            clock,
            random,
            config,
            strangers,
            lookout,
            seen,
            provider: None,
        }
    }

    /// Asked where one is configured.
    #[must_use]
    pub fn with_provider(mut self, door: Arc<dyn AskProvider>) -> Self {
        self.provider = self.config.oidc.clone().map(|oidc| Provider::new(oidc, door));
        self
    }

    pub async fn handle(&self, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
        #[cfg(test)]
        let asked = event.clone();
        let answer: ApiGatewayV2httpResponse = match Request::read(event) {
            Ok(request) => self.answer(&self.seen(request)).await,
            Err(bad) => bad.into(),
        }
        .into();
        #[cfg(test)]
        openapi::tests::check(&asked, &answer);
        answer
    }

    async fn answer(&self, request: &Request) -> Response {
        let Some(route) = Route::find(&request.path) else { return Response::not_found() };
        if request.method == Method::OPTIONS {
            return self.preflight(request, &route);
        }
        if !route.allows(&request.method) {
            return Response::not_allowed(route.allow());
        }
        let act = route.act(&request.method);
        let needed = route.needs(&request.method);
        let visitor = self.visitor(request, &route).await;
        let answer = match self.refusal(request, needed, &visitor).await {
            Some(refusal) => refusal,
            // As large as the largest of all that can be asked.
            None => Box::pin(self.route(route, request, &visitor)).await.unwrap_or_else(|error| {
                tracing::error!(code = "store_failed", path = nameless(&request.path), %error);
                Response::problem(StatusCode::SERVICE_UNAVAILABLE, "what was asked for cannot be had right now")
            }),
        };
        if let Some(act) = act {
            self.note(request, &visitor, act, &answer).await;
        }
        self.shared_with(request, answer)
    }

    async fn route(&self, route: Route, request: &Request, visitor: &Result<Visitor, Denied>) -> PortResult<Response> {
        match route {
            Route::Session => Ok(self.session(request, visitor)),
            Route::SignIn => Ok(self.sign_in_by().await),
            Route::Passes => Ok(self.give_pass(request)),
            Route::Acts => self.acts(&request.query).await,
            Route::Health => Ok(Response::text("OK")),
            Route::StreamWithoutUpgrade => Ok(upgrade_required()),
            Route::Status => self.status().await,
            Route::PublicUrl => Ok(Response::json(&answers::PublicUrl { public_url: self.config.public_url.clone() })),
            Route::Tools => Ok(Response::json(&answers::Tools { tools: shared::tools::all() })),
            Route::TryTool => {
                tools::try_out((&self.store, &self.tools, &self.clock), &self.config.guard, request).await
            }
            Route::ToolRuns(sid) => tools::runs(&self.store, &sid).await,
            Route::Calls => self.calls(&request.query).await,
            Route::Insights => self.insights(&request.query).await,
            Route::Search => self.search(&request.query).await,
            Route::Call(sid) => self.call(&sid).await,
            Route::Recording(sid) => self.recording(&sid).await,
            Route::RecordingUrl(sid) => self.recording_url(&sid).await,
            Route::PauseRecording(sid) => self.pause_recording(&sid).await,
            Route::ResumeRecording(sid) => self.operate(&sid, OperatorCommand::ResumeRecording).await,
            Route::Caller(number) => self.erase_caller(&number).await,
            Route::ChangeAgent(sid) => self.change_agent(&sid, request).await,
            Route::Agents(route) => self.agents(route, request).await,
            Route::Numbers(route) => self.numbers(route, request).await,
            Route::HangUp(sid) => self.operate(&sid, OperatorCommand::HangUp).await,
            Route::Hold(sid) => self.operate(&sid, OperatorCommand::Hold).await,
            Route::Resume(sid) => self.operate(&sid, OperatorCommand::Resume).await,
            Route::Whisper(sid) => self.prompt(&sid, &request.body, |text| OperatorCommand::Whisper { text }).await,
            Route::Say(sid) => self.prompt(&sid, &request.body, |text| OperatorCommand::Say { text }).await,
            Route::Transfer(sid) => self.transfer(&sid, &request.body).await,
            Route::TestCalls => self.test_call(request).await,
            Route::TestStream(sid) => self.test_stream(&sid, request).await,
            Route::Messages => mailbox::messages(&self.store, limit(&request.query)).await,
            Route::MessagesOf(sid) => mailbox::messages_of(&self.store, &sid).await,
            Route::Callbacks => mailbox::callbacks(&self.store, limit(&request.query)).await,
            Route::Callback(sid, id) => mailbox::cancel(&self.store, &sid, &id).await,
            Route::Streams => self.streams().await,
            Route::Sessions => self.sessions().await,
            Route::Twilio => self.twilio().await,
            Route::PhoneNumbers(route) => self.phone_numbers(route, request).await,
            Route::Checks => self.checks().await,
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
        Ok(Response::json(&answers::Status {
            version: env!("CARGO_PKG_VERSION"),
            media_path: self.config.media_path,
            relays: count,
            calls,
            ready: Relay::pick(&relays, now).is_some(),
        }))
    }

    async fn calls(&self, query: &str) -> PortResult<Response> {
        let Ok(after) = after(query) else { return Ok(no_such_place()) };
        let Page { items, next } = self.store.recent_calls(limit(query), after.as_ref()).await?;
        Ok(Response::json(&answers::Calls { calls: items, next }))
    }

    async fn call(&self, sid: &CallSid) -> PortResult<Response> {
        let (call, lines, events) =
            join3(self.store.call(sid), self.store.transcript(sid), self.store.events(sid)).await;
        let Some(call) = call? else { return Ok(Response::not_found()) };
        let events = events?;
        let summary = Summary::of(events.iter().map(|(_, event)| event));
        let events = events.into_iter().map(|(at, event)| TimedEvent { at, event }).collect();
        Ok(Response::json(&answers::CallDetail { call, transcript: lines?, events, summary }))
    }

    /// Callers' streams that are open now.
    async fn streams(&self) -> PortResult<Response> {
        let open = |call: Call| OpenStream { call: call.sid, media_path: call.media_path, streams: call.streams };
        let streams = self.running().await?.into_iter().map(open).collect();
        Ok(Response::json(&answers::Streams { streams }))
    }

    /// The model's side: who holds how many sessions, and whose.
    async fn sessions(&self) -> PortResult<Response> {
        let (calls, relays) = join(self.running(), self.store.relays()).await;
        let now = self.clock.unix_ms();
        let relays: Vec<_> = relays?.into_iter().filter(|relay| relay.alive(now)).collect();
        let calls = calls?;
        // Lists of calls come without their leases.
        let leases = try_join_all(calls.iter().map(|call| self.store.lease(&call.sid))).await?;
        let session = |(call, lease): (Call, Option<Lease>)| {
            let Call { sid, agent: Agent { model, voice, .. }, .. } = call;
            ModelSession { call: sid, model, voice, relay: lease.map(|lease| lease.relay) }
        };
        let sessions = calls.into_iter().zip(leases).map(session).collect();
        Ok(Response::json(&answers::Sessions { sessions, relays }))
    }

    /// Whether Twilio lets us in and has a number that points here, and what is to be done if not.
    async fn twilio(&self) -> PortResult<Response> {
        Ok(match self.account().await {
            Ok(setup) => Response::json(&setup),
            Err(error) => {
                tracing::warn!(code = "carrier_unreachable", %error);
                Response::problem(StatusCode::BAD_GATEWAY, "Twilio does not answer as it should")
            }
        })
    }

    async fn running(&self) -> PortResult<Vec<Call>> {
        let calls = self.store.recent_calls(MOST_CALLS_LISTED, None).await?.items;
        Ok(calls.into_iter().filter(|call| call.status == CallStatus::InProgress).collect())
    }
}

impl<S: Records, B, M, R: RelayControl, T, X, C> Api<S, B, M, R, T, X, C> {
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

/// For the log, where no number belongs.
fn nameless(path: &str) -> &str {
    let numbered = ["/api/numbers/", "/api/callers/"];
    numbered.into_iter().find(|start| path.starts_with(start)).unwrap_or(path)
}

fn limit(query: &str) -> u32 {
    asked(query, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(CALLS_LISTED).clamp(1, MOST_CALLS_LISTED)
}

/// Where a list goes on: what the page before called `next`.
fn after(query: &str) -> Result<Option<Cursor>, NoCursor> {
    asked(query, "after").map(|cursor| cursor.parse()).transpose()
}

fn asked<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value)
}

fn no_such_place() -> Response {
    Response::problem(StatusCode::BAD_REQUEST, "`after` is what the page before it called `next`")
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

fn unreachable_relay() -> Response {
    Response::problem(StatusCode::SERVICE_UNAVAILABLE, "the relay that has the call cannot be reached")
}

#[cfg(test)]
mod tests;
