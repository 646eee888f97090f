//! Who may look at calls and do something about them: roles, and the tokens that say which.
//!
//! `CONSOLE_TOKEN` is the key: it opens everything, and it signs passes. A pass opens what its role may, until it ends, and can
//! be checked without a store. Another key ends all passes that the one before has signed.

mod act;
pub mod oidc;
mod pass;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use url::Url;

use crate::config::is_loopback;
use crate::redact::{Pii, Secret};

pub use self::act::Act;
pub use self::pass::{LONGEST_GRANT_DAYS, LONGEST_NAME, Pass, PassKind};

/// What somebody may do. Who may more may all that others may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks, and listens to what is recorded.
    Viewer,
    /// Also does something about calls: hang up, transfer, hold, whisper, listen in.
    Operator,
    /// Also about agents, numbers, music, passes and what is kept.
    Admin,
}

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    pub role: Role,
    /// `None`: by the key itself, or because everybody on this machine is.
    pub pass: Option<Pass>,
    /// No key is configured, and the console is on this very machine.
    pub open: bool,
}

impl Visitor {
    /// Of whom the audit tells.
    pub fn name(&self) -> Option<&Pii<String>> {
        self.pass.as_ref().map(|pass| &pass.name)
    }
}

/// Why somebody was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("no CONSOLE_TOKEN is configured: this is open on the machine itself only")]
    Closed,
    #[error("the console's token is needed")]
    NoToken,
    #[error("the token is not one of ours")]
    Forged,
    #[error("the token has expired; sign in again")]
    Expired,
    /// By a provider that is trusted to say who somebody is.
    #[error("{0}")]
    Provider(oidc::Refusal),
}

/// What lets people in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    key: Option<Secret>,
    /// Only this very machine is served.
    local: bool,
}

impl Keys {
    pub fn new(key: Option<Secret>, public_url: &Url) -> Self {
        Self { key, local: is_loopback(public_url) }
    }

    /// Who comes with this token.
    pub fn admit(&self, token: Option<&str>, now_ms: u64) -> Result<Visitor, Denied> {
        let Some(key) = &self.key else {
            let visitor = Visitor { role: Role::Admin, pass: None, open: true };
            return if self.local { Ok(visitor) } else { Err(Denied::Closed) };
        };
        let token = token.ok_or(Denied::NoToken)?;
        if token.as_bytes().ct_eq(key.reveal().as_bytes()).into() {
            return Ok(Visitor { role: Role::Admin, pass: None, open: false });
        }
        let pass = Pass::read(token, key, now_ms)?;
        Ok(Visitor { role: pass.role, pass: Some(pass), open: false })
    }

    /// A pass, signed; `None`: there is nothing to sign it with, nor need for it.
    pub fn sign(&self, pass: &Pass) -> Option<Secret> {
        self.key.as_ref().map(|key| pass.sign(key))
    }
}

#[cfg(test)]
mod tests;
