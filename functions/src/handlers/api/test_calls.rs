//! `POST /api/test-calls`: a call from a page of the console, which streams as Twilio does. What the voice webhook does for a
//! telephone call is done for it here; what `/twiml/resume` does, by `POST /api/test-calls/{sid}/stream`.

use futures_util::future::{join, join3};
use http::{StatusCode, header};
use shared::agent::{Agent, DEFAULT_ID};
use shared::calls::{BROWSER, Bearer, Call, CallStatus, Channel, Relay, Waiting, caller_hash};
use shared::config::is_loopback;
use shared::ids::{AgentId, CallSid};
use shared::limits;
use shared::ports::{Clock, PortResult, RelayControl};
use shared::rfc3339;
use url::Url;

use super::super::http::{Request, Response};
use super::super::reception::{Reception, Standing};
use super::agents::no_such_agent;
use super::answers::{StreamTicket, TestCall, WantedTestCall};
use super::documents::{self, Refusal};
use super::needs::Records;
use super::{Api, unreachable_relay};

/// Seconds, after which a page may ask again.
const SOON: &str = "2";
const A_WHILE: &str = "10";

impl<S: Records, B, M, R: RelayControl, T, X, C: Clock> Api<S, B, M, R, T, X, C> {
    pub(super) async fn test_call(&self, request: &Request) -> PortResult<Response> {
        if self.is_asked_from_outside(request) {
            return Ok(from_outside());
        }
        let agent = match read(request) {
            Ok(wanted) => self.wanted_agent(&wanted).await?,
            Err(answer) => return Ok(*answer),
        };
        let Some(agent) = agent else { return Ok(no_such_agent("/agent")) };
        let call = self.new_test_call(agent)?;
        let reception = self.reception();
        let limits = &self.config.test_calls.limits;
        let caller = request.address.map(limits::origin);
        let too_often = reception.calls_too_often(limits, caller.as_deref(), &call.sid);
        let (relays, line, too_often) = join3(self.store.relays(), self.store.line(), too_often).await;
        let (relays, line) = (relays?, line?);
        if too_often {
            tracing::warn!(code = "caller_limited", call = %call.sid);
            return Ok(busy(
                StatusCode::TOO_MANY_REQUESTS,
                "too many calls have come from this address; wait a minute",
                "60",
            ));
        }
        // Whoever waits in line on a telephone comes first.
        let waiting = Waiting { since_ms: call.began_at_ms, call: call.sid.clone() };
        let relay = waiting.turn(&line, &relays, call.began_at_ms);
        match relay.filter(|_| !reception.is_full(limits, &relays)) {
            Some(relay) => self.open_test_call(request, call, relay).await,
            None => {
                tracing::warn!(code = "calls_full", call = %call.sid);
                let alive = Relay::pick(&relays, call.began_at_ms).is_some();
                let detail = if alive { "all lines are busy; try again in a moment" } else { "no relay takes calls" };
                Ok(busy(StatusCode::SERVICE_UNAVAILABLE, detail, A_WHILE))
            }
        }
    }

    async fn open_test_call(&self, request: &Request, call: Call, relay: &Relay) -> PortResult<Response> {
        let call = Call { lease: Some(relay.holder().lease(1)), ..call };
        self.store.open_call(&call).await?;
        tracing::info!(code = "call_opened", call = %call.sid, relay = %relay.id);
        let reception = self.reception();
        let (ticket, ()) = join(self.ticket(request, &call.sid), reception.give(relay, &call)).await;
        let opened = TestCall {
            agent: call.agent.id.clone(),
            version: call.agent.version,
            consent: call.agent.recording.consent.clone(),
            closed: call.agent.closed(&call.facts(), call.began_at_ms),
            stream: ticket?,
            call: call.sid,
        };
        let place = format!("/calls/{}", opened.call);
        Ok(Response::json(&opened).status(StatusCode::CREATED).header(header::LOCATION, &place))
    }

    /// Its stream was lost, and the page comes back.
    pub(super) async fn test_stream(&self, sid: &CallSid, request: &Request) -> PortResult<Response> {
        if self.is_asked_from_outside(request) {
            return Ok(from_outside());
        }
        let (reception, relays) = (self.reception(), self.store.relays().await?);
        let call = match reception.proceed(sid, &relays).await? {
            Standing::Held(call) => call,
            Standing::Stranded(_) => return Ok(unreachable_relay().header(header::RETRY_AFTER, SOON)),
            Standing::Over(..) => return Ok(Response::problem(StatusCode::CONFLICT, "the call is over")),
            Standing::Unknown => return Ok(Response::not_found()),
        };
        if call.channel != Channel::Browser {
            return Ok(Response::problem(StatusCode::CONFLICT, "this call has a telephone"));
        }
        if reception.counts_too_many_streams(sid).await? {
            let detail = "the call has had too many streams within a minute";
            return Ok(busy(StatusCode::TOO_MANY_REQUESTS, detail, "60"));
        }
        let ticket = self.ticket(request, sid).await?;
        Ok(Response::json(&ticket).status(StatusCode::CREATED))
    }

    /// It works from the page that asked for it, if a page did.
    async fn ticket(&self, request: &Request, sid: &CallSid) -> PortResult<StreamTicket> {
        let bearer = Bearer::Browser { origin: request.header(header::ORIGIN.as_str()).map(str::to_owned) };
        let (token, pass) = self.reception().issue(self.random.as_ref(), sid, bearer).await?;
        Ok(StreamTicket {
            url: self.config.test_calls.public_wss_url.clone(),
            token: token.reveal().to_owned(),
            expires_at: rfc3339::format(pass.valid_until_ms),
        })
    }

    /// Who is named; else whom numbers get that were given to nobody.
    async fn wanted_agent(&self, wanted: &WantedTestCall) -> PortResult<Option<Agent>> {
        let default = AgentId::from(DEFAULT_ID);
        let id = wanted.agent.as_ref().unwrap_or(&default);
        let saved = match wanted.version {
            Some(version) => self.store.agent_version(id, version).await?,
            None => self.store.agent(id).await?,
        };
        let own = || (*id == default && wanted.version.is_none()).then(|| self.config.test_calls.agent.clone());
        Ok(saved.map(|saved| saved.agent).or_else(own))
    }

    fn new_test_call(&self, agent: Agent) -> PortResult<Call> {
        // Named as the carrier names its own, and as hard to guess as a token.
        let digits = caller_hash(self.random.token()?.reveal());
        Ok(Call {
            sid: CallSid::new(format!("CA{}", &digits[..32])),
            from: BROWSER.into(),
            to: BROWSER.into(),
            agent,
            media_path: self.config.media_path,
            channel: Channel::Browser,
            status: CallStatus::Ringing,
            began_at_ms: self.clock.unix_ms(),
            lease: None,
            streams: 1,
            review: None,
        })
    }

    fn reception(&self) -> Reception<'_, S, R> {
        Reception { store: &self.store, relays: &self.relays, now_ms: self.clock.unix_ms() }
    }

    /// Where nobody has to sign in, a page from anywhere could have the model called, although it does not see the answer.
    fn is_asked_from_outside(&self, request: &Request) -> bool {
        let Some(origin) = request.header(header::ORIGIN.as_str()) else { return false };
        let is_open = self.config.console.admit(None, self.clock.unix_ms()).is_ok();
        let is_known = || self.config.origins.iter().any(|known| known == origin);
        let is_ours = || Url::parse(origin).is_ok_and(|origin| is_loopback(&origin));
        is_open && !is_known() && !is_ours()
    }
}

fn read(request: &Request) -> Result<WantedTestCall, Refusal> {
    if request.body.is_empty() {
        return Ok(WantedTestCall::default());
    }
    let mend = "send JSON: `agent`, an agent's id, and `version`, if it is not to be the one that counts";
    serde_json::from_value(documents::read(request)?)
        .map_err(|_| Response::problem(StatusCode::BAD_REQUEST, mend).into())
}

fn from_outside() -> Response {
    Response::problem(StatusCode::FORBIDDEN, "only pages of this machine may do this")
}

fn busy(status: StatusCode, detail: &str, again_s: &str) -> Response {
    Response::problem(status, detail).header(header::RETRY_AFTER, again_s)
}
