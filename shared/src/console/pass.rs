//! A pass is a line of text that says who may do what until when, and a MAC over it.

use core::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{Denied, Role, Visitor};
use crate::redact::{Pii, Secret};

/// Another layout has another prefix; the MAC covers it.
const PREFIX: &str = "vb1";
pub const LONGEST_NAME: usize = 64;
pub const LONGEST_GRANT_DAYS: u32 = 366;
const SESSION_MS: u64 = 60 * 60 * 1000;
/// A session that is renewed again and again ends so long after the sign-in.
const LONGEST_SESSION_MS: u64 = 12 * SESSION_MS;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PassKind {
    /// Of a browser that has signed in.
    Session,
    /// Given by an admin to somebody, to sign in with or for a script.
    Grant,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    pub kind: PassKind,
    pub role: Role,
    /// Whose it is, for the audit. Empty: whoever has the key.
    pub name: Pii<String>,
    /// Of a session: of the sign-in.
    pub began_ms: u64,
    pub until_ms: u64,
}

impl Pass {
    /// For whoever signs in; none lasts longer than what they signed in with.
    pub fn session(visitor: &Visitor, now_ms: u64) -> Self {
        let by = visitor.pass.as_ref();
        let began_ms = by.filter(|pass| pass.kind == PassKind::Session).map_or(now_ms, |pass| pass.began_ms);
        let latest_ms = by.filter(|pass| pass.kind == PassKind::Grant).map_or(u64::MAX, |grant| grant.until_ms);
        let until_ms = (now_ms + SESSION_MS).min(began_ms.saturating_add(LONGEST_SESSION_MS)).min(latest_ms);
        let name = visitor.name().cloned().unwrap_or_default();
        Self { kind: PassKind::Session, role: visitor.role, name, began_ms, until_ms }
    }

    pub fn grant(role: Role, name: &str, days: u32, now_ms: u64) -> Self {
        let until_ms = now_ms + u64::from(days.min(LONGEST_GRANT_DAYS)) * DAY_MS;
        Self { kind: PassKind::Grant, role, name: name.into(), began_ms: now_ms, until_ms }
    }

    pub(super) fn sign(&self, key: &Secret) -> Secret {
        let mut text = PREFIX.to_owned();
        let name = BASE64.encode(self.name.reveal());
        let _infallible =
            write!(text, ".{}{}.{}.{}.{name}", self.kind.letter(), self.role.letter(), self.began_ms, self.until_ms);
        let mac = BASE64.encode(mac(key, &text).finalize().into_bytes());
        Secret::new(format!("{text}.{mac}"))
    }

    pub(super) fn read(token: &str, key: &Secret, now_ms: u64) -> Result<Self, Denied> {
        let (text, given) = token.rsplit_once('.').ok_or(Denied::Forged)?;
        let given = BASE64.decode(given).map_err(|_| Denied::Forged)?;
        mac(key, text).verify_slice(&given).map_err(|_| Denied::Forged)?;
        let pass = Self::parse(text).ok_or(Denied::Forged)?;
        if pass.until_ms <= now_ms { Err(Denied::Expired) } else { Ok(pass) }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('.');
        let mut next = || fields.next();
        (next()? == PREFIX).then_some(())?;
        let &[kind, role] = next()?.as_bytes() else { return None };
        let (began_ms, until_ms) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let name = String::from_utf8(BASE64.decode(next()?).ok()?).ok()?;
        Some(Self { kind: PassKind::of(kind)?, role: Role::of(role)?, name: name.into(), began_ms, until_ms })
    }
}

/// Keys may be of any length.
fn mac(key: &Secret, text: &str) -> Hmac<Sha256> {
    #[allow(clippy::unwrap_used, reason = "HMAC takes keys of any length")]
    let mac = Hmac::<Sha256>::new_from_slice(key.reveal().as_bytes()).unwrap();
    mac.chain_update(text)
}

impl PassKind {
    fn letter(self) -> char {
        match self {
            Self::Session => 's',
            Self::Grant => 'g',
        }
    }

    fn of(letter: u8) -> Option<Self> {
        [Self::Session, Self::Grant].into_iter().find(|kind| kind.letter() == char::from(letter))
    }
}

impl Role {
    fn letter(self) -> char {
        match self {
            Self::Viewer => 'v',
            Self::Operator => 'o',
            Self::Admin => 'a',
        }
    }

    fn of(letter: u8) -> Option<Self> {
        [Self::Viewer, Self::Operator, Self::Admin].into_iter().find(|role| role.letter() == char::from(letter))
    }
}
