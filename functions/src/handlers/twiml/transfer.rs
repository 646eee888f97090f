//! The webhooks of a transfer: what the carrier tells is brought to the relay that has the call, or to another one if that is
//! gone; and whoever asks what to do next is told. What it means for the call is the session's to decide.

use http::StatusCode;
use shared::calls::Ending;
use shared::control::Control;
use shared::ids::{CallSid, ConferenceSid};
use shared::ports::{Clock, Conferences, PortError, PortResult, Random, RelayControl};
use shared::transfer::documents::{ACCEPT, Documents, NOBODY_WAITS, Step, What};
use shared::transfer::{LegState, News, TransferFailure};
use shared::twilio::twiml;
use shared::twilio::webhook::{Form, IncomingCall, WebhookError, is_sid};

use super::line::Ticket;
use super::needs::FrontDesk;
use super::webhook::Fault;
use super::{Next, Response, Twiml};

/// Seconds for which whoever took the call waits until somebody can be told of it.
const MOST_AGAIN: u32 = 5;

impl<S: FrontDesk, R: RelayControl, P: Conferences, C: Clock, T: Random> Twiml<S, R, P, C, T> {
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
                self.somebody_left(&step.call, &told.call, form).await;
                Response::empty(StatusCode::NO_CONTENT)
            }
            What::Alone => document(&Documents::alone()),
            What::Leg { errand } => {
                let status = form.get("CallStatus").unwrap_or_default();
                if let Some(state) = LegState::read(status, form.get("AnsweredBy")) {
                    self.bring(&step.call, News::Leg { errand, leg: told.call, state }).await;
                }
                Response::empty(StatusCode::NO_CONTENT)
            }
            What::Key { errand, again, several } => {
                let accepts = again > 0 || form.get("Digits") == Some(ACCEPT);
                let state = match form.get("Digits") {
                    _ if accepts => LegState::Accepted,
                    Some(_) => LegState::Declined,
                    None => LegState::Unheeded,
                };
                let is_told = self.bring(&step.call, News::Leg { errand, leg: told.call, state }).await;
                document(&answer_to_key(&documents, accepts, is_told, errand, again, several))
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

    async fn somebody_left(&self, caller: &CallSid, who: &CallSid, form: &Form) {
        if who == caller {
            // Who is brought back leaves the conference too, and has not hung up.
            if form.get("ReasonParticipantLeft") == Some("participant_hung_up") {
                self.bring(caller, News::CallerLeft).await;
            }
            return;
        }
        let conference = form.get("ConferenceSid").filter(|sid| is_sid(sid, "CF"));
        // Else it has ended with them.
        let goes_on = form.get("EndConferenceOnExit") != Some("true");
        let (Some(conference), Some(rooms)) = (conference.filter(|_| goes_on), &self.rooms) else { return };
        if let Err(error) = self.see_off(rooms, caller, who, &conference.into()).await {
            tracing::warn!(code = "carrier_refused", call = %caller, %error);
        }
    }

    /// The last of several people has left the caller: the conversation is over, and whoever is still being called is not
    /// wanted any more.
    async fn see_off(&self, rooms: &P, caller: &CallSid, gone: &CallSid, conference: &ConferenceSid) -> PortResult<()> {
        let inside = match rooms.inside(conference).await {
            Err(PortError::Gone) => return Ok(()),
            inside => inside?,
        };
        if !inside.iter().filter(|call| *call != gone).eq([caller]) {
            return Ok(());
        }
        self.end(caller, Ending::Transferred).await?;
        rooms.end_conference(conference).await
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

fn answer_to_key(
    documents: &Documents,
    accepts: bool,
    told: Told,
    errand: u32,
    again: u32,
    several: bool,
) -> twiml::Response {
    let goodbye = twiml::Response::new();
    match told {
        _ if !accepts => goodbye.hangup(),
        Told::Relay => documents.join(several),
        // Else the relay would take the caller away again, thinking that nobody came.
        Told::Nobody if again < MOST_AGAIN => documents.once_more(errand, again + 1, several),
        Told::Nobody => goodbye.say("The call could not be connected. Goodbye.").hangup(),
        Told::CallOver => goodbye.say(NOBODY_WAITS).hangup(),
    }
}

fn document(document: &twiml::Response) -> Response {
    Response::xml(twiml::CONTENT_TYPE, document)
}
