//! Somebody who is called over the REST API: their telephone rings, they listen, press a key, and talk.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use url::Url;

use super::{Exchange, Manner, Order, Orders, Party, Talk};
use crate::call::form::{Form, Identity};
use crate::call::twiml::{self, Callback, Conference, DialTo, Gather, Verb};

/// Long enough to hear what it is about.
const LISTENS: Duration = Duration::from_millis(1_500);
/// Somebody who is called and asked again and again hangs up.
const MOST_DOCUMENTS: u32 = 20;
/// Spoken words, roughly.
const LETTERS_A_SECOND: usize = 15;

/// A call that is to be made.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) verbs: Vec<Verb>,
    pub(super) callback: Callback,
    /// Told who has answered.
    pub(super) machine_detection: Option<String>,
    pub(super) rings: Duration,
}

#[derive(Debug)]
pub(super) struct Callee {
    pub(super) exchange: Exchange,
    pub(super) identity: Identity,
    pub(super) party: Option<Party>,
    /// What it is about, as they were told.
    pub(super) briefed: OnceLock<String>,
}

enum Next {
    Fetch(String, Form),
    Instead(Vec<Verb>),
    End,
}

impl Callee {
    /// From the first ring until everybody has been told of the end.
    pub(super) async fn run(self, mut orders: Orders, errand: Errand) {
        let status = self.live(&mut orders, &errand).await;
        self.exchange.end(&self.identity, status);
        self.tell(&errand.callback, "completed", status).await;
    }

    /// How the call ends, in Twilio's word.
    async fn live(&self, orders: &mut Orders, errand: &Errand) -> &'static str {
        self.tell(&errand.callback, "initiated", "initiated").await;
        let Some(party) = &self.party else { return "failed" };
        if party.then == Manner::Busy {
            return "busy";
        }
        self.exchange.is_now(&self.identity, "ringing");
        self.tell(&errand.callback, "ringing", "ringing").await;
        let answers = matches!(party.then, Manner::Answers { .. }) && party.rings < errand.rings;
        let ringing = tokio::time::sleep(if answers { party.rings } else { errand.rings });
        tokio::select! {
            biased;
            () = orders.arrive() => return "canceled",
            () = ringing => {}
        }
        if !answers {
            return "no-answer";
        }
        self.exchange.is_now(&self.identity, "in-progress");
        self.tell(&errand.callback, "answered", "in-progress").await;
        let listening = self.follow(orders, errand.verbs.clone());
        tokio::join!(listening, self.tell_who(errand.machine_detection.as_deref()));
        "completed"
    }

    async fn tell(&self, callback: &Callback, event: &str, status: &str) {
        self.exchange.tell(callback, event, &self.identity, status, "").await;
    }

    async fn tell_who(&self, address: Option<&str>) {
        let callback = Callback { url: address.map(str::to_owned), events: Vec::new() };
        let form = [
            ("AccountSid", self.identity.account.as_str()),
            ("CallSid", &self.identity.call),
            ("AnsweredBy", "human"),
            ("MachineDetectionDuration", "1200"),
        ];
        self.exchange.post(&callback, form.map(|(name, value)| (name.to_owned(), value.to_owned())).into()).await;
    }

    async fn follow(&self, orders: &mut Orders, verbs: Vec<Verb>) {
        let mut next = Next::Instead(verbs);
        for _ in 0..MOST_DOCUMENTS {
            next = match next {
                Next::Fetch(address, more) => match self.fetch(&address, more).await {
                    Ok(verbs) => self.execute(orders, verbs).await,
                    Err(what) => return self.exchange.warn(11_200, what),
                },
                Next::Instead(verbs) => self.execute(orders, verbs).await,
                Next::End => return,
            };
        }
    }

    async fn fetch(&self, address: &str, more: Form) -> Result<Vec<Verb>, String> {
        let url = Url::parse(address).map_err(|_| format!("`{address}` is no absolute address"))?;
        let form = self.identity.form("in-progress", &[]).into_iter().chain(more).collect();
        let body = self.exchange.0.poster.post(&url, &form).await.map_err(|error| error.to_string())?;
        let mut warnings = Vec::new();
        let verbs = twiml::read(&body, &mut warnings).map_err(|error| format!("{url} answered no TwiML: {error}"));
        warnings.into_iter().for_each(|warning| self.exchange.warn(warning.code, warning.what));
        verbs
    }

    async fn execute(&self, orders: &mut Orders, verbs: Vec<Verb>) -> Next {
        for verb in verbs {
            let next = match verb {
                Verb::Dial(twiml::Dial { to: Some(DialTo::Conference(conference)), .. }) => {
                    self.confer(orders, &conference).await
                }
                verb => tokio::select! {
                    biased;
                    () = orders.arrive() => None,
                    next = self.carry_out(verb) => next,
                },
            };
            match (next, orders.take()) {
                (Some(next), _) => return next,
                (None, Some(Order::Do(verbs))) => return Next::Instead(verbs),
                (None, Some(Order::HangUp)) => return Next::End,
                (None, None) => {}
            }
        }
        Next::End
    }

    async fn carry_out(&self, verb: Verb) -> Option<Next> {
        match verb {
            Verb::Say(text) => tokio::time::sleep(spoken(&text)).await,
            Verb::Pause(length) => tokio::time::sleep(length).await,
            Verb::Gather(gather) => return self.press(gather).await,
            Verb::Redirect(address) => return Some(Next::Fetch(address, Form::new())),
            Verb::Hangup => return Some(Next::End),
            Verb::Play(_) | Verb::Stream(_) | Verb::Dial(_) => {
                self.exchange.warn(12_200, "a verb that nobody who is called here knows".to_owned());
            }
        }
        None
    }

    /// Without a key the next verb is due.
    async fn press(&self, Gather { say, timeout, action }: Gather) -> Option<Next> {
        self.briefed.get_or_init(|| say.clone());
        match self.party.as_ref().map(|party| &party.then) {
            Some(Manner::Answers { presses: Some(key), .. }) => {
                tokio::time::sleep(spoken(&say).min(LISTENS)).await;
                Some(Next::Fetch(action, vec![("Digits".to_owned(), key.to_string())]))
            }
            _ => {
                tokio::time::sleep(spoken(&say) + timeout).await;
                None
            }
        }
    }

    async fn confer(&self, orders: &mut Orders, conference: &Conference) -> Option<Next> {
        let talks = match self.party.as_ref().map(|party| &party.then) {
            Some(Manner::Answers { talks, .. }) => *talks,
            _ => Duration::ZERO,
        };
        let seat = self.exchange.join(conference, &self.identity.call);
        let since = Instant::now();
        let left = seat.stay(orders, tokio::time::sleep(talks)).await;
        self.exchange.talked(Talk {
            who: self.identity.to.clone(),
            briefed: self.briefed.get().cloned().unwrap_or_default(),
            lasted: since.elapsed(),
            together: seat.most(),
        });
        self.exchange.leave(seat, &self.identity, left).await;
        (left == super::rooms::Left::HungUp).then_some(Next::End)
    }
}

fn spoken(text: &str) -> Duration {
    Duration::from_secs((text.chars().count() / LETTERS_A_SECOND) as u64)
}
