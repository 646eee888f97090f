//! Pieces that more than one section has, with their rules.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Reader, Source, is_nowhere, nowhere};
use crate::calls::MediaPath;
use crate::limits::{Allowed, CallLimits, Gate, Rate};
use crate::redact::Secret;

/// Whether a request has to prove that Twilio sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookAuth {
    Signed(Secret),
    /// Only where nobody else can reach us: on a loopback address.
    Open,
}

/// Whether a URL leads to this very machine.
pub fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

pub(super) fn table<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> String {
    reader.required("TABLE_NAME", "the DynamoDB table")
}

pub(super) fn bucket<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> String {
    reader.required("RECORDINGS_BUCKET", "the S3 bucket of recordings")
}

/// Where Twilio finds the webhooks: what its signatures are checked against.
pub(super) fn public_url<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> url::Url {
    web_url(reader, "PUBLIC_URL", "where Twilio finds the webhooks")
}

/// Where Twilio opens its streams. It insists on TLS; a caller simulated on this machine need not.
pub(super) fn public_wss_url<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> url::Url {
    let url = reader.required_url("PUBLIC_WSS_URL", "where Twilio opens its media streams");
    let safe = url.scheme() == "wss" || (url.scheme() == "ws" && is_loopback(&url));
    reader.rule(safe || is_nowhere(&url), "PUBLIC_WSS_URL must be a wss URL; ws is for loopback addresses");
    reader.rule(url.query().is_none(), "PUBLIC_WSS_URL must have no query: Twilio throws it away");
    url
}

/// `TWILIO_AUTH_TOKEN`, unless `TWILIO_WEBHOOK_VALIDATION` is off, which `public` must allow.
pub(super) fn webhook_auth<S: Source + ?Sized>(reader: &mut Reader<'_, S>, public: &url::Url) -> WebhookAuth {
    if reader.flag("TWILIO_WEBHOOK_VALIDATION", true) {
        return WebhookAuth::Signed(reader.required_secret("TWILIO_AUTH_TOKEN", "checks Twilio's signatures"));
    }
    reader.rule(is_loopback(public), "TWILIO_WEBHOOK_VALIDATION=false is for loopback addresses only");
    WebhookAuth::Open
}

pub(super) fn media_path<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> MediaPath {
    reader.parsed("MEDIA_PATH", "gateway or direct").unwrap_or_default()
}

/// Whose requests are looked at: `ALLOWED_ADDRESSES`, `STRANGER_RATE`.
pub(super) fn gate<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> Gate {
    let allowed: Option<Allowed> =
        reader.parsed("ALLOWED_ADDRESSES", "a list of addresses and networks, as in 203.0.113.7,198.51.100.0/24");
    let strangers = rate(reader, "STRANGER_RATE");
    Gate { allowed: allowed.unwrap_or_default(), strangers: strangers.unwrap_or(Gate::default().strangers) }
}

/// How many calls are taken: `CALLER_RATE`, `MAX_CALLS`.
pub(super) fn call_limits<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> CallLimits {
    CallLimits {
        of_a_caller: rate(reader, "CALLER_RATE").unwrap_or(CallLimits::default().of_a_caller),
        at_once: reader.within("MAX_CALLS", 1..=1_000_000, "a whole number from 1 to 1000000"),
    }
}

fn rate<S: Source + ?Sized>(reader: &mut Reader<'_, S>, key: &'static str) -> Option<Rate> {
    reader.within(key, 0..=1_000_000, "a whole number a minute, 0 for no limit").map(Rate::per_minute)
}

/// An http(s) URL of ours or of the cloud's.
pub(super) fn web_url<S>(reader: &mut Reader<'_, S>, key: &'static str, purpose: &'static str) -> url::Url
where
    S: Source + ?Sized,
{
    let url = reader.required_url(key, purpose);
    if !matches!(url.scheme(), "https" | "http") {
        reader.invalid(key, "an http or https URL");
    }
    url
}

/// Where the model's sockets are.
pub(super) fn model_url<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> url::Url {
    url_or(reader, "OPENAI_REALTIME_URL", "wss://api.openai.com/v1/realtime")
}

/// A URL with a default.
pub(super) fn url_or<S>(reader: &mut Reader<'_, S>, key: &'static str, default: &'static str) -> url::Url
where
    S: Source + ?Sized,
{
    reader.parsed(key, "a URL").or_else(|| default.parse().ok()).unwrap_or_else(nowhere)
}

/// `@connections` of the stage `logs`.
pub(super) fn logs_url<S: Source + ?Sized>(reader: &mut Reader<'_, S>) -> url::Url {
    web_url(reader, "LOGS_CONNECTIONS_URL", "where consoles' sockets are written to")
}

pub(super) fn seconds<S>(
    reader: &mut Reader<'_, S>,
    key: &'static str,
    range: RangeInclusive<f64>,
    expected: &'static str,
) -> Option<Duration>
where
    S: Source + ?Sized,
{
    reader.within(key, range, expected).map(Duration::from_secs_f64)
}
