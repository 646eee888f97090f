//! The webhooks of a transfer: what the carrier tells is brought to the relay that has the call, or to another one if that is
//! gone; and whoever asks what to do next is told. What it means for the call is the session's to decide.

use http::StatusCode;
use shared::calls::Ending;
use shared::control::Control;
use shared::ids::CallSid;
use shared::ports::{Clock, PortResult, Random, RelayControl};
use shared::transfer::documents::{ACCEPT, Documents, Step, What};
use shared::transfer::{LegState, News, TransferFailure};
use shared::twilio::twiml;
use shared::twilio::webhook::{Form, IncomingCall, WebhookError};

use super::line::Ticket;
use super::needs::FrontDesk;
use super::webhook::Fault;
use super::{Next, Response, Twiml};

/// Seconds for which whoever took the call waits until somebody can be told of it.
const MOST_AGAIN: u32 = 5;

impl<S: FrontDesk, R: RelayControl, C: Clock, T: Random> Twiml<S, R, C, T> {
    pub(super) async fn transfer(&self, form: &Form, query: &str) -> Result<Response, Fault> {
        let step = Step::read(query).ok_or(WebhookError::Missing("step"))?;
        let told = IncomingCall::try_from(form)?;
        let documents = Documents::new(&self.webhook.url(""), &step.call);
        let ticket = Ticket::new(self.clock.unix_ms());
        Ok(match step.what {
            What::Dialled => self.caller_gets(&step.call, ticket, self.dialled(&told, form)).await,
            What::Left => self.caller_gets(&step.call, ticket, self.left(&told)).await,
            What::Wait => {
                self.bring(&step.call, News::CallerWaits).await;
                document(&documents.wait())
            }
            What::Leave => {
                // Who is brought back leaves the conference too, and has not hung up.
                let hung_up = form.get("ReasonParticipantLeft") == Some("participant_hung_up");
                if hung_up && told.call == step.call {
                    self.bring(&step.call, News::CallerLeft).await;
                }
                Response::empty(StatusCode::NO_CONTENT)
            }
            What::Leg { errand } => {
                let status = form.get("CallStatus").unwrap_or_default();
                if let Some(state) = LegState::read(status, form.get("AnsweredBy")) {
                    self.bring(&step.call, News::Leg { errand, leg: told.call, state }).await;
                }
                Response::empty(StatusCode::NO_CONTENT)
            }
            What::Key { errand, again } => {
                let accepts = again > 0 || form.get("Digits") == Some(ACCEPT);
                let state = match form.get("Digits") {
                    _ if accepts => LegState::Accepted,
                    Some(_) => LegState::Declined,
                    None => LegState::Unheeded,
                };
                let is_told = self.bring(&step.call, News::Leg { errand, leg: told.call, state }).await;
                document(&answer_to_key(&documents, accepts, is_told, errand, again))
            }
        })
    }

    /// Where the caller was put through to, nobody answered; or they have talked.
    async fn dialled(&self, told: &IncomingCall, form: &Form) -> PortResult<Next> {
        if told.status.is_over() {
            self.end(&told.call, Ending::CallerHungUp).await?;
            return Ok(Next::HangUp);
        }
        match TransferFailure::of_dial(form.get("DialCallStatus").unwrap_or_default()) {
            None => {
                self.end(&told.call, Ending::Transferred).await?;
                Ok(Next::HangUp)
            }
            Some(why) => {
                self.bring(&told.call, News::NotThrough { why }).await;
                self.resume(told).await
            }
        }
    }

    /// The conference is over for the caller: whoever took the call has hung up, or nobody did.
    async fn left(&self, told: &IncomingCall) -> PortResult<Next> {
        if told.status.is_over() {
            self.bring(&told.call, News::CallerLeft).await;
            return Ok(Next::HangUp);
        }
        self.resume(told).await
    }

    /// To the relay that has the call, or to another if that one is gone.
    async fn bring(&self, sid: &CallSid, news: News) -> Told {
        match self.try_to_bring(sid, news).await {
            Ok(told) => told,
            Err(error) => {
                tracing::warn!(code = "relay_not_told", call = %sid, %error);
                Told::Nobody
            }
        }
    }

    async fn try_to_bring(&self, sid: &CallSid, news: News) -> PortResult<Told> {
        let relays = self.store.relays().await?;
        let Next::Stream { call, .. } = self.proceed(sid, &relays).await? else { return Ok(Told::CallOver) };
        let holder = call.lease.and_then(|lease| relays.iter().find(|relay| relay.id == lease.relay));
        let Some(relay) = holder else { return Ok(Told::Nobody) };
        self.relays.send(relay, &Control::News { sid: sid.clone(), news }).await?;
        Ok(Told::Relay)
    }
}

/// Who was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Relay,
    CallOver,
    Nobody,
}

fn answer_to_key(documents: &Documents, accepts: bool, told: Told, errand: u32, again: u32) -> twiml::Response {
    match told {
        _ if !accepts => twiml::Response::new().hangup(),
        Told::Relay => documents.join(),
        // Else the relay would take the caller away again, thinking that nobody came.
        Told::Nobody if again < MOST_AGAIN => documents.once_more(errand, again + 1),
        Told::Nobody => twiml::Response::new().say("The call could not be connected. Goodbye.").hangup(),
        Told::CallOver => twiml::Response::new().say("The caller has hung up. Goodbye.").hangup(),
    }
}

fn document(document: &twiml::Response) -> Response {
    Response::xml(twiml::CONTENT_TYPE, document)
}
