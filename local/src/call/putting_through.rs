//! A caller on the way to somebody else: what rings, what plays, and what the bridge is asked when it is over.

use std::time::{Duration, Instant};

use url::Url;

use super::dial::{Caller, Next, fresh_sid, millis};
use super::exchange::{Exchange, Manner, Orders};
use super::form::{Form, Identity};
use super::report::{Ended, Wait, Waiting, Warning};
use super::twiml::{Callback, Conference, Dial, DialTo, Verb, resolve_url};

/// Between two documents of a conference's that play nothing.
const BREATH: Duration = Duration::from_secs(1);

impl Caller {
    /// `None`: the next verb is due, or what the call was told meanwhile.
    pub(super) async fn dial(&mut self, dial: Dial, document: &Url, orders: &mut Orders) -> Option<Next> {
        let Some(exchange) = self.config.exchange.clone() else {
            self.warnings.push(Warning { code: 13_200, what: "<Dial>: there is nobody to be called".to_owned() });
            return None;
        };
        let status = match &dial.to {
            Some(DialTo::Line { address, callback }) => {
                self.dial_line(&exchange, &dial, address, callback, orders).await?
            }
            Some(DialTo::Conference(conference)) => self.confer(&exchange, conference, document, orders).await?,
            None => return None,
        };
        let action = dial.action?;
        Some(match resolve_url(&action, document) {
            Ok(url) => Next::Fetch(url, vec![("DialCallStatus".to_owned(), status.to_owned())]),
            Err(error) => Next::End(Ended::Failed(format!("<Dial> with the action `{action}`: {error}"))),
        })
    }

    /// How the other call ended, in Twilio's word; `None`: this one was told to do something else.
    async fn dial_line(
        &mut self,
        exchange: &Exchange,
        dial: &Dial,
        address: &str,
        callback: &Callback,
        orders: &mut Orders,
    ) -> Option<&'static str> {
        let Some(party) = exchange.party(address) else { return Some("failed") };
        let leg = Identity {
            call: fresh_sid("CA"),
            from: dial.caller_id.clone().unwrap_or_else(|| self.identity.from.clone()),
            to: address.to_owned(),
            direction: "outbound-dial",
            ..self.identity.clone()
        };
        let tell = |event, status| exchange.tell(callback, event, &leg, status, &self.identity.call);
        let (rings, talks) = match party.then {
            Manner::Busy => return Some("busy"),
            Manner::Answers { talks, .. } if party.rings < dial.timeout => (party.rings, Some(talks)),
            Manner::Answers { .. } | Manner::NeverAnswers => (dial.timeout, None),
        };
        tell("ringing", "ringing").await;
        let since = Instant::now();
        let told = tokio::select! {
            biased;
            () = orders.arrive() => true,
            () = tokio::time::sleep(rings) => false,
        };
        self.waits.push(Wait { heard: Waiting::Ringing, lasted_ms: millis(since.elapsed()) });
        let talk = async {
            tell("answered", "in-progress").await;
            tokio::time::sleep(talks.unwrap_or_default()).await;
        };
        let status = match talks {
            _ if told => "canceled",
            None => "no-answer",
            Some(_) => "completed",
        };
        let told = told
            || talks.is_some()
                && tokio::select! {
                    biased;
                    () = orders.arrive() => true,
                    () = talk => false,
                };
        tell("completed", status).await;
        (!told).then_some(status)
    }

    async fn confer(
        &mut self,
        exchange: &Exchange,
        conference: &Conference,
        document: &Url,
        orders: &mut Orders,
    ) -> Option<&'static str> {
        let seat = exchange.join(conference, &self.identity.call);
        let (begun, sid) = (seat.begun(), seat.conference_sid());
        let mut music = None;
        let waiting = async {
            tokio::select! {
                () = begun => {}
                () = self.hear_music(conference, &sid, document, &mut music) => {}
            }
            std::future::pending().await
        };
        let left = seat.stay(orders, waiting).await;
        if let Some(since) = music {
            self.waits.push(Wait { heard: Waiting::Music, lasted_ms: millis(since.elapsed()) });
        }
        exchange.leave(seat, &self.identity, left).await;
        (left == super::exchange::Left::Over).then_some("completed")
    }

    /// What the room has for those who wait, again and again. `since`: when they began to hear it.
    async fn hear_music(&mut self, room: &Conference, sid: &str, document: &Url, since: &mut Option<Instant>) {
        let Some(Ok(mut url)) = room.wait_url.as_ref().map(|address| resolve_url(address, document)) else { return };
        loop {
            let more = [("ConferenceSid", sid), ("FriendlyName", room.name.as_str())];
            let form: Form = self.identity.form("in-progress", &more);
            let verbs = match self.fetch(&url, &form).await {
                Ok(verbs) => verbs,
                Err(what) => return self.warnings.push(Warning { code: 13_233, what }),
            };
            let mut played = false;
            for verb in verbs {
                match verb {
                    Verb::Play(address) => {
                        let Some(length) = self.lasts(&address, &url).await else { continue };
                        since.get_or_insert_with(Instant::now);
                        played = true;
                        tokio::time::sleep(length).await;
                    }
                    Verb::Redirect(address) => url = resolve_url(&address, &url).unwrap_or(url),
                    _ => {}
                }
            }
            if !played {
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}
