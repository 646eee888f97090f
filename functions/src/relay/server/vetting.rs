//! Whose upgrade is looked at, and who has had too many refused. As at the other doors, a good signature is always good.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, StatusCode};
use shared::limits::{Counts, Gate, origin};
use shared::redact::Secret;
use shared::twilio::signature::{self, Content, Signer};

use super::lobby::Visitor;
use crate::relay::metrics::{Metrics, label};

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
        metrics.streams_refused.get_or_create(&label("signature")).inc();
        if self.are_too_many(address, now_ms) {
            return Err(StatusCode::TOO_MANY_REQUESTS);
        }
        tracing::warn!(%error, "an upgrade was refused");
        Err(StatusCode::FORBIDDEN)
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
