//! X-Twilio-Signature: how a request proves that Twilio, and nobody else, has sent it.
//!
//! The signature is a keyed hash of the URL as Twilio was given it, followed by the form's parameters. The URL comes
//! from configuration (`PUBLIC_URL`, `PUBLIC_WSS_URL`), never from forwarded headers, and keeps its exact
//! percent-encoding. Rules: <https://www.twilio.com/docs/usage/webhooks/webhooks-security>; where they are silent,
//! the official SDKs are followed, and `tests/contract` holds us to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Digest as _;
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;

use crate::redact::Secret;

/// The header that carries the signature, as HTTP/2 and API Gateway spell it.
pub const HEADER: &str = "x-twilio-signature";

/// The query parameter in which Twilio puts the hash of a body that is not a form.
const BODY_HASH: &str = "bodySHA256";

/// The keyed hash in use: SHA-1 with an account's auth token, SHA-256 where a shared key says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    #[default]
    HmacSha1,
    HmacSha256,
}

/// A request as far as it was signed.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The public URL, with the query string as it came.
    pub url: &'a str,
    pub content: Content<'a>,
    /// The value of [`HEADER`], if there was one.
    pub signature: Option<&'a str>,
}

/// What Twilio signs besides the URL.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// A GET, or the upgrade to a WebSocket: nothing.
    UrlOnly,
    /// A form POST: its decoded parameters.
    Form(&'a [(String, String)]),
    /// Any other body, by its hash in the URL.
    Body(&'a [u8]),
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UrlOnly => f.write_str("UrlOnly"),
            Self::Form(form) => write!(f, "Form({} parameters)", form.len()),
            Self::Body(body) => write!(f, "Body({} bytes)", body.len()),
        }
    }
}

/// Without the URL: in a GET it says who is calling.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { content, signature, .. } = self;
        f.debug_struct("Request")
            .field("content", content)
            .field("signed", &signature.is_some())
            .finish_non_exhaustive()
    }
}

/// How the URL had to be spelt for the signature to match. Twilio is not consistent, and all spellings are equally
/// hard to forge; which one it was is worth a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spelling {
    /// With the port where the configured URL has none, or the reverse.
    pub other_port: bool,
    /// With a `/` at the end where the configured URL has none, or the reverse.
    pub other_slash: bool,
}

/// Why a request is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the request is not signed")]
    Missing,
    #[error("the signature does not match")]
    Mismatch,
    #[error("the URL does not say the hash of the body")]
    BodyHashMissing,
    #[error("the body is not the one that was hashed")]
    BodyHashMismatch,
}

/// Signs as Twilio does, and checks what Twilio has signed.
#[derive(Debug, Clone)]
pub struct Signer {
    secret: Secret,
    algorithm: Algorithm,
}

impl Signer {
    /// With the account's primary auth token.
    pub fn new(auth_token: &Secret) -> Self {
        Self::with(auth_token, Algorithm::default())
    }

    pub fn with(secret: &Secret, algorithm: Algorithm) -> Self {
        Self { secret: secret.clone(), algorithm }
    }

    /// The signature of a form POST, or with no parameters that of a GET, a hashed body or a WebSocket upgrade.
    pub fn sign(&self, url: &str, form: &[(String, String)]) -> String {
        self.sign_parts(url, &tail(form))
    }

    /// Says how the URL was spelt if the request is Twilio's.
    pub fn verify(&self, request: &Request<'_>) -> Result<Spelling, SignatureError> {
        let given = request.signature.ok_or(SignatureError::Missing)?;
        let tail = match request.content {
            Content::Form(form) => tail(form),
            Content::UrlOnly | Content::Body(_) => String::new(),
        };
        let spelling = spellings(request.url)
            .find(|(url, _)| same(&self.sign_parts(url, &tail), given))
            .map(|(_, spelling)| spelling)
            .ok_or(SignatureError::Mismatch)?;
        if let Content::Body(body) = request.content {
            check_body(request.url, body)?;
        }
        Ok(spelling)
    }

    fn sign_parts(&self, url: &str, tail: &str) -> String {
        let key = self.secret.reveal().as_bytes();
        match self.algorithm {
            Algorithm::HmacSha1 => keyed::<Hmac<sha1::Sha1>>(key, url, tail),
            Algorithm::HmacSha256 => keyed::<Hmac<sha2::Sha256>>(key, url, tail),
        }
    }
}

/// The URL to which Twilio posts a body that is not a form.
pub fn url_with_body_hash(url: &str, body: &[u8]) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{BODY_HASH}={}", hash(body))
}

fn keyed<M: KeyInit + Mac>(key: &[u8], url: &str, tail: &str) -> String {
    #[allow(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("a key of any length");
    mac.update(url.as_bytes());
    mac.update(tail.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Names and values without delimiters, sorted by name; of a repeated name each different value once, sorted.
fn tail(form: &[(String, String)]) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in form {
        sorted.entry(name).or_default().insert(value);
    }
    let pairs = sorted.iter().flat_map(|(name, values)| values.iter().flat_map(move |value| [*name, *value]));
    pairs.collect()
}

fn check_body(url: &str, body: &[u8]) -> Result<(), SignatureError> {
    let query = split(url).map_or("", |parts| parts.query.trim_start_matches('?'));
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, said) = pairs.find(|(name, _)| name == BODY_HASH).ok_or(SignatureError::BodyHashMissing)?;
    if same(&hash(body), &said) { Ok(()) } else { Err(SignatureError::BodyHashMismatch) }
}

fn hash(body: &[u8]) -> String {
    sha2::Sha256::digest(body).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}

fn same(ours: &str, theirs: &str) -> bool {
    ours.as_bytes().ct_eq(theirs.as_bytes()).into()
}

/// The ways in which Twilio may have spelt this URL, the configured one first.
fn spellings(url: &str) -> impl Iterator<Item = (String, Spelling)> {
    let other_port = split(url).map(|parts| parts.toggle_port());
    let ports = std::iter::once((url.to_owned(), false)).chain(other_port.map(|url| (url, true)));
    ports.flat_map(|(url, other_port)| {
        let other_slash = toggle_slash(&url).map(|url| (url, Spelling { other_port, other_slash: true }));
        std::iter::once((url, Spelling { other_port, other_slash: false })).chain(other_slash)
    })
}

/// Only for WebSockets: there it is not settled whether Twilio ends the path with a slash.
fn toggle_slash(url: &str) -> Option<String> {
    if !url.starts_with("wss://") && !url.starts_with("ws://") {
        return None;
    }
    Some(url.strip_suffix('/').map_or_else(|| format!("{url}/"), str::to_owned))
}

/// A URL cut into pieces that join to exactly the same text.
struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    /// With its colon, or empty.
    port: &'a str,
    path: &'a str,
    /// With its question mark, or empty.
    query: &'a str,
}

impl Parts<'_> {
    fn toggle_port(&self) -> String {
        let Self { scheme, host, port, path, query } = self;
        let port = match (port.is_empty(), *scheme) {
            (false, _) => "",
            (true, "https" | "wss") => ":443",
            (true, _) => ":80",
        };
        format!("{scheme}://{host}{port}{path}{query}")
    }
}

fn split(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
    let colon = authority.rfind(':').filter(|&at| authority[at + 1..].bytes().all(|byte| byte.is_ascii_digit()));
    let (host, port) = authority.split_at(colon.unwrap_or(authority.len()));
    Some(Parts { scheme, host, port, path, query })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const WSS: &str = "wss://abc123.execute-api.us-east-1.amazonaws.com/prod";

    fn signer() -> Signer {
        Signer::new(&Secret::new("12345"))
    }

    fn form(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn documented() -> Vec<(String, String)> {
        form(&[
            ("To", "+18005551212"),
            ("Digits", "1234"),
            ("CallSid", "CA1234567890ABCDE"),
            ("From", "+14158675309"),
            ("Caller", "+14158675309"),
        ])
    }

    fn check(url: &str, content: Content<'_>, signature: &str) -> Result<Spelling, SignatureError> {
        signer().verify(&Request { url, content, signature: Some(signature) })
    }

    #[test]
    fn twilios_own_example_is_reproduced() {
        let form = documented();
        assert_eq!(signer().sign(URL, &form), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        assert_eq!(check(URL, Content::Form(&form), "RSOYDt4T1cUTdK1PDd93/VVr8B8="), Ok(Spelling::default()));
    }

    #[test]
    fn a_websocket_upgrade_is_signed_over_its_url_with_or_without_a_slash() {
        assert_eq!(signer().sign(WSS, &[]), "dYX5bz/sDh2O2Tg6KtHAZLFqkbU=");
        let exact = Spelling::default();
        let slash = Spelling { other_slash: true, ..exact };
        let with_slash = format!("{WSS}/");
        let signed = |url: &str| signer().sign(url, &[]);
        assert_eq!(check(WSS, Content::UrlOnly, &signed(WSS)), Ok(exact));
        assert_eq!(check(WSS, Content::UrlOnly, &signed(&with_slash)), Ok(slash));
        assert_eq!(check(&with_slash, Content::UrlOnly, &signed(WSS)), Ok(slash));
        let both = format!("{}:443/prod/", &WSS[..WSS.len() - 5]);
        assert_eq!(check(WSS, Content::UrlOnly, &signed(&both)), Ok(Spelling { other_port: true, other_slash: true }));
    }

    #[test]
    fn an_https_url_is_not_forgiven_its_slash() {
        let signature = signer().sign("https://example.com/twiml/", &[]);
        assert_eq!(check("https://example.com/twiml", Content::UrlOnly, &signature), Err(SignatureError::Mismatch));
    }

    #[test]
    fn the_standard_port_may_be_there_or_not() {
        for (url, other) in [
            ("https://example.com/a?b=c", "https://example.com:443/a?b=c"),
            ("https://example.com:8443/a", "https://example.com/a"),
            ("http://localhost/a", "http://localhost:80/a"),
            ("ws://localhost:8787/call", "ws://localhost/call"),
            ("https://user:word@example.com?x=1:2", "https://user:word@example.com:443?x=1:2"),
            ("https://[::1]/a", "https://[::1]:443/a"),
            ("https://[::1]:9/a", "https://[::1]/a"),
        ] {
            let signature = signer().sign(other, &[]);
            let spelling = Spelling { other_port: true, other_slash: false };
            assert_eq!(check(url, Content::UrlOnly, &signature), Ok(spelling), "{url}");
        }
    }

    #[test]
    fn another_port_or_host_or_scheme_is_another_url() {
        for other in
            ["https://example.com:444/a", "https://example.org/a", "http://example.com/a", "https://example.com/A"]
        {
            let signature = signer().sign(other, &[]);
            let outcome = check("https://example.com/a", Content::UrlOnly, &signature);
            assert_eq!(outcome, Err(SignatureError::Mismatch), "{other}");
        }
    }

    #[test]
    fn a_repeated_parameter_counts_once_per_value_in_order() {
        let once = form(&[("Event", "a"), ("Event", "b")]);
        let often = form(&[("Event", "b"), ("Event", "a"), ("Event", "b")]);
        assert_eq!(signer().sign(URL, &once), signer().sign(URL, &often));
        assert_eq!(tail(&often), "EventaEventb");
    }

    #[test]
    fn every_change_of_the_form_is_noticed() {
        let signature = signer().sign(URL, &documented());
        let mut added = documented();
        added.push(("Empty".to_owned(), String::new()));
        let mut trimmed = documented();
        trimmed[0].1.insert(0, ' ');
        for tampered in [added, trimmed, documented()[1..].to_vec(), Vec::new()] {
            assert_eq!(check(URL, Content::Form(&tampered), &signature), Err(SignatureError::Mismatch));
        }
        assert_eq!(check(URL, Content::UrlOnly, &signature), Err(SignatureError::Mismatch));
    }

    #[test]
    fn a_body_that_is_no_form_is_bound_by_its_hash() {
        let body = br#"{"say":"hello"}"#;
        let url = url_with_body_hash("https://example.com/hook?a=1", body);
        let signature = signer().sign(&url, &[]);
        assert_eq!(check(&url, Content::Body(body), &signature), Ok(Spelling::default()));
        assert_eq!(check(&url, Content::Body(b"{}"), &signature), Err(SignatureError::BodyHashMismatch));
        let other = url_with_body_hash("https://example.com/hook?a=1", b"{}");
        assert_eq!(check(&other, Content::Body(b"{}"), &signature), Err(SignatureError::Mismatch));
        let bare = "https://example.com/hook";
        let outcome = check(bare, Content::Body(body), &signer().sign(bare, &[]));
        assert_eq!(outcome, Err(SignatureError::BodyHashMissing));
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let request = Request { url: URL, content: Content::UrlOnly, signature: None };
        assert_eq!(signer().verify(&request), Err(SignatureError::Missing));
        let good = signer().sign(URL, &[]);
        let cut = &good[..good.len() - 1];
        for bad in ["", "=", "äöü", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", cut, &good.to_lowercase()] {
            assert_eq!(check(URL, Content::UrlOnly, bad), Err(SignatureError::Mismatch), "{bad}");
        }
    }

    #[test]
    fn another_secret_or_algorithm_is_another_signature() {
        let signature = signer().sign(URL, &[]);
        let request = Request { url: URL, content: Content::UrlOnly, signature: Some(&signature) };
        for other in [
            Signer::new(&Secret::new("12346")),
            Signer::new(&Secret::new("")),
            Signer::with(&Secret::new("12345"), Algorithm::HmacSha256),
        ] {
            assert_eq!(other.verify(&request), Err(SignatureError::Mismatch));
        }
    }

    #[test]
    fn a_signer_does_not_print_its_secret() {
        assert!(!format!("{:?}", signer()).contains("12345"));
    }

    proptest::proptest! {
        #[test]
        fn what_was_signed_verifies_and_nothing_panics(
            url in "(https?|wss?)://\\PC{0,40}|\\PC{0,40}",
            form in proptest::collection::vec((".{0,12}", ".{0,12}"), 0..6),
            garbage in ".{0,40}",
        ) {
            let signature = signer().sign(&url, &form);
            proptest::prop_assert_eq!(check(&url, Content::Form(&form), &signature), Ok(Spelling::default()));
            let _no_panic = check(&url, Content::Body(garbage.as_bytes()), &garbage);
        }
    }
}
