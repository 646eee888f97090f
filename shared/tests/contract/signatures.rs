//! What the SDK signs, we accept; what we sign, the SDK accepts; what was tampered with, both refuse.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use shared::redact::Secret;
use shared::twilio::signature::{Algorithm, Content, Request, SignatureError, Signer, Spelling, url_with_body_hash};
use shared::twilio::webhook::Form;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::oracle::{Chance, Oracle};

const CASES: usize = 200;

type Pairs = Vec<(String, String)>;

/// A request of Twilio's before anyone has signed it.
#[derive(Debug, Clone)]
struct Case {
    token: String,
    algorithm: Algorithm,
    url: String,
    content: Sent,
}

#[derive(Debug, Clone)]
enum Sent {
    UrlOnly,
    Form(Pairs),
    Json(String),
}

/// A request as it arrives.
#[derive(Debug, Clone)]
struct Arrived {
    token: String,
    algorithm: Algorithm,
    kind: &'static str,
    url: String,
    body: String,
    signature: String,
}

impl Case {
    fn kind(&self) -> &'static str {
        match self.content {
            Sent::UrlOnly => "url",
            Sent::Form(_) => "form",
            Sent::Json(_) => "json",
        }
    }

    fn signed_by_the_sdk(&self, oracle: &mut Oracle) -> Arrived {
        let mut question = json!({
            "do": "sign", "token": self.token, "url": self.url, "kind": self.kind(), "algorithm": name(self.algorithm),
        });
        match &self.content {
            Sent::UrlOnly => {}
            Sent::Form(pairs) => question["form"] = json!(pairs),
            Sent::Json(body) => question["body"] = json!(body),
        }
        let answer = oracle.ask(&question);
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        self.arrived(text("url"), text("body"), text("signature"))
    }

    fn signed_by_us(&self) -> Arrived {
        let signer = Signer::with(&Secret::new(&*self.token), self.algorithm);
        let (url, body, pairs) = match &self.content {
            Sent::UrlOnly => (self.url.clone(), String::new(), Pairs::new()),
            Sent::Form(pairs) => (self.url.clone(), encode(pairs), pairs.clone()),
            Sent::Json(body) => (url_with_body_hash(&self.url, body.as_bytes()), body.clone(), Pairs::new()),
        };
        let signature = signer.sign(&url, &pairs);
        self.arrived(url, body, signature)
    }

    fn arrived(&self, url: String, body: String, signature: String) -> Arrived {
        Arrived { token: self.token.clone(), algorithm: self.algorithm, kind: self.kind(), url, body, signature }
    }
}

impl Arrived {
    fn accepted_by_the_sdk(&self, oracle: &mut Oracle) -> bool {
        let Self { token, algorithm, kind, url, body, signature } = self;
        let answer = oracle.ask(&json!({
            "do": "validate", "token": token, "algorithm": name(*algorithm), "kind": kind, "url": url, "body": body,
            "signature": signature,
        }));
        answer["valid"] == Value::Bool(true)
    }

    fn verified_by_us(&self) -> Result<Spelling, SignatureError> {
        let form = Form::parse(self.body.as_bytes()).unwrap();
        let content = match self.kind {
            "form" => Content::Form(form.pairs()),
            "json" => Content::Body(self.body.as_bytes()),
            _ => Content::UrlOnly,
        };
        let request = Request { url: &self.url, content, signature: Some(&self.signature) };
        Signer::with(&Secret::new(&*self.token), self.algorithm).verify(&request)
    }

    /// One change each; all of them alter what was signed.
    fn tampered(&self) -> Vec<Self> {
        let change = |edit: fn(&mut Self)| {
            let mut copy = self.clone();
            edit(&mut copy);
            copy
        };
        let mut all = vec![
            change(|it| it.url.push('x')),
            change(|it| it.token.push('x')),
            change(|it| it.signature = it.signature.chars().rev().collect()),
            change(|it| it.signature.clear()),
            change(|it| it.algorithm = other(it.algorithm)),
        ];
        match self.kind {
            "form" => all.push(change(|it| it.body.push_str("&Tampered=yes"))),
            "json" => all.push(change(|it| it.body.push(' '))),
            _ => {}
        }
        all
    }
}

fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HmacSha1 => "HMAC_SHA1",
        Algorithm::HmacSha256 => "HMAC_SHA256",
    }
}

fn other(algorithm: Algorithm) -> Algorithm {
    match algorithm {
        Algorithm::HmacSha1 => Algorithm::HmacSha256,
        Algorithm::HmacSha256 => Algorithm::HmacSha1,
    }
}

fn encode(pairs: &Pairs) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[A-Za-z]{1,12}",
        1 => Just(String::new()),
        2 => "[ +&=%#?~*'\"/äßñ漢字🦀\t\r\n]{1,8}",
        2 => "\\PC{0,12}",
        1 => any::<String>(),
    ]
}

/// Some names come twice or more, with equal and with different values.
fn form() -> impl Strategy<Value = Pairs> {
    (prop::collection::vec((word(), word()), 0..8), prop::collection::vec((any::<prop::sample::Index>(), word()), 0..4))
        .prop_map(|(mut pairs, repeats)| {
            for (index, value) in repeats {
                if let Some((name, first)) = (!pairs.is_empty()).then(|| index.get(&pairs).clone()) {
                    let value = if value.len() % 2 == 0 { first } else { value };
                    pairs.push((name, value));
                }
            }
            pairs
        })
}

fn url(schemes: &'static [&'static str]) -> impl Strategy<Value = String> {
    let port = prop_oneof![3 => Just(String::new()), 1 => select(vec![":443", ":80", ":8443"]).prop_map(str::to_owned)];
    let path = prop::collection::vec("[a-z0-9._~-]{1,8}|%C3%A9|%2F", 0..4).prop_map(|segments| segments.join("/"));
    (select(schemes), "[a-z][a-z0-9-]{0,10}\\.example\\.com", port, path)
        .prop_map(|(scheme, host, port, path)| format!("{scheme}://{host}{port}/{path}"))
}

fn url_with_query() -> impl Strategy<Value = String> {
    let escape = |text: String| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = (word(), word()).prop_map(move |(name, value)| format!("q{}={}", escape(name), escape(value)));
    (url(&["https", "http"]), prop::collection::vec(pair, 1..5))
        .prop_map(|(url, query)| format!("{url}?{}", query.join("&")))
}

fn case(url: impl Strategy<Value = String>, content: impl Strategy<Value = Sent>) -> impl Strategy<Value = Case> {
    let algorithm = select(vec![Algorithm::HmacSha1, Algorithm::HmacSha256]);
    ("[0-9a-f]{32}|\\PC{1,20}", algorithm, url, content).prop_map(|(token, algorithm, url, content)| Case {
        token,
        algorithm,
        url,
        content,
    })
}

fn agree_on(cases: &(impl Strategy<Value = Case> + ?Sized)) {
    let (mut oracle, mut chance) = (Oracle::start(), Chance::new());
    for _ in 0..CASES {
        let case = chance.draw(cases);
        let (theirs, ours) = (case.signed_by_the_sdk(&mut oracle), case.signed_by_us());
        assert_eq!(theirs.signature, ours.signature, "{case:?}");
        assert_eq!(theirs.url, ours.url, "{case:?}");
        assert_eq!(theirs.verified_by_us(), Ok(Spelling::default()), "{theirs:?}");
        assert!(ours.accepted_by_the_sdk(&mut oracle), "{ours:?}");
        for tampered in theirs.tampered() {
            assert!(tampered.verified_by_us().is_err(), "we believe {tampered:?}");
            assert!(!tampered.accepted_by_the_sdk(&mut oracle), "the SDK believes {tampered:?}");
        }
    }
}

#[test]
fn forms() {
    agree_on(&case(prop_oneof![url(&["https", "http"]), url_with_query()], form().prop_map(Sent::Form)));
}

#[test]
fn queries() {
    agree_on(&case(url_with_query(), Just(Sent::UrlOnly)));
}

#[test]
fn bodies_by_their_hash() {
    let body = any::<String>().prop_map(|text| Sent::Json(json!({ "text": text }).to_string()));
    agree_on(&case(prop_oneof![url(&["https"]), url_with_query()], body));
}

#[test]
fn websocket_upgrades() {
    agree_on(&case(url(&["wss"]), Just(Sent::UrlOnly)));
}

#[test]
fn the_standard_port_is_optional_to_both() {
    let (mut oracle, mut chance) = (Oracle::start(), Chance::new());
    for (configured, signed) in [
        ("https://example.com/twiml?a=b", "https://example.com:443/twiml?a=b"),
        ("https://example.com:443/twiml", "https://example.com/twiml"),
        ("https://example.com:8443/twiml", "https://example.com/twiml"),
        ("http://example.com/twiml", "http://example.com:80/twiml"),
        ("wss://example.com:443/call", "wss://example.com/call"),
    ] {
        let mut case = chance.draw(case(Just(signed.to_owned()), form().prop_map(Sent::Form)));
        case.algorithm = Algorithm::HmacSha1;
        let mut arrived = case.signed_by_the_sdk(&mut oracle);
        configured.clone_into(&mut arrived.url);
        assert_eq!(arrived.verified_by_us(), Ok(Spelling { other_port: true, other_slash: false }), "{configured}");
        assert!(arrived.accepted_by_the_sdk(&mut oracle), "{configured}");
    }
}

#[test]
fn the_cases_are_as_odd_as_they_should_be() {
    let mut chance = Chance::new();
    let forms: Vec<Pairs> = (0..CASES).map(|_| chance.draw(form())).collect();
    let some = |wanted: fn(&Pairs) -> bool| forms.iter().filter(|form| wanted(form)).count() > CASES / 20;
    assert!(some(|form| form.iter().any(|(name, _)| form.iter().filter(|(other, _)| other == name).count() > 1)));
    assert!(some(|form| form.iter().any(|(_, value)| value.is_empty())));
    assert!(some(|form| form.iter().any(|(_, value)| !value.is_ascii())));
    assert!(some(|form| form.is_empty()));
}
