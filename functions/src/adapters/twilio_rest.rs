//! Twilio's REST API over HTTP. What is said, and what an answer means, is `shared::twilio::rest`'s business; here it
//! is sent, and sent again if Twilio asks for patience or stumbles.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use serde::de::DeserializeOwned;
use shared::ids::{CallSid, ConferenceSid, NumberSid};
use shared::page::{Cursor, Page};
use shared::ports::{CarrierAccount, CarrierNumbers, Conferences, PortError, PortResult, Telephony};
use shared::twilio::numbers::{CarrierError, Routing};
use shared::twilio::rest::{
    Access, AccountResource, CallResource, ConferenceResource, Method, NewCall, NumbersPage, ParticipantsPage,
    RestError, RestRequest, TwimlTooLong, parse_response,
};
use shared::twilio::setup::{self, Number};
use shared::twilio::twiml;
use tokio::time::{Instant, sleep};

/// For a request with all its repetitions.
const PATIENCE: Duration = Duration::from_secs(8);
/// For one answer.
const LONGEST_WAIT: Duration = Duration::from_secs(3);
const RETRIES: u32 = 3;
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// The client is made with the first request: most processes never hang up a call.
#[derive(Debug)]
pub struct TwilioRest {
    access: Access,
    patience: Duration,
    client: OnceLock<Client>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TwilioError {
    #[error(transparent)]
    Answer(#[from] RestError),
    /// No answer at all. It may have been carried out none the less.
    #[error("Twilio {0}")]
    NoAnswer(&'static str),
}

impl TwilioRest {
    pub fn new(access: Access) -> Self {
        Self { access, patience: PATIENCE, client: OnceLock::new() }
    }

    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sends a request that is safe to repeat, up to four times in all.
    pub async fn send(&self, request: &RestRequest) -> Result<CallResource, TwilioError> {
        self.ask(request).await
    }

    async fn ask<T: DeserializeOwned>(&self, request: &RestRequest) -> Result<T, TwilioError> {
        self.ask_while(request, TwilioError::is_retryable).await
    }

    async fn ask_while<T: DeserializeOwned>(
        &self,
        request: &RestRequest,
        may_repeat: impl Fn(&TwilioError) -> bool,
    ) -> Result<T, TwilioError> {
        let deadline = Instant::now() + self.patience;
        let mut retry = 0;
        loop {
            let error = match self.send_once(request, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let pause = pause_before(retry, chance());
            if !may_repeat(&error) || retry == RETRIES || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::info!(%error, retry, "asking Twilio again");
            sleep(pause).await;
            retry += 1;
        }
    }

    async fn send_once<T>(&self, request: &RestRequest, deadline: Instant) -> Result<T, TwilioError>
    where
        T: DeserializeOwned,
    {
        let Access { base, account } = &self.access;
        let url = format!("{}{}", base.as_str().trim_end_matches('/'), request.path);
        let client = self.client()?;
        let sent = match request.method {
            Method::Get => client.get(url),
            Method::Post => client.post(url).form(&request.form),
        };
        let wait = deadline.saturating_duration_since(Instant::now()).min(LONGEST_WAIT);
        let sent = sent.basic_auth(&account.user, Some(account.secret.reveal())).timeout(wait);
        let answer = sent.send().await.map_err(|error| no_answer(&error))?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.map_err(|error| no_answer(&error))?;
        Ok(parse_response(status, &body)?)
    }

    /// False: the call is over already.
    async fn update_call(&self, request: &RestRequest) -> PortResult<bool> {
        match self.send(request).await {
            Ok(_) => Ok(true),
            Err(TwilioError::Answer(error)) if error.is_call_over() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn client(&self) -> Result<&Client, TwilioError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::builder().redirect(Policy::none()).user_agent("voicebridge").build();
        let client = client.map_err(|error| no_answer(&error))?;
        Ok(self.client.get_or_init(|| client))
    }
}

impl Telephony for TwilioRest {
    /// A call that is over already is as good as hung up.
    async fn hang_up(&self, sid: &CallSid) -> PortResult<()> {
        self.update_call(&RestRequest::complete_call(&self.access.account, sid)).await.map(drop)
    }

    async fn instruct(&self, sid: &CallSid, twiml: &twiml::Response) -> PortResult<()> {
        let request = RestRequest::instruct_call(&self.access.account, sid, twiml).map_err(too_long)?;
        match self.send(&request).await {
            Ok(_) => Ok(()),
            Err(TwilioError::Answer(error)) if error.is_call_over() => Err(PortError::Gone),
            Err(error) => Err(refused_or(error)),
        }
    }

    /// Only asking for patience is asked again: whoever is called twice hears it ring twice.
    async fn call(&self, call: &NewCall) -> PortResult<CallSid> {
        let request = RestRequest::create_call(&self.access.account, call).map_err(too_long)?;
        let made: CallResource = self.ask_while(&request, TwilioError::is_throttled).await.map_err(refused_or)?;
        Ok(made.sid)
    }
}

impl Conferences for TwilioRest {
    async fn inside(&self, conference: &ConferenceSid) -> PortResult<Vec<CallSid>> {
        let page: ParticipantsPage =
            self.ask(&RestRequest::list_participants(&self.access.account, conference)).await?;
        Ok(page.participants.into_iter().map(|participant| participant.call_sid).collect())
    }

    async fn end_conference(&self, conference: &ConferenceSid) -> PortResult<()> {
        let _ended: ConferenceResource =
            self.ask(&RestRequest::end_conference(&self.access.account, conference)).await?;
        Ok(())
    }
}

impl CarrierAccount for TwilioRest {
    async fn account(&self) -> PortResult<setup::Account> {
        let Access { account, .. } = &self.access;
        let found: AccountResource = match self.ask(&RestRequest::fetch_account(account)).await {
            Ok(found) => found,
            Err(TwilioError::Answer(error)) if error.is_not_let_in() => return Ok(setup::Account::Refused),
            Err(error) => return Err(error.into()),
        };
        let page: NumbersPage = self.ask(&RestRequest::list_numbers(account)).await?;
        let numbers = page.incoming_phone_numbers;
        Ok(setup::Account::There { trial: found.kind == "Trial", status: found.status, numbers })
    }
}

impl CarrierNumbers for TwilioRest {
    async fn numbers(&self, most: u32, after: Option<&Cursor>) -> Result<Page<Number>, CarrierError> {
        let request = RestRequest::list_numbers_after(&self.access.account, most, after);
        let page: NumbersPage = self.ask(&request).await.map_err(|error| match CarrierError::from(error) {
            // What is not there is the account.
            CarrierError::NotThere => CarrierError::Credentials(404),
            error => error,
        })?;
        Ok(Page { next: page.next(), items: page.incoming_phone_numbers })
    }

    async fn number(&self, sid: &NumberSid) -> Result<Number, CarrierError> {
        Ok(self.ask(&RestRequest::fetch_number(&self.access.account, sid)).await?)
    }

    async fn set_number(&self, sid: &NumberSid, to: &Routing) -> Result<Number, CarrierError> {
        Ok(self.ask(&RestRequest::set_number(&self.access.account, sid, to)).await?)
    }
}

impl From<TwilioError> for CarrierError {
    fn from(error: TwilioError) -> Self {
        match &error {
            TwilioError::Answer(answer) => answer.into(),
            TwilioError::NoAnswer(how) => Self::NoAnswer(how),
        }
    }
}

impl TwilioError {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Answer(error) => error.is_retryable(),
            Self::NoAnswer(_) => true,
        }
    }

    fn is_throttled(&self) -> bool {
        matches!(self, Self::Answer(error) if error.is_throttled())
    }
}

impl From<TwilioError> for PortError {
    fn from(error: TwilioError) -> Self {
        match &error {
            TwilioError::Answer(answer) if answer.is_not_found() => Self::Gone,
            TwilioError::Answer(answer) if answer.is_throttled() => Self::Throttled(error.to_string()),
            TwilioError::Answer(RestError::Unreadable { .. }) => Self::Corrupt(error.to_string()),
            TwilioError::Answer(_) | TwilioError::NoAnswer(_) => Self::Unavailable(error.to_string()),
        }
    }
}

/// Certainly not carried out, or perhaps. Twilio's own words are left out: they quote the number.
fn refused_or(error: TwilioError) -> PortError {
    match &error {
        TwilioError::Answer(answer @ RestError::Refused(problem))
            if answer.is_refusal() && !answer.is_throttled() && !answer.is_not_found() =>
        {
            PortError::Conflict(format!("Twilio refused with HTTP {}, code {}", problem.status, problem.code))
        }
        _ => error.into(),
    }
}

fn too_long(error: TwimlTooLong) -> PortError {
    PortError::Conflict(error.to_string())
}

/// Not reqwest's own words: they name the URL.
fn no_answer(error: &reqwest::Error) -> TwilioError {
    TwilioError::NoAnswer(match error {
        error if error.is_timeout() => "did not answer in time",
        error if error.is_connect() => "cannot be reached",
        error if error.is_builder() => "cannot be asked: the client or its URL is unusable",
        _ => "broke off",
    })
}

/// Full jitter, as Twilio's own SDKs do it: anything from nothing to 100 ms, then 200, 400 …, at most 3 s.
fn pause_before(retry: u32, chance: f64) -> Duration {
    SHORTEST_PAUSE.saturating_mul(2_u32.saturating_pow(retry)).min(LONGEST_PAUSE).mul_f64(chance)
}

/// From 0 to 1. Good enough to keep clients apart: the standard library seeds each new hasher differently.
#[allow(clippy::cast_precision_loss, reason = "53 bits are plenty")]
fn chance() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_three_seconds_and_are_shortened_by_chance() {
        let longest: Vec<u128> = (0..8).map(|retry| pause_before(retry, 1.0).as_millis()).collect();
        assert_eq!(longest, [100, 200, 400, 800, 1_600, 3_000, 3_000, 3_000]);
        assert_eq!(pause_before(2, 0.25), Duration::from_millis(100));
        assert_eq!(pause_before(u32::MAX, 0.0), Duration::ZERO);
    }

    #[test]
    fn chance_is_a_fraction_and_differs() {
        let draws: Vec<f64> = (0..10).map(|_| chance()).collect();
        assert!(draws.iter().all(|draw| (0.0..=1.0).contains(draw)), "{draws:?}");
        assert!(draws.windows(2).any(|pair| (pair[0] - pair[1]).abs() > f64::EPSILON), "{draws:?}");
    }
}
