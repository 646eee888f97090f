//! The carrier's exchange: which calls there are, who else can be called, and the rooms where they meet.
//!
//! A caller who is entered in it can be told over `rest` to do something else, as Twilio's REST API allows.

mod callee;
pub(crate) mod rest;
mod rooms;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Client;
use shared::redact::Secret;
use tokio::sync::mpsc;
use url::Url;

use super::form::{Identity, Poster};
use super::report::Warning;
use super::twiml::{Callback, Verb};
pub(crate) use rest::phone_numbers;
pub use rest::phone_numbers::PhoneNumbers;
pub(super) use rooms::Left;
use rooms::Rooms;

/// More than a call is ever told at once.
const ORDERS: usize = 16;
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(15);

/// Somebody who may be called, and what they do then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// A number or a SIP URI.
    pub address: String,
    pub rings: Duration,
    pub then: Manner,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    Busy,
    /// It rings for as long as the other side lets it.
    NeverAnswers,
    /// Answers, presses this when asked for a key, and talks for so long with whoever is there.
    Answers {
        presses: Option<char>,
        talks: Duration,
    },
}

/// What somebody who was called had of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Talk {
    pub who: String,
    /// What they were told before.
    pub briefed: String,
    /// In the conference.
    pub lasted: Duration,
    /// How many were in it at the same time, at most.
    pub together: usize,
}

/// What a call is told to do instead of what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Do(Vec<Verb>),
    HangUp,
}

/// What a call has been told. A call that is in no exchange is told nothing.
#[derive(Debug, Default)]
pub(super) struct Orders {
    receiver: Option<mpsc::Receiver<Order>>,
    arrived: Option<Order>,
}

impl Orders {
    /// Returns when there is one. What is dropped before has lost nothing.
    pub(super) async fn arrive(&mut self) {
        if self.arrived.is_none()
            && let Some(receiver) = &mut self.receiver
        {
            self.arrived = receiver.recv().await;
        }
        if self.arrived.is_none() {
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn take(&mut self) -> Option<Order> {
        self.arrived.take()
    }
}

/// Everybody shares one.
#[derive(Debug, Clone)]
pub struct Exchange(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    poster: Poster,
    parties: Vec<Party>,
    calls: Mutex<BTreeMap<String, Known>>,
    rooms: Rooms,
    warnings: Mutex<Vec<Warning>>,
    talks: Mutex<Vec<Talk>>,
}

/// A call that there is, or was.
#[derive(Debug, Clone)]
struct Known {
    identity: Identity,
    status: &'static str,
    /// None once it is over.
    orders: Option<mpsc::Sender<Order>>,
}

impl Exchange {
    /// What it posts is signed with this token.
    pub fn new(auth_token: Secret, parties: Vec<Party>) -> Self {
        let client = Client::builder().timeout(WEBHOOK_TIMEOUT).build().unwrap_or_default();
        Self(Arc::new(Inner {
            poster: Poster::new(client, auth_token),
            parties,
            calls: Mutex::default(),
            rooms: Rooms::default(),
            warnings: Mutex::default(),
            talks: Mutex::default(),
        }))
    }

    /// What Twilio's debugger would show of the calls that were made here.
    pub fn warnings(&self) -> Vec<Warning> {
        lock(&self.0.warnings).clone()
    }

    /// In the order in which they ended.
    pub fn talks(&self) -> Vec<Talk> {
        lock(&self.0.talks).clone()
    }

    fn talked(&self, talk: Talk) {
        lock(&self.0.talks).push(talk);
    }

    pub(super) fn begin(&self, identity: &Identity) -> Orders {
        self.enter(identity, "in-progress")
    }

    fn enter(&self, identity: &Identity, status: &'static str) -> Orders {
        let (orders, receiver) = mpsc::channel(ORDERS);
        let known = Known { identity: identity.clone(), status, orders: Some(orders) };
        lock(&self.0.calls).insert(identity.call.clone(), known);
        Orders { receiver: Some(receiver), arrived: None }
    }

    /// It can be told nothing any more, and is remembered.
    pub(super) fn end(&self, identity: &Identity, status: &'static str) {
        if let Some(call) = lock(&self.0.calls).get_mut(&identity.call) {
            (call.status, call.orders) = (status, None);
        }
    }

    fn is_now(&self, identity: &Identity, status: &'static str) {
        if let Some(call) = lock(&self.0.calls).get_mut(&identity.call) {
            call.status = status;
        }
    }

    fn call(&self, sid: &str) -> Option<Known> {
        lock(&self.0.calls).get(sid).cloned()
    }

    pub(super) fn party(&self, address: &str) -> Option<Party> {
        self.0.parties.iter().find(|party| party.address == address).cloned()
    }

    pub(super) fn warn(&self, code: u32, what: String) {
        lock(&self.0.warnings).push(Warning { code, what });
    }

    /// Of a call's progress, if it is asked for.
    pub(super) async fn tell(&self, callback: &Callback, event: &str, identity: &Identity, status: &str, parent: &str) {
        if !callback.events.iter().any(|wanted| wanted == event) {
            return;
        }
        let mut more = vec![("CallbackSource", "call-progress-events")];
        if !parent.is_empty() {
            more.push(("ParentCallSid", parent));
        }
        self.post(callback, identity.form(status, &more)).await;
    }

    async fn post(&self, callback: &Callback, form: super::form::Form) {
        let Some(address) = &callback.url else { return };
        let told = match Url::parse(address) {
            Ok(url) => self.0.poster.post(&url, &form).await.map(drop).map_err(|error| error.to_string()),
            Err(_) => Err(format!("`{address}` is no absolute address")),
        };
        if let Err(what) = told {
            self.warn(15_003, what);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
