//! Who may watch, and as what.
//!
//! Without a token only this very machine is served; and there only pages of this very machine, because a page from anywhere
//! may open a socket to it.

use shared::config::{LogsConfig, is_loopback};
use shared::live::Role;
use shared::redact::Secret;
use subtle::ConstantTimeEq as _;
use url::Url;

#[derive(Debug)]
pub(super) enum Access {
    Token(Secret),
    /// Everybody on this machine.
    Open,
    /// No token is set, and the address is not this machine's.
    Nobody,
}

impl Access {
    pub(super) fn new(config: &LogsConfig) -> Self {
        match &config.console_token {
            Some(token) => Self::Token(token.clone()),
            None if is_loopback(&config.public_url) => Self::Open,
            None => Self::Nobody,
        }
    }

    /// `origin`: where the page came from that opens a socket; other clients have none.
    pub(super) fn lets_in(&self, origin: Option<&str>) -> bool {
        match self {
            Self::Token(_) => true,
            Self::Open => origin.is_none_or(|origin| Url::parse(origin).is_ok_and(|origin| is_loopback(&origin))),
            Self::Nobody => false,
        }
    }

    pub(super) fn role(&self, token: Option<&str>) -> Option<Role> {
        let fits = match self {
            Self::Token(expected) => token.is_some_and(|it| it.as_bytes().ct_eq(expected.reveal().as_bytes()).into()),
            Self::Open => true,
            Self::Nobody => false,
        };
        fits.then_some(Role::Admin)
    }
}
