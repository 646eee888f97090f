//! What a stream token is good for, and how a page of a browser brings it: a browser can neither sign a stream's upgrade, as the
//! carrier does, nor send a header of its own with it. What it can say is which subprotocols it speaks.

use serde::{Deserialize, Serialize};

use crate::ids::CallSid;
use crate::redact::Secret;

/// The subprotocol that is spoken, and that the answer to the upgrade names. It says what Twilio's streams say.
pub const PROTOCOL: &str = "voicebridge.call";
/// Offered beside it, and never chosen: what it ends with is the token.
const TOKEN: &str = "voicebridge.token.";

/// A stream of this call may be opened once, by whoever it was given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPass {
    pub call: CallSid,
    pub bearer: Bearer,
    pub valid_until_ms: u64,
}

/// Who was given a stream token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "bearer")]
pub enum Bearer {
    /// Proves by its signature who it is; the token says which call.
    Carrier,
    /// The token alone lets it in, from where it was asked for. `None`: no page asked for it, and any client may come with it.
    Browser { origin: Option<String> },
}

impl Bearer {
    /// Whether a socket may be opened by the token alone, from a page of this origin.
    pub fn is_page_of(&self, origin: Option<&str>) -> bool {
        match self {
            Self::Carrier => false,
            Self::Browser { origin: None } => true,
            Self::Browser { origin: Some(asked) } => origin == Some(asked),
        }
    }
}

/// The token among the subprotocols that an upgrade offers. `None`: it does not offer [`PROTOCOL`], and is to prove itself in
/// another way. One that does and brings no token brings an empty one.
pub fn token_offered<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Secret> {
    let offered: Vec<&str> = headers.flat_map(|header| header.split(',')).map(str::trim).collect();
    offered.contains(&PROTOCOL).then(|| {
        let token = offered.iter().find_map(|protocol| protocol.strip_prefix(TOKEN));
        Secret::new(token.unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(headers: &[&str]) -> Option<String> {
        token_offered(headers.iter().copied()).map(|token| token.reveal().to_owned())
    }

    #[test]
    fn the_token_comes_beside_the_protocol_in_one_header_or_in_two() {
        let token = Some("abc-_1".to_owned());
        assert_eq!(offered(&["voicebridge.call, voicebridge.token.abc-_1"]), token);
        assert_eq!(offered(&["voicebridge.token.abc-_1,voicebridge.call"]), token);
        assert_eq!(offered(&["voicebridge.call", "voicebridge.token.abc-_1"]), token);
    }

    #[test]
    fn who_does_not_speak_the_protocol_offers_no_token_and_who_brings_none_offers_an_empty_one() {
        for headers in [&[][..], &[""], &["voicebridge.token.abc"], &["chat, voicebridge.calls"]] {
            assert_eq!(offered(headers), None, "{headers:?}");
        }
        assert_eq!(offered(&["voicebridge.call"]), Some(String::new()));
    }

    #[test]
    fn a_token_opens_a_socket_only_for_the_page_that_it_was_given_to() {
        let page = |origin: Option<&str>| Bearer::Browser { origin: origin.map(str::to_owned) };
        let console = Some("https://console.example.com");
        assert!(page(console).is_page_of(console) && page(None).is_page_of(console) && page(None).is_page_of(None));
        assert!(!page(console).is_page_of(Some("https://evil.example.com")) && !page(console).is_page_of(None));
        assert!(!Bearer::Carrier.is_page_of(console) && !Bearer::Carrier.is_page_of(None));
    }
}
