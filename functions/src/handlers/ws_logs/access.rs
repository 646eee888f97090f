//! Who may watch: a token in the first message, as the API takes it in a header; and what the audit is told of it.
//!
//! Where none is needed, on this very machine, a page from anywhere could open a socket to it: only pages of this machine may.

use std::net::IpAddr;

use shared::config::{LogsConfig, is_loopback};
use shared::console::{Act, Denied, Keys, Role, Visitor};
use shared::limits::{Gate, Rate};
use shared::ports::{CountRates, NoteActs};
use shared::redact::Pii;
use url::Url;

use super::super::strangers::{Strangers, refused};

/// Tokens that are not ours, from one address.
const SIGN_INS: Rate = Rate::per_minute(10);

#[derive(Debug)]
pub(super) struct Access {
    keys: Keys,
    strangers: Strangers,
}

/// Of whom the audit tells.
pub(super) struct Who<'a> {
    pub(super) role: Option<Role>,
    pub(super) name: &'a Pii<String>,
    pub(super) address: Option<IpAddr>,
}

impl Access {
    pub(super) fn new(config: &LogsConfig) -> Self {
        let strangers = Strangers::new(Gate { strangers: SIGN_INS, ..Gate::default() });
        Self { keys: config.console.clone(), strangers }
    }

    /// `origin`: where the page came from that opens a socket; other clients have none.
    pub(super) fn lets_in(&self, origin: Option<&str>, now_ms: u64) -> bool {
        match self.keys.admit(None, now_ms) {
            Ok(_) => origin.is_none_or(|origin| Url::parse(origin).is_ok_and(|origin| is_loopback(&origin))),
            Err(Denied::Closed) => false,
            Err(_) => true,
        }
    }

    /// Who comes with this token. A refusal is written down, as the API does it.
    pub(super) async fn admit<S: CountRates + NoteActs>(
        &self,
        store: &S,
        token: Option<&str>,
        address: Option<IpAddr>,
        now_ms: u64,
    ) -> Result<Visitor, (u16, String)> {
        const ENOUGH: &str = "too many wrong tokens have come from this address; wait a minute";
        if self.strangers.have_had_enough(address, now_ms) {
            return Err((429, ENOUGH.to_owned()));
        }
        let denied = match self.keys.admit(token, now_ms) {
            Ok(visitor) => return Ok(visitor),
            Err(denied) => denied,
        };
        let forged = denied == Denied::Forged;
        if forged && self.strangers.are_too_many(store, address, now_ms).await {
            return Err((429, ENOUGH.to_owned()));
        }
        tracing::warn!(code = "console_token_refused", %denied, "/logs");
        if forged || self.strangers.is_worth_noting(address, now_ms) {
            let nobody = Who { role: None, name: &Pii::default(), address };
            note(store, nobody, (refused(denied), None), 401, now_ms).await;
        }
        Err((401, denied.to_string()))
    }
}

/// What has been done is done, whether it can be written down or not.
pub(super) async fn note<S: NoteActs>(
    store: &S,
    who: Who<'_>,
    (act, on): (&str, Option<String>),
    status: u16,
    at_ms: u64,
) {
    let act = Act {
        at_ms,
        role: who.role,
        name: who.name.clone(),
        address: who.address.map(|address| address.to_string().into()),
        act: act.to_owned(),
        on,
        status,
    };
    if let Err(error) = store.note_act(&act).await {
        tracing::error!(code = "act_not_noted", act = act.act, %error);
    }
}
