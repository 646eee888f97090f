//! Requests that nobody vouches for: whose are looked at at all, and when an address has had too many refused.
//!
//! The signature is checked first, always: who has one is let in, whatever others did from the same address. Among these
//! are all of Twilio's customers.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shared::console::Denied;
use shared::limits::{Counts, Gate, Window, origin};
use shared::ports::CountRates;

use super::tally::Tally;

#[derive(Debug)]
pub(super) struct Strangers {
    gate: Gate,
    /// What the store said last: who has had enough is not worth another write.
    known: Mutex<Counts>,
    /// Refusals that count against nobody.
    noted: Mutex<Counts>,
    tally: Tally,
}

impl Strangers {
    pub(super) fn new(gate: Gate) -> Self {
        Self { gate, known: Mutex::default(), noted: Mutex::default(), tally: Tally::default() }
    }

    /// Whether requests from there are looked at.
    pub(super) fn admits(&self, address: Option<IpAddr>) -> bool {
        let admitted = self.gate.allowed.admits(address);
        if !admitted && let Some(count) = self.tally.count("address_refused") {
            tracing::warn!(code = "address_refused", count);
        }
        admitted
    }

    /// As far as is known here. Whoever asks this before looking at what they bring stops those who guess.
    pub(super) fn have_had_enough(&self, address: Option<IpAddr>, now_ms: u64) -> bool {
        let rate = self.gate.strangers;
        address.is_some_and(|address| rate.exceeded_by(self.known().of(&origin(address), now_ms)))
    }

    /// Another request from there had no good signature; whether it was one too many. Then it is worth no line in the
    /// log.
    pub(super) async fn are_too_many<S: CountRates>(&self, store: &S, address: Option<IpAddr>, now_ms: u64) -> bool {
        let rate = self.gate.strangers;
        let Some(address) = address.filter(|_| rate.is_limited()) else { return false };
        let whom = origin(address);
        if rate.exceeded_by(self.known().of(&whom, now_ms)) {
            return true;
        }
        match store.count_rate("STRANGER", &whom, Window::at(now_ms)).await {
            Ok(count) => {
                self.known().note(&whom, count, now_ms);
                let too_many = rate.exceeded_by(count);
                if too_many {
                    tracing::warn!(code = "address_limited");
                }
                too_many
            }
            Err(error) => {
                tracing::warn!(code = "rate_not_counted", %error);
                false
            }
        }
    }

    /// Whether another refusal that counts against nobody is worth a line in the audit: as many a minute as of those that do,
    /// as far as is known here.
    pub(super) fn is_worth_noting(&self, address: Option<IpAddr>, now_ms: u64) -> bool {
        let whom = address.map(origin).unwrap_or_default();
        let count = self.noted.lock().unwrap_or_else(PoisonError::into_inner).count(&whom, now_ms);
        count > 0 && !self.gate.strangers.exceeded_by(count)
    }

    fn known(&self) -> MutexGuard<'_, Counts> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the audit calls it when somebody is not let in.
pub(super) fn refused(denied: Denied) -> &'static str {
    match denied {
        Denied::NoToken => "token.missing",
        Denied::Expired => "token.expired",
        Denied::Forged | Denied::Closed | Denied::Provider(_) => "token.refused",
    }
}
