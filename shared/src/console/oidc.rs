//! Signing in by a provider of OpenID Connect (Cognito, Keycloak, Okta, …): whom a token of its speaks of, and what they may do
//! here. Who has asked the provider for its keys, and has checked the signature by one of them, asks here for the rest.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{LONGEST_NAME, Pass, PassKind, Role};
use crate::config::{Reader, Source, is_loopback};

/// Clocks differ by so much.
const LEEWAY_S: u64 = 60;
/// Providers change their keys every few weeks, and announce the new ones long before.
const KEYS_LAST_MS: u64 = 60 * 60 * 1000;
/// A key that is not known is looked for, and not as often as somebody makes one up.
const KEYS_ASKED_EVERY_MS: u64 = 60 * 1000;
const LONGEST_TOKEN: usize = 16 * 1024;

/// Who is trusted to say who somebody is, and what that makes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oidc {
    /// As the provider spells itself in its tokens, to the letter.
    pub issuer: String,
    /// The application that its tokens must be made for.
    pub client_id: String,
    /// By name, or where it is within others: `/realm_access/roles`.
    pub role_claim: String,
    /// What the audit knows people by.
    pub name_claim: String,
    /// What the provider calls people, and what they are here.
    pub roles: BTreeMap<String, Role>,
}

/// Why a token lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "this is no sign-in by the provider: send `code` with `code_verifier`, `redirect_uri` and `nonce`, or `token`"
    )]
    NoSignIn,
    #[error("the provider does not answer as it should")]
    Unreachable,
    #[error("the provider does not take this code")]
    Code,
    #[error("the token is no JWT")]
    Malformed,
    #[error("the token is signed in a way that is not taken: RS256 and ES256 are")]
    Algorithm,
    #[error("the token is signed by no key of the provider's")]
    Key,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token is another provider's")]
    Issuer,
    #[error("the token was made for another application")]
    Audience,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
    #[error("the token answers another request than this page's")]
    Nonce,
    #[error("the token does not say whose it is")]
    Nobody,
    #[error("the provider knows you, but gives you no role here: it has to be one of those that OIDC_ROLES names")]
    NoRole,
}

/// What is needed of the provider's own description, `/.well-known/openid-configuration`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Discovery {
    pub issuer: String,
    pub authorization_endpoint: Url,
    pub token_endpoint: Url,
    pub jwks_uri: Url,
}

/// A public key of the provider's (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Jwk {
    pub kty: String,
    #[serde(default)]
    pub kid: Option<String>,
    #[serde(default)]
    pub alg: Option<String>,
    #[serde(default, rename = "use")]
    pub usage: Option<String>,
    #[serde(default)]
    pub crv: Option<String>,
    #[serde(default)]
    pub n: Option<String>,
    #[serde(default)]
    pub e: Option<String>,
    #[serde(default)]
    pub x: Option<String>,
    #[serde(default)]
    pub y: Option<String>,
}

/// What a token may be signed with. Nothing that a public key could be the secret of, and not nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Es256,
}

/// A token, taken apart. Nothing in it is to be believed before its signature is checked.
#[derive(Debug, PartialEq, Eq)]
pub struct Jwt<'a> {
    pub algorithm: Algorithm,
    pub kid: Option<String>,
    /// What is signed.
    pub message: &'a str,
    pub signature: Vec<u8>,
    payload: Vec<u8>,
}

/// The provider's keys, as they were when they were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring {
    pub keys: Vec<Jwk>,
    pub asked_at_ms: u64,
}

impl Oidc {
    /// `None`: nobody signs in by a provider.
    pub fn read<S: Source + ?Sized>(reader: &mut Reader<'_, S>, can_sign: bool) -> Option<Self> {
        let issuer = reader.text("OIDC_ISSUER");
        let client_id = reader.text("OIDC_CLIENT_ID");
        let role_claim = reader.text("OIDC_ROLE_CLAIM").unwrap_or_else(|| "cognito:groups".to_owned());
        let name_claim = reader.text("OIDC_NAME_CLAIM").unwrap_or_else(|| "sub".to_owned());
        let roles = roles(
            &reader.text("OIDC_ROLES").unwrap_or_else(|| "viewer:viewer,operator:operator,admin:admin".to_owned()),
        );
        if roles.is_none() {
            reader.invalid(
                "OIDC_ROLES",
                "what the provider calls people and what they are here, as in support:operator,staff:viewer",
            );
        }
        let issuer = issuer?;
        let fits = Url::parse(&issuer).is_ok_and(|url| is_safe(&url) && url.query().is_none());
        if !fits {
            reader.invalid("OIDC_ISSUER", "the https URL that the provider's tokens have in `iss`");
        }
        reader.rule(
            client_id.is_some(),
            "OIDC_ISSUER needs OIDC_CLIENT_ID: the application that its tokens are made for",
        );
        reader.rule(can_sign, "OIDC_ISSUER needs CONSOLE_TOKEN: it signs the sessions of those who sign in");
        Some(Self { issuer, client_id: client_id?, role_claim, name_claim, roles: roles? })
    }

    /// Where the provider describes itself.
    pub fn description(&self) -> Option<Url> {
        Url::parse(&format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'))).ok()
    }

    /// What the page asks the provider to tell of people.
    pub fn scope(&self) -> &'static str {
        match self.name_claim.as_str() {
            "email" => "openid email",
            "name" | "preferred_username" | "nickname" => "openid profile",
            _ => "openid",
        }
    }

    /// A description that speaks of somebody else, or leads where anybody could listen, is none.
    pub fn takes(&self, discovery: &Discovery) -> bool {
        let Discovery { issuer, authorization_endpoint, token_endpoint, jwks_uri } = discovery;
        *issuer == self.issuer && [authorization_endpoint, token_endpoint, jwks_uri].into_iter().all(is_safe)
    }

    /// Whom a token speaks of whose signature is good. `nonce`: what the page had sent along, if it was a page.
    pub fn admit(&self, token: &Jwt<'_>, nonce: Option<&str>, now_ms: u64) -> Result<Pass, Refusal> {
        let claims: Value = serde_json::from_slice(&token.payload).map_err(|_| Refusal::Malformed)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(self.issuer.as_str()) {
            return Err(Refusal::Issuer);
        }
        if !self.is_for_us(&claims) {
            return Err(Refusal::Audience);
        }
        within_its_time(&claims, now_ms / 1000)?;
        if nonce.is_some() && text("nonce") != nonce {
            return Err(Refusal::Nonce);
        }
        text("sub").filter(|sub| !sub.is_empty()).ok_or(Refusal::Nobody)?;
        let name = claim(&claims, &self.name_claim).and_then(Value::as_str).filter(|name| fits_a_pass(name));
        let name = name.ok_or(Refusal::Nobody)?.into();
        let role = self.role(&claims).ok_or(Refusal::NoRole)?;
        Ok(Pass { kind: PassKind::Session, role, name, began_ms: now_ms, until_ms: now_ms })
    }

    /// An ID token's audience, or the client of an access token of Cognito's, which has none.
    fn is_for_us(&self, claims: &Value) -> bool {
        let ours = |value: &Value| value.as_str() == Some(self.client_id.as_str());
        let usage = claims.get("token_use").and_then(Value::as_str);
        match (claims.get("aud"), usage) {
            (None, Some("access")) => claims.get("client_id").is_some_and(ours),
            (Some(Value::Array(many)), None | Some("id")) if many.len() > 1 => {
                many.iter().any(ours) && claims.get("azp").is_some_and(ours)
            }
            (Some(Value::Array(one)), None | Some("id")) => one.iter().any(ours),
            (Some(one), None | Some("id")) => ours(one),
            _ => false,
        }
    }

    /// The highest of those that somebody has.
    fn role(&self, claims: &Value) -> Option<Role> {
        let role = |name: &str| self.roles.get(name).copied();
        match claim(claims, &self.role_claim)? {
            Value::Array(names) => names.iter().filter_map(|name| role(name.as_str()?)).max(),
            Value::String(names) => names.split([' ', ',']).filter_map(role).max(),
            _ => None,
        }
    }
}

impl<'a> Jwt<'a> {
    pub fn read(token: &'a str) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Header {
            alg: String,
            kid: Option<String>,
            /// What has to be understood. We understand nothing of that kind.
            crit: Option<Value>,
        }
        if token.len() > LONGEST_TOKEN {
            return Err(Refusal::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Refusal::Malformed)?;
        let decode = |part: &str| BASE64.decode(part).map_err(|_| Refusal::Malformed);
        let Header { alg, kid, crit } = serde_json::from_slice(&decode(header)?).map_err(|_| Refusal::Malformed)?;
        if crit.is_some() {
            return Err(Refusal::Malformed);
        }
        let algorithm = match alg.as_str() {
            "RS256" => Algorithm::Rs256,
            "ES256" => Algorithm::Es256,
            _ => return Err(Refusal::Algorithm),
        };
        Ok(Self { algorithm, kid, message, signature: decode(signature)?, payload: decode(payload)? })
    }
}

impl Jwk {
    /// Whether it may be what a token is signed with. The key says what it is for, not the token.
    fn fits(&self, token: &Jwt<'_>) -> bool {
        let (name, kind, curve) = match token.algorithm {
            Algorithm::Rs256 => ("RS256", "RSA", None),
            Algorithm::Es256 => ("ES256", "EC", Some("P-256")),
        };
        self.kty == kind
            && self.alg.as_deref().is_none_or(|alg| alg == name)
            && self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && (curve.is_none() || self.crv.as_deref() == curve)
            && token.kid.as_ref().is_none_or(|kid| self.kid.as_ref() == Some(kid))
    }
}

impl Keyring {
    /// The key that a token names, or the only one that it could mean.
    pub fn find(&self, token: &Jwt<'_>) -> Option<&Jwk> {
        let mut fitting = self.keys.iter().filter(|key| key.fits(token));
        let found = fitting.next()?;
        (token.kid.is_some() || fitting.next().is_none()).then_some(found)
    }

    /// Whether the provider is to be asked again.
    pub fn is_stale(&self, token: &Jwt<'_>, now_ms: u64) -> bool {
        let age_ms = now_ms.saturating_sub(self.asked_at_ms);
        age_ms >= KEYS_LAST_MS || (self.find(token).is_none() && age_ms >= KEYS_ASKED_EVERY_MS)
    }
}

fn within_its_time(claims: &Value, now_s: u64) -> Result<(), Refusal> {
    // RFC 7519 lets them have fractions.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and no date is negative")]
    let at = |name: &str| claims.get(name).map(|value| value.as_f64().map(|seconds| seconds as u64));
    let expires = at("exp").flatten().ok_or(Refusal::Malformed)?;
    if now_s >= expires.saturating_add(LEEWAY_S) {
        return Err(Refusal::Expired);
    }
    for name in ["nbf", "iat"] {
        let Some(begins) = at(name) else { continue };
        if begins.ok_or(Refusal::Malformed)? > now_s + LEEWAY_S {
            return Err(Refusal::NotYet);
        }
    }
    Ok(())
}

fn claim<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') { claims.pointer(name) } else { claims.get(name) }
}

fn fits_a_pass(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST_NAME && !name.chars().any(char::is_control)
}

/// What is said there nobody else hears.
fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

/// `support:operator,staff:viewer`. The provider's name may have colons in it.
fn roles(text: &str) -> Option<BTreeMap<String, Role>> {
    let role = |name: &str| match name {
        "viewer" => Some(Role::Viewer),
        "operator" => Some(Role::Operator),
        "admin" => Some(Role::Admin),
        _ => None,
    };
    let pairs = text.split(',').map(|pair| {
        let (theirs, ours) = pair.trim().rsplit_once(':')?;
        Some((theirs.trim().to_owned(), role(ours.trim())?)).filter(|(theirs, _)| !theirs.is_empty())
    });
    pairs.collect()
}

#[cfg(test)]
mod tests;
