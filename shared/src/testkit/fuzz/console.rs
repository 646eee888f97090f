//! What people's browsers send: tokens, places in lists, words to look for.

use url::Url;

use crate::console::oidc::{Jwt, Oidc};
use crate::console::{Denied, Keys, Role};
use crate::page::Cursor;
use crate::redact::Secret;
use crate::search::words;

const KEY: &str = "key";
const NOW_MS: u64 = 1_795_000_000_000;

/// The first byte says what the rest is.
pub(super) fn console(bytes: &[u8]) {
    let Some((&kind, rest)) = bytes.split_first() else { return };
    let Ok(text) = core::str::from_utf8(rest) else { return };
    match kind % 3 {
        _ if kind == b'j' => jwt(text),
        0 => token(text),
        1 => place(text),
        _ => search(text),
    }
}

/// What lets in can be written again, and opens no more than it did.
fn token(text: &str) {
    let url: Url = "https://voice.example.com".parse().expect("a URL");
    let keys = Keys::new(Some(Secret::new(KEY)), &url);
    match keys.admit(Some(text), NOW_MS) {
        Ok(visitor) => {
            let Some(pass) = visitor.pass else { return assert_eq!(text, KEY) };
            assert!(pass.until_ms > NOW_MS);
            let again = keys.sign(&pass).expect("a key to sign with");
            assert_eq!(keys.admit(Some(again.reveal()), NOW_MS).map(|visitor| visitor.pass), Ok(Some(pass)));
        }
        Err(denied) => assert!(matches!(denied, Denied::Forged | Denied::Expired), "{denied}"),
    }
}

/// Of a provider of OpenID Connect. Whatever it says, somebody who is let in has a name and a role that was given to them.
fn jwt(text: &str) {
    let roles = [("staff".to_owned(), Role::Viewer)].into();
    let (role_claim, name_claim) = ("cognito:groups".to_owned(), "sub".to_owned());
    let issuer = "https://login.example.com".to_owned();
    let oidc = Oidc { issuer, client_id: "client".to_owned(), role_claim, name_claim, roles };
    let Ok(jwt) = Jwt::read(text) else { return };
    assert!(text.starts_with(jwt.message));
    if let Ok(pass) = oidc.admit(&jwt, None, NOW_MS) {
        assert!(pass.role == Role::Viewer && !pass.name.reveal().is_empty());
    }
}

fn place(text: &str) {
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
}

/// A word is found by itself.
fn search(text: &str) {
    for word in words(text) {
        assert!(words(&word).contains(&word), "{word:?}");
    }
}
