//! The account's numbers: where their calls go, and what it takes to bring one here and back again.
//!
//! A webhook's URL may hold a password: what is kept of one is never logged, and what is shown lacks user and query.

use core::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::rest::RestError;
use super::setup::{Number, Setup};
use crate::ids::NumberSid;

/// What of a number says where its calls go.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Routing {
    pub voice_url: String,
    pub voice_method: String,
    pub status_callback: String,
    pub status_callback_method: String,
}

impl fmt::Debug for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Routing(…)")
    }
}

impl Routing {
    /// What makes it ours.
    pub fn ours(public_url: &Url) -> Self {
        Self {
            voice_url: Setup::webhook_of(public_url),
            voice_method: "POST".to_owned(),
            status_callback: Setup::status_callback_of(public_url),
            status_callback_method: "POST".to_owned(),
        }
    }

    pub fn of(number: &Number) -> Self {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        Self {
            voice_url: text(&number.voice_url),
            voice_method: text(&number.voice_method),
            status_callback: text(&number.status_callback),
            status_callback_method: text(&number.status_callback_method),
        }
    }

    /// As a request says it: an empty URL takes one away; there is no empty method.
    pub fn form(&self) -> Vec<(&'static str, String)> {
        let method = |name, method: &String| (!method.is_empty()).then(|| (name, method.clone()));
        [
            Some(("VoiceUrl", self.voice_url.clone())),
            method("VoiceMethod", &self.voice_method),
            Some(("StatusCallback", self.status_callback.clone())),
            method("StatusCallbackMethod", &self.status_callback_method),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Where there is no URL, no method counts.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = |(url, method): (&str, &str), (its_url, its_method): (&str, &str)| {
            url == its_url && (url.is_empty() || method.eq_ignore_ascii_case(its_method))
        };
        same(self.voice(), other.voice()) && same(self.status(), other.status())
    }

    fn voice(&self) -> (&str, &str) {
        (&self.voice_url, &self.voice_method)
    }

    fn status(&self) -> (&str, &str) {
        (&self.status_callback, &self.status_callback_method)
    }
}

/// A number that was pointed here: what it was set to before, and what it was set to then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointed {
    pub number: NumberSid,
    pub before: Routing,
    pub after: Routing,
    pub at_ms: u64,
}

/// Where a number's calls go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Points {
    Here,
    Elsewhere,
    Nowhere,
    /// To a TwiML app, whatever its webhook says.
    Application,
    /// To a SIP trunk, whatever its webhook says.
    Trunk,
    /// It takes no calls at all.
    NoVoice,
}

impl Points {
    pub fn of(number: &Number, public_url: &Url) -> Self {
        let set = |sid: &Option<String>| sid.as_deref().is_some_and(|sid| !sid.is_empty());
        match number.voice_url.as_deref() {
            _ if !number.capabilities.voice => Self::NoVoice,
            _ if set(&number.trunk_sid) => Self::Trunk,
            _ if set(&number.voice_application_sid) => Self::Application,
            None | Some("") => Self::Nowhere,
            Some(url) if Setup::is_webhook(url, public_url) => Self::Here,
            Some(_) => Self::Elsewhere,
        }
    }
}

/// Why a number is left as it is, and how it can be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "a TwiML app answers this number, and Twilio would not look at a webhook: take the app away in Twilio's console (Phone Numbers, the number, Configure with: Webhook), then point it here"
    )]
    Application,
    #[error(
        "a SIP trunk answers this number, and Twilio would not look at a webhook: take the trunk away in Twilio's console (Elastic SIP Trunking), then point it here"
    )]
    Trunk,
    #[error("this number has no Voice: it takes no calls, and another one is needed")]
    NoVoice,
    #[error("this number was not pointed here from this console: there is nothing to go back to")]
    NothingKept,
    #[error(
        "somebody has changed this number since it was pointed here, and it is left as it is: set it in Twilio's console, or point it here again, which keeps what it is now"
    )]
    ChangedSince,
}

/// What is kept before the number is changed to what it says is `after`; `None`: it is so already. A number that still is as
/// we had set it, for an address that we had then, goes back to where it was before that.
pub fn point(
    number: &Number,
    public_url: &Url,
    kept: Option<&Pointed>,
    at_ms: u64,
) -> Result<Option<Pointed>, Refusal> {
    match Points::of(number, public_url) {
        Points::Application => return Err(Refusal::Application),
        Points::Trunk => return Err(Refusal::Trunk),
        Points::NoVoice => return Err(Refusal::NoVoice),
        Points::Here | Points::Elsewhere | Points::Nowhere => {}
    }
    let (now, after) = (Routing::of(number), Routing::ours(public_url));
    if now.is_same(&after) {
        return Ok(None);
    }
    let before = kept.filter(|kept| kept.after.is_same(&now)).map_or(now, |kept| kept.before.clone());
    Ok(Some(Pointed { number: number.sid.clone(), before, after, at_ms }))
}

/// What to set it to again; `None`: it is so already.
pub fn undo(number: &Number, kept: Option<&Pointed>) -> Result<Option<Routing>, Refusal> {
    let Some(kept) = kept else { return Err(Refusal::NothingKept) };
    match Routing::of(number) {
        now if now.is_same(&kept.before) => Ok(None),
        now if now.is_same(&kept.after) => Ok(Some(kept.before.clone())),
        _ => Err(Refusal::ChangedSince),
    }
}

/// A webhook as it may be seen: without what may be a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Hook {
    pub method: String,
    pub url: String,
}

impl Hook {
    fn shown((url, method): (&str, &str)) -> Option<Self> {
        if url.is_empty() {
            return None;
        }
        let url = match Url::parse(url) {
            Ok(mut url) => {
                let _no_host = (url.set_username(""), url.set_password(None));
                let more = if url.query().is_some() { "?…" } else { "" };
                url.set_query(None);
                url.set_fragment(None);
                format!("{url}{more}")
            }
            Err(_) => "(no URL)".to_owned(),
        };
        Some(Self { method: if method.is_empty() { "POST".to_owned() } else { method.to_uppercase() }, url })
    }
}

/// One of the account's numbers, for whoever looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccountNumber {
    pub sid: NumberSid,
    pub number: String,
    pub name: String,
    pub points: Points,
    /// "A call comes in".
    pub voice: Option<Hook>,
    /// "Primary handler fails".
    pub fallback: Option<Hook>,
    /// "Call status changes".
    pub status_callback: Option<Hook>,
    /// Whether we are told how its calls end.
    pub tells_us: bool,
    /// Where it goes when it is undone. None: it was not pointed here.
    pub undo: Option<WayBack>,
}

/// What a number was set to before it was pointed here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WayBack {
    pub voice: Option<Hook>,
    pub status_callback: Option<Hook>,
    /// Unix milliseconds: since when.
    pub at_ms: u64,
    /// Whether the number still is as it was set then: otherwise it is left alone.
    pub open: bool,
}

impl AccountNumber {
    pub fn of(number: &Number, public_url: &Url, kept: Option<&Pointed>) -> Self {
        let (now, ours) = (Routing::of(number), Routing::ours(public_url));
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let fallback = (text(&number.voice_fallback_url), text(&number.voice_fallback_method));
        Self {
            sid: number.sid.clone(),
            number: number.phone_number.clone(),
            name: text(&number.friendly_name),
            points: Points::of(number, public_url),
            voice: Hook::shown(now.voice()),
            fallback: Hook::shown((&fallback.0, &fallback.1)),
            status_callback: Hook::shown(now.status()),
            tells_us: now.status_callback == ours.status_callback,
            undo: kept.map(|kept| WayBack {
                voice: Hook::shown(kept.before.voice()),
                status_callback: Hook::shown(kept.before.status()),
                at_ms: kept.at_ms,
                open: undo(number, Some(kept)).is_ok(),
            }),
        }
    }
}

/// Why Twilio did not do what it was asked, and what is to be done. Its own words are left out: they quote what they were given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CarrierError {
    #[error(
        "Twilio refuses the credentials (HTTP {0}): compare TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or the API key, with Twilio's console"
    )]
    Credentials(u16),
    #[error("the account has no such number: it was released, or belongs to another account")]
    NotThere,
    #[error("Twilio has too many requests of this account just now: wait a minute and try again")]
    TooMany,
    #[error("Twilio does not take this (HTTP {status}, code {code}): https://www.twilio.com/docs/api/errors/{code}")]
    Refused { status: u16, code: u64 },
    #[error("Twilio is in trouble (HTTP {0}): https://status.twilio.com; look again before you try again")]
    Down(u16),
    #[error("Twilio {0}, and may have done it none the less: look again before you try again")]
    NoAnswer(&'static str),
    #[error("what answers in Twilio's place is not Twilio (HTTP {0}): look at TWILIO_API_URL")]
    Unreadable(u16),
}

/// "Authentication Error", also of an account that is not active.
const NOT_AUTHENTICATED: [u64; 3] = [20_003, 20_005, 20_008];

impl From<&RestError> for CarrierError {
    fn from(error: &RestError) -> Self {
        match error {
            RestError::Unreadable { status } => Self::Unreadable(*status),
            error if error.is_throttled() => Self::TooMany,
            RestError::Refused(problem) => match problem.status {
                status @ (401 | 403) => Self::Credentials(status),
                status if NOT_AUTHENTICATED.contains(&problem.code) => Self::Credentials(status),
                404 => Self::NotThere,
                status @ 500..=599 => Self::Down(status),
                status => Self::Refused { status, code: problem.code },
            },
        }
    }
}

#[cfg(test)]
mod tests;
