//! The voice webhook and its callbacks: what Twilio asks, and what it tells.
//!
//! Nothing is believed and nothing written before the signature has been checked, but that one was wrong. Afterwards
//! the caller always gets an answer in TwiML: while the store or the relays are away it is music, and they come back.

mod answering;
mod line;
mod needs;
mod transfer;
mod webhook;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use futures_util::future::{join, join3, join4};
use http::{Method, StatusCode, header};
use shared::agent::Agent;
use shared::calls::{Bearer, Call, CallStatus, Ending, Relay, Waiting};
use shared::config::TwimlConfig;
use shared::control::Control;
use shared::ids::CallSid;
use shared::limits;
use shared::ports::{Clock, Conferences, PortError, PortResult, Random, RelayControl};
use shared::redact::Secret;
use shared::twilio::twiml::{self, Stream};
use shared::twilio::webhook::{CallStatusUpdate, CarrierStatus, Form, IncomingCall, StreamStatus, StreamStatusUpdate};

use self::answering::Words;
use self::line::Ticket;
use self::needs::FrontDesk;
use self::webhook::{Fault, Webhook};
use super::http::{Request, Response};
use super::reception::{Reception, Standing};
use super::strangers::Strangers;

const BUSY: &str = "All our lines are busy at the moment. Please try again in a few minutes.";

#[derive(Debug)]
pub struct Twiml<S, R, P, C, T> {
    store: S,
    relays: R,
    /// `None`: there is no account, and nobody is put through.
    rooms: Option<P>,
    clock: C,
    random: T,
    webhook: Webhook,
    strangers: Strangers,
    config: TwimlConfig,
}

#[derive(Debug, Clone, Copy)]
enum Route {
    Incoming,
    Resume,
    Line,
    Transfer,
    CallStatus,
    StreamStatus,
}

/// What the caller gets when the stream has ended or has never begun.
#[derive(Debug)]
enum Next {
    /// `again`: they have had a stream before, and were told what there is to tell.
    Stream {
        call: Box<Call>,
        again: bool,
    },
    /// There is no room yet, or nobody. The place is known to those who stand in line.
    Hold(Option<u32>, Box<Agent>),
    HangUp,
    /// This is said, and nothing more.
    Tell(Words),
    /// One call too many.
    Busy {
        answered: bool,
    },
}

impl Route {
    fn find(path: &str) -> Option<Self> {
        match path {
            "/twiml" | "/incoming-call" => Some(Self::Incoming),
            "/twiml/resume" => Some(Self::Resume),
            "/twiml/line" => Some(Self::Line),
            shared::transfer::documents::PATH => Some(Self::Transfer),
            "/call/status" => Some(Self::CallStatus),
            "/stream/status" => Some(Self::StreamStatus),
            _ => None,
        }
    }

    fn allow(self) -> &'static str {
        match self {
            Self::Incoming | Self::Resume => "GET, POST",
            Self::Line | Self::Transfer | Self::CallStatus | Self::StreamStatus => "POST",
        }
    }
}

impl<S: FrontDesk, R: RelayControl, P: Conferences, C: Clock, T: Random> Twiml<S, R, P, C, T> {
    pub fn new(store: S, relays: R, rooms: Option<P>, clock: C, random: T, config: TwimlConfig) -> Self {
        let webhook = Webhook::new(&config.public_url, &config.auth);
        let strangers = Strangers::new(config.gate.clone());
        Self { store, relays, rooms, clock, random, webhook, strangers, config }
    }

    pub async fn handle(&self, event: ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse {
        let answer = match Request::read(event) {
            Ok(request) => self.answer(&request).await,
            Err(bad) => bad.into(),
        };
        answer.into()
    }

    async fn answer(&self, request: &Request) -> Response {
        if !self.strangers.admits(request.address) {
            return Response::problem(StatusCode::FORBIDDEN, "this address is not one of those that are listened to");
        }
        let Some(route) = Route::find(&request.path) else { return Response::not_found() };
        let get = request.method == Method::GET && route.allow().contains("GET");
        if !get && request.method != Method::POST {
            return Response::not_allowed(route.allow());
        }
        let answer = match self.webhook.verify(request) {
            Ok(form) => self.route(route, &form, &request.query).await,
            Err(fault) => return self.turn_away(request, &fault).await,
        };
        answer.unwrap_or_else(|fault| fault.answer(&request.path))
    }

    /// Nobody vouches for it.
    async fn turn_away(&self, request: &Request, fault: &Fault) -> Response {
        if self.strangers.are_too_many(&self.store, request.address, self.clock.unix_ms()).await {
            let too_many = Response::problem(StatusCode::TOO_MANY_REQUESTS, "too much that is not Twilio's");
            return too_many.header(header::RETRY_AFTER, "60");
        }
        fault.answer(&request.path)
    }

    async fn route(&self, route: Route, form: &Form, query: &str) -> Result<Response, Fault> {
        match route {
            Route::Incoming => {
                let (call, ticket) = (IncomingCall::try_from(form)?, Ticket::new(self.clock.unix_ms()));
                Ok(self.caller_gets(&call.call, ticket, self.incoming(&call, ticket)).await)
            }
            Route::Resume => {
                let (call, ticket) = (IncomingCall::try_from(form)?, Ticket::new(self.clock.unix_ms()));
                Ok(self.caller_gets(&call.call, ticket, self.resume(&call)).await)
            }
            Route::Line => {
                let (call, ticket) = (IncomingCall::try_from(form)?, Ticket::read(query, self.clock.unix_ms()));
                Ok(self.caller_gets(&call.call, ticket, self.in_line(&call, ticket)).await)
            }
            Route::Transfer => self.transfer(form, query).await,
            Route::CallStatus => Ok(self.call_status(&CallStatusUpdate::try_from(form)?).await),
            Route::StreamStatus => Ok(stream_status(&StreamStatusUpdate::try_from(form)?)),
        }
    }

    /// A new call, or a webhook that Twilio sent twice: then the call that is there gets a fresh token.
    async fn incoming(&self, incoming: &IncomingCall, ticket: Ticket) -> PortResult<Next> {
        let now = self.clock.unix_ms();
        let asked = (self.store.relays(), self.line(), self.calls_too_often(incoming), self.answering(incoming));
        let (relays, line, too_often, agent) = join4(asked.0, asked.1, asked.2, asked.3).await;
        let (relays, agent) = (relays?, agent?);
        if self.is_one_too_many(incoming, too_often, self.is_full(&relays)).await? {
            return Ok(Next::Busy { answered: !incoming.status.is_before_answer() });
        }
        if let Some(words) = self.closed(incoming, &agent, now).await? {
            return Ok(Next::Tell(words));
        }
        if Relay::pick(&relays, now).is_none() {
            tracing::error!(code = "no_relay", call = %incoming.call);
        }
        self.take_in(incoming, ticket, agent, &relays, &line).await
    }

    /// A caller who waits asks again.
    async fn in_line(&self, incoming: &IncomingCall, ticket: Ticket) -> PortResult<Next> {
        if incoming.status.is_over() {
            return Ok(Next::HangUp);
        }
        let (relays, line, agent) = join3(self.store.relays(), self.line(), self.answering(incoming)).await;
        self.take_in(incoming, ticket, agent?, &relays?, &line).await
    }

    /// Nobody in it, if it cannot be read: then whoever asks first is served first.
    async fn line(&self) -> Vec<Waiting> {
        self.store.line().await.unwrap_or_else(|error| {
            tracing::warn!(code = "line_not_read", %error);
            Vec::new()
        })
    }

    /// A relay if there is room for this caller and all before; else a place in line.
    async fn take_in(
        &self,
        incoming: &IncomingCall,
        ticket: Ticket,
        agent: Agent,
        relays: &[Relay],
        line: &[Waiting],
    ) -> PortResult<Next> {
        let now = self.clock.unix_ms();
        let waiting = ticket.waiting(&incoming.call);
        match waiting.turn(line, relays, now).filter(|_| !self.is_full(relays)) {
            Some(relay) => {
                let stood = line.contains(&waiting).then_some(&waiting);
                self.open(self.new_call(incoming, agent, relay), relay, relays, stood).await
            }
            None if self.store.call(&incoming.call).await?.is_some() => self.proceed(&incoming.call, relays).await,
            None => self.wait(&waiting, ticket, agent, waiting.place(line)).await,
        }
    }

    async fn open(&self, call: Call, relay: &Relay, relays: &[Relay], stood: Option<&Waiting>) -> PortResult<Next> {
        match self.store.open_call(&call).await {
            Ok(()) => {
                tracing::info!(code = "call_opened", call = %call.sid, relay = %relay.id);
                join(self.reception().give(relay, &call), self.leave(stood)).await;
                Ok(Next::Stream { call: Box::new(call), again: false })
            }
            Err(PortError::Conflict(_)) => self.proceed(&call.sid, relays).await,
            Err(error) => Err(error),
        }
    }

    /// Who says no number is nobody in particular, and not counted.
    async fn calls_too_often(&self, incoming: &IncomingCall) -> bool {
        let caller = limits::caller(incoming.from.reveal());
        self.reception().calls_too_often(&self.config.limits, caller, &incoming.call).await
    }

    fn is_full(&self, relays: &[Relay]) -> bool {
        self.reception().is_full(&self.config.limits, relays)
    }

    fn reception(&self) -> Reception<'_, S, R> {
        Reception { store: &self.store, relays: &self.relays, now_ms: self.clock.unix_ms() }
    }

    /// A call that was let in before stays in: this is its webhook once more.
    async fn is_one_too_many(&self, incoming: &IncomingCall, too_often: bool, full: bool) -> PortResult<bool> {
        if !(too_often || full) || self.store.call(&incoming.call).await?.is_some() {
            return Ok(false);
        }
        if too_often {
            tracing::warn!(code = "caller_limited", call = %incoming.call);
        } else {
            tracing::warn!(code = "calls_full", call = %incoming.call);
        }
        Ok(true)
    }

    async fn wait(&self, waiting: &Waiting, ticket: Ticket, agent: Agent, place: u32) -> PortResult<Next> {
        let now = self.clock.unix_ms();
        if place > line::LONGEST || ticket.is_over(now, &agent.overflow) {
            self.leave(Some(waiting)).await;
            return Ok(overflow(&waiting.call, &agent));
        }
        if ticket.told.is_none() {
            tracing::warn!(code = "caller_waits", call = %waiting.call, place);
        }
        self.store.stand_in_line(waiting, now + line::STAYS_MS).await?;
        Ok(Next::Hold(Some(place), Box::new(agent)))
    }

    /// An entry that stays is taken for gone soon.
    async fn leave(&self, stood: Option<&Waiting>) {
        let Some(waiting) = stood else { return };
        if let Err(error) = self.store.leave_line(waiting).await {
            tracing::info!(code = "line_not_left", call = %waiting.call, %error);
        }
    }

    fn apologise(&self) -> Next {
        Next::Tell(Words::unavailable(&self.config.agent))
    }

    /// The stream has ended. The call goes on unless it is over.
    async fn resume(&self, incoming: &IncomingCall) -> PortResult<Next> {
        if incoming.status.is_over() {
            return Ok(Next::HangUp);
        }
        let relays = self.store.relays().await?;
        let next = self.proceed(&incoming.call, &relays).await?;
        let Next::Stream { call, .. } = next else { return Ok(next) };
        if self.reception().counts_too_many_streams(&call.sid).await? {
            return Ok(self.apologise());
        }
        Ok(Next::Stream { call, again: true })
    }

    async fn proceed(&self, sid: &CallSid, relays: &[Relay]) -> PortResult<Next> {
        Ok(match self.reception().proceed(sid, relays).await? {
            Standing::Held(call) => Next::Stream { again: call.status != CallStatus::Ringing, call },
            Standing::Stranded(call) => Next::Hold(None, Box::new(call.agent)),
            Standing::Over(call, Ending::ModelUnavailable) => Next::Tell(Words::unavailable(&call.agent)),
            Standing::Over(..) => Next::HangUp,
            Standing::Unknown => self.apologise(),
        })
    }

    /// What is found out in time; otherwise they wait, and come back.
    async fn caller_gets(
        &self,
        sid: &CallSid,
        ticket: Ticket,
        next: impl Future<Output = PortResult<Next>>,
    ) -> Response {
        let found = async { self.document(sid, ticket, next.await?).await };
        let error = match tokio::time::timeout(line::PATIENCE, Box::pin(found)).await {
            Ok(Ok(document)) => return Response::xml(twiml::CONTENT_TYPE, &document),
            Ok(Err(error)) => error,
            Err(_) => PortError::Unavailable("the store did not answer in time".to_owned()),
        };
        tracing::error!(code = "store_failed", call = %sid, %error);
        let document = match error {
            PortError::Unavailable(_) | PortError::Throttled(_) | PortError::Conflict(_) => {
                self.hold(sid, ticket, None, &self.config.agent)
            }
            PortError::Gone | PortError::Corrupt(_) => Words::unavailable(&self.config.agent).told(),
        };
        Response::xml(twiml::CONTENT_TYPE, &document)
    }

    async fn document(&self, sid: &CallSid, ticket: Ticket, next: Next) -> PortResult<twiml::Response> {
        match next {
            Next::Stream { call, again } => self.stream(&call, again).await,
            Next::HangUp => Ok(twiml::Response::new().hangup()),
            Next::Hold(place, agent) => Ok(self.hold(sid, ticket, place, &agent)),
            Next::Tell(words) => Ok(words.told()),
            Next::Busy { answered } => Ok(busy(answered)),
        }
    }

    /// As long as the agent lets them wait.
    fn hold(&self, sid: &CallSid, ticket: Ticket, place: Option<u32>, agent: &Agent) -> twiml::Response {
        if !ticket.is_over(self.clock.unix_ms(), &agent.overflow) {
            return line::hold(ticket, place, agent, |path| self.webhook.url(path));
        }
        tracing::warn!(code = "caller_overflowed", call = %sid);
        let stood_in_line = place.or(ticket.told).is_some();
        let words = if stood_in_line { Words::of(&agent.overflow.say, agent) } else { Words::unavailable(agent) };
        words.told()
    }

    async fn stream(&self, call: &Call, again: bool) -> PortResult<twiml::Response> {
        let (token, _) = self.reception().issue(&self.random, &call.sid, Bearer::Carrier).await?;
        let stream = self.stream_verb(&token)?;
        let consent = call.agent.recording.consent.as_deref().filter(|_| !again);
        let response = match consent {
            Some(words) => twiml::Response::new().say_in(words, call.agent.language.as_deref()),
            None => twiml::Response::new(),
        };
        Ok(response.connect(stream).redirect(self.webhook.url("/twiml/resume")))
    }

    fn stream_verb(&self, token: &Secret) -> PortResult<Stream> {
        Stream::to(self.config.public_wss_url.as_str())
            .status_callback(self.webhook.url("/stream/status"))
            .parameter("token", token.reveal())
            .map_err(|error| PortError::Corrupt(error.to_string()))
    }

    /// The carrier's word on the whole call.
    async fn call_status(&self, update: &CallStatusUpdate) -> Response {
        if !update.status.is_over() {
            return Response::empty(StatusCode::NO_CONTENT);
        }
        let ending = match update.status {
            CarrierStatus::Completed => Ending::CallerHungUp,
            _ => Ending::Abandoned,
        };
        match self.end(&update.call, ending).await {
            Ok(()) => tracing::info!(code = "call_over", call = %update.call, seconds = update.duration_s),
            Err(PortError::Gone) => self.never_opened(&update.call).await,
            Err(error) => {
                tracing::error!(code = "store_failed", call = %update.call, %error);
                return Response::problem(StatusCode::SERVICE_UNAVAILABLE, "the status could not be stored");
            }
        }
        Response::empty(StatusCode::NO_CONTENT)
    }

    /// The caller hung up in line, or was told that there is no room. Those behind move up.
    async fn never_opened(&self, sid: &CallSid) {
        let line = self.line().await;
        let stood: Vec<_> = line.iter().filter(|waiting| waiting.call == *sid).collect();
        tracing::info!(code = "call_never_opened", call = %sid, stood = !stood.is_empty());
        for waiting in stood {
            self.leave(Some(waiting)).await;
        }
    }

    async fn end(&self, sid: &CallSid, ending: Ending) -> PortResult<()> {
        self.store.end_call(sid, ending).await?;
        let (call, relays) = join(self.store.call(sid), self.store.relays()).await;
        let lease = call?.and_then(|call| call.lease);
        let relays = relays?;
        let holder = lease.and_then(|lease| relays.into_iter().find(|relay| relay.id == lease.relay));
        let Some(relay) = holder else { return Ok(()) };
        if let Err(error) = self.relays.send(&relay, &Control::CallEnded { sid: sid.clone() }).await {
            tracing::warn!(code = "relay_not_told", call = %sid, relay = %relay.id, %error);
        }
        Ok(())
    }
}

fn overflow(sid: &CallSid, agent: &Agent) -> Next {
    tracing::warn!(code = "caller_overflowed", call = %sid);
    Next::Tell(Words::of(&agent.overflow.say, agent))
}

/// A call that was not answered yet is left so, which costs nothing.
fn busy(answered: bool) -> twiml::Response {
    let response = twiml::Response::new();
    if answered { response.say(BUSY).hangup() } else { response.reject() }
}

/// The carrier's word on one stream: for the log. The call's fate is decided elsewhere.
fn stream_status(update: &StreamStatusUpdate) -> Response {
    let StreamStatusUpdate { call, stream, event } = update;
    match event {
        StreamStatus::Started => tracing::info!(code = "stream_started", %call, %stream),
        StreamStatus::Stopped => tracing::info!(code = "stream_stopped", %call, %stream),
        StreamStatus::Failed(cause) => {
            tracing::warn!(code = "stream_failed", %call, %stream);
            tracing::debug!(code = "stream_failed", %call, cause);
        }
        StreamStatus::Unknown => tracing::warn!(code = "stream_status_unknown", %call, %stream),
    }
    Response::empty(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests;
