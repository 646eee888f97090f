//! Whose upgrade is looked at, and who has had too many refused. As at the other doors, a good signature is always good; a page
//! of the console, which cannot sign, brings the token that it was given for its stream.

use std::fmt::Display;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use shared::limits::{Counts, Gate, origin};
use shared::ports::LookAtTokens;
use shared::redact::Secret;
use shared::twilio::signature::{self, Content, Signer};

use super::lobby::Visitor;
use crate::relay::metrics::{Metrics, label};

/// A store that takes longer is one that cannot be asked. A page asks for another stream then.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);
const FORWARDED_FOR: &str = "x-forwarded-for";

#[derive(Debug)]
pub(super) struct Vetting {
    /// `None` lets everyone in.
    signer: Option<Signer>,
    public_wss_url: url::Url,
    gate: Gate,
    behind_proxy: bool,
    /// Upgrades without a good signature.
    strangers: Mutex<Counts>,
}

impl Vetting {
    pub(super) fn new(token: Option<&Secret>, public_wss_url: url::Url, gate: Gate, behind_proxy: bool) -> Self {
        Self { signer: token.map(Signer::new), public_wss_url, gate, behind_proxy, strangers: Mutex::default() }
    }

    /// Who may not come in from there at all.
    pub(super) fn admit(&self, address: Option<IpAddr>, metrics: &Metrics) -> Result<(), StatusCode> {
        if self.gate.allowed.admits(address) {
            return Ok(());
        }
        metrics.streams_refused.get_or_create(&label("address")).inc();
        Err(StatusCode::FORBIDDEN)
    }

    pub(super) fn vouch(
        &self,
        headers: &HeaderMap,
        address: Option<IpAddr>,
        now_ms: u64,
        metrics: &Metrics,
    ) -> Result<(), StatusCode> {
        let Some(signer) = &self.signer else { return Ok(()) };
        let request = signature::Request {
            url: self.public_wss_url.as_str(),
            content: Content::UrlOnly,
            signature: headers.get(signature::HEADER).and_then(|value| value.to_str().ok()),
        };
        let Err(error) = signer.verify(&request) else { return Ok(()) };
        Err(self.refuse("signature", &error, address, now_ms, metrics))
    }

    /// Looks at the token only: the stream's `start` brings it again, and uses it up. Who has guessed too often is not looked
    /// at.
    pub(super) async fn vouch_for_page<S: LookAtTokens>(
        &self,
        store: &S,
        token: &Secret,
        headers: &HeaderMap,
        (address, now_ms): (Option<IpAddr>, u64),
        metrics: &Metrics,
    ) -> Result<(), StatusCode> {
        if self.have_had_enough(address, now_ms) {
            return Err(StatusCode::TOO_MANY_REQUESTS);
        }
        let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
        match tokio::time::timeout(STORE_TIMEOUT, store.stream_pass(token)).await {
            Ok(Ok(Some(pass))) if pass.bearer.is_page_of(origin) => Ok(()),
            Ok(Ok(_)) => Err(self.refuse("token", &"its token is not good", address, now_ms, metrics)),
            Ok(Err(_)) | Err(_) => {
                metrics.streams_refused.get_or_create(&label("store")).inc();
                Err(StatusCode::SERVICE_UNAVAILABLE)
            }
        }
    }

    fn refuse(
        &self,
        kind: &'static str,
        error: &dyn Display,
        address: Option<IpAddr>,
        now_ms: u64,
        metrics: &Metrics,
    ) -> StatusCode {
        metrics.streams_refused.get_or_create(&label(kind)).inc();
        if self.are_too_many(address, now_ms) {
            return StatusCode::TOO_MANY_REQUESTS;
        }
        tracing::warn!(%error, "an upgrade was refused");
        StatusCode::FORBIDDEN
    }

    fn have_had_enough(&self, address: Option<IpAddr>, now_ms: u64) -> bool {
        let strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        address.is_some_and(|address| self.gate.strangers.exceeded_by(strangers.of(&origin(address), now_ms)))
    }

    fn are_too_many(&self, address: Option<IpAddr>, now_ms: u64) -> bool {
        let Some(address) = address else { return false };
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        self.gate.strangers.exceeded_by(strangers.count(&origin(address), now_ms))
    }

    /// A proxy appends to the header from where it was asked; what stands before that anybody may have written.
    pub(super) fn address(&self, headers: &HeaderMap, visitor: &Visitor) -> Option<IpAddr> {
        if !self.behind_proxy {
            return Some(visitor.peer.ip());
        }
        let named = headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
        named.rsplit(',').next()?.trim().parse().ok()
    }
}
