//! Signing in by a provider: a small one on this machine, asked over HTTP by the real adapter, and every token that it would not
//! have made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use aws_lc_rs::{digest, hmac};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use shared::console::oidc::Oidc;
use shared::console::{Act, Role};

use super::*;
use crate::adapters::provider::OidcProvider;

const NOW_S: u64 = NOW_MS / 1000;
const MINUTE_MS: u64 = 60 * 1000;
const NONCE: &str = "n-0S6_WzA2Mj";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const BACK: &str = "https://console.example.com/console/sign-in";

enum Key {
    Rsa(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>),
}

impl Key {
    fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    fn ec() -> Self {
        Self::Ec(Box::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
    }

    fn public(&self, kid: &str) -> Value {
        match self {
            // 2048 bits in DER: the modulus begins at the tenth byte, and the exponent is 65537.
            Self::Rsa(pair) => {
                let n = BASE64.encode(&pair.public_key().as_ref()[9..265]);
                json!({ "kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": n, "e": "AQAB" })
            }
            Self::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "kid": kid, "crv": "P-256", "x": BASE64.encode(x), "y": BASE64.encode(y) })
            }
        }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
                signature
            }
            Self::Ec(pair) => pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{message}.{}", BASE64.encode(signature))
    }
}

fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
}

/// What it has, and how often it was asked for its keys.
#[derive(Default)]
struct Desk {
    keys: Vec<Value>,
    asked: usize,
    /// A code, what the page will prove itself by, and the token that it stands for.
    codes: BTreeMap<String, (String, String)>,
}

#[derive(Clone)]
struct Issuer {
    url: String,
    desk: Arc<Mutex<Desk>>,
}

impl Issuer {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self { url: format!("http://{}", listener.local_addr().unwrap()), desk: Arc::default() };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/token", post(redeem))
            .with_state(issuer.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        issuer
    }

    fn publish(&self, keys: &[Value]) {
        self.desk.lock().unwrap().keys = keys.to_vec();
    }

    fn asked(&self) -> usize {
        self.desk.lock().unwrap().asked
    }

    /// For a page that has sent the challenge of `VERIFIER` along.
    fn give_code(&self, token: &str) {
        let challenge = BASE64.encode(digest::digest(&digest::SHA256, VERIFIER.as_bytes()));
        self.desk.lock().unwrap().codes.insert("code".to_owned(), (challenge, token.to_owned()));
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.url, "aud": "client", "sub": "7f0c2d3e", "exp": NOW_S + 300, "iat": NOW_S, "nonce": NONCE,
            "token_use": "id", "cognito:groups": ["operator"], "email": "ada@example.com",
        })
    }

    fn with(&self, changes: &Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    fn api(&self, world: &World) -> Api<World, World, World, World, World, World, World> {
        let mut api = api(world, PUBLIC_URL, Some(TOKEN));
        let roles = [("viewer", Role::Viewer), ("operator", Role::Operator), ("admin", Role::Admin)];
        api.config.oidc = Some(Oidc {
            issuer: self.url.clone(),
            client_id: "client".to_owned(),
            role_claim: "cognito:groups".to_owned(),
            name_claim: "sub".to_owned(),
            roles: roles.map(|(name, role)| (name.to_owned(), role)).into(),
        });
        api.with_provider(Arc::new(OidcProvider::default()))
    }
}

async fn describe(State(issuer): State<Issuer>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", issuer.url);
    Json(json!({
        "issuer": issuer.url, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"), "jwks_uri": at("/keys"),
    }))
}

async fn keys(State(issuer): State<Issuer>) -> Json<Value> {
    let mut desk = issuer.desk.lock().unwrap();
    desk.asked += 1;
    Json(json!({ "keys": desk.keys }))
}

async fn redeem(State(issuer): State<Issuer>, form: String) -> (StatusCode, Json<Value>) {
    let form: BTreeMap<String, String> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    let proof = BASE64.encode(digest::digest(&digest::SHA256, form["code_verifier"].as_bytes()));
    let asked = (form["grant_type"].as_str(), form["client_id"].as_str(), form["redirect_uri"].as_str());
    let found = issuer.desk.lock().unwrap().codes.remove(&form["code"]);
    match found {
        Some((challenge, token)) if challenge == proof && asked == ("authorization_code", "client", BACK) => {
            (StatusCode::OK, Json(json!({ "id_token": token, "access_token": "opaque", "token_type": "Bearer" })))
        }
        _ => (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))),
    }
}

fn by_code(verifier: &str) -> Value {
    json!({ "code": "code", "code_verifier": verifier, "redirect_uri": BACK, "nonce": NONCE })
}

async fn sign_in(api: &Api<World, World, World, World, World, World, World>, with: &Value) -> ApiGatewayV2httpResponse {
    api.handle(Http::post("/api/session").json(with).event()).await
}

fn detail(answer: &ApiGatewayV2httpResponse) -> String {
    serde_json::from_str::<Value>(&text(answer)).unwrap()["detail"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_code_becomes_a_session_like_any_other() {
    let (issuer, world, key) = (Issuer::start().await, World::new(), Key::rsa());
    issuer.publish(&[key.public("k1")]);
    issuer.give_code(&key.sign(&json!({ "alg": "RS256", "kid": "k1" }), &issuer.claims()));
    let api = issuer.api(&world);
    let answer = sign_in(&api, &by_code(VERIFIER)).await;
    assert_eq!(answer.status_code, 201, "{}", text(&answer));
    let session: Value = serde_json::from_str(&text(&answer)).unwrap();
    assert_eq!((&session["role"], &session["name"]), (&json!("operator"), &json!("7f0c2d3e")));
    let bearer = format!("Bearer {}", session["token"].as_str().unwrap());
    let calls = api.handle(Http::get("/calls").header("authorization", &bearer).event()).await;
    let passes = api.handle(Http::post("/api/passes").header("authorization", &bearer).event()).await;
    assert_eq!((calls.status_code, passes.status_code), (200, 403));
    let told = |act: &Act| (act.act.clone(), act.name.reveal().clone(), act.status);
    assert_eq!(told(&world.state().acts[0]), ("sign_in".to_owned(), "7f0c2d3e".to_owned(), 201));
    assert_eq!(sign_in(&api, &by_code(VERIFIER)).await.status_code, 401, "a code is good once");
}

#[tokio::test]
async fn a_program_signs_in_with_a_token_of_either_kind() {
    let (issuer, world) = (Issuer::start().await, World::new());
    let (rsa, ec) = (Key::rsa(), Key::ec());
    issuer.publish(&[
        rsa.public("k1"),
        ec.public("k2"),
        json!({ "kty": "OKP", "kid": "k3", "crv": "Ed25519", "x": "AA" }),
    ]);
    let api = issuer.api(&world);
    let claims = issuer.claims();
    let mut access = issuer.with(&json!({ "token_use": "access", "client_id": "client" }));
    access.as_object_mut().unwrap().remove("aud");
    for token in [
        rsa.sign(&json!({ "alg": "RS256", "kid": "k1" }), &claims),
        ec.sign(&json!({ "alg": "ES256", "kid": "k2" }), &claims),
        rsa.sign(&json!({ "alg": "RS256", "kid": "k1" }), &access),
    ] {
        let answer = sign_in(&api, &json!({ "token": token })).await;
        assert_eq!(answer.status_code, 201, "{}", text(&answer));
    }
    assert_eq!(issuer.asked(), 1, "keys are asked for once");
}

#[tokio::test]
async fn a_token_that_the_provider_would_not_have_made_lets_nobody_in_and_is_written_down() {
    let (issuer, key, other, ec) = (Issuer::start().await, Key::rsa(), Key::rsa(), Key::ec());
    issuer.publish(&[key.public("k1"), ec.public("k2")]);
    let good = json!({ "alg": "RS256", "kid": "k1" });
    let signed = |changes: Value| key.sign(&good, &issuer.with(&changes));
    let public = key.public("k1");
    let by_the_public_key = {
        let message = message(&json!({ "alg": "HS256", "kid": "k1" }), &issuer.claims());
        let secret = hmac::Key::new(hmac::HMAC_SHA256, public["n"].as_str().unwrap().as_bytes());
        format!("{message}.{}", BASE64.encode(hmac::sign(&secret, message.as_bytes())))
    };
    let unsigned = format!("{}.", message(&json!({ "alg": "none" }), &issuer.claims()));
    let mut altered = signed(json!({}));
    let promoted = BASE64.encode(issuer.with(&json!({ "cognito:groups": ["admin"] })).to_string());
    let payload = altered.split('.').nth(1).unwrap().to_owned();
    altered = altered.replace(&payload, &promoted);
    for (what, token, status, words) in [
        ("alg none", unsigned, 401, "signed in a way"),
        ("HS256 by the public key", by_the_public_key, 401, "signed in a way"),
        ("altered", altered, 401, "signature is wrong"),
        ("another's key", other.sign(&good, &issuer.claims()), 401, "signature is wrong"),
        ("an unknown key", other.sign(&json!({ "alg": "RS256", "kid": "k9" }), &issuer.claims()), 401, "no key"),
        ("a key of another kind", key.sign(&json!({ "alg": "ES256", "kid": "k1" }), &issuer.claims()), 401, "no key"),
        ("another curve's", ec.sign(&json!({ "alg": "RS256", "kid": "k2" }), &issuer.claims()), 401, "no key"),
        ("another's application", signed(json!({ "aud": "other" })), 401, "another application"),
        ("another issuer", signed(json!({ "iss": "https://evil.example" })), 401, "another provider"),
        ("expired", signed(json!({ "exp": NOW_S - 60 })), 401, "has expired"),
        ("not valid yet", signed(json!({ "nbf": NOW_S + 120 })), 401, "not valid yet"),
        ("another nonce", signed(json!({ "nonce": "n-2" })), 401, "another request"),
        ("no role", signed(json!({ "cognito:groups": ["guests"] })), 403, "gives you no role"),
        ("no token", "guess".to_owned(), 401, "no JWT"),
    ] {
        let world = World::new();
        let answer = sign_in(&issuer.api(&world), &json!({ "token": token, "nonce": NONCE })).await;
        assert_eq!(answer.status_code, status, "{what}: {}", text(&answer));
        assert!(detail(&answer).contains(words), "{what}: {}", text(&answer));
        let acts = world.state().acts.clone();
        let told: Vec<_> = acts.iter().map(|act| (act.act.as_str(), act.status, act.role)).collect();
        assert_eq!(told, [("token.refused", u16::try_from(status).unwrap(), None)], "{what}");
    }
}

#[tokio::test]
async fn a_code_is_worth_nothing_to_whom_it_was_not_given() {
    let (issuer, world, key) = (Issuer::start().await, World::new(), Key::rsa());
    issuer.publish(&[key.public("k1")]);
    let api = issuer.api(&world);
    for (with, status) in [
        (by_code("another page's verifier"), 401),
        (json!({ "code": "guessed", "code_verifier": VERIFIER, "redirect_uri": BACK, "nonce": NONCE }), 401),
        (
            json!({ "code": "code", "code_verifier": VERIFIER, "redirect_uri": "https://evil.example", "nonce": NONCE }),
            401,
        ),
        (json!({ "code": "code", "code_verifier": VERIFIER, "redirect_uri": BACK, "nonce": "another" }), 401),
        (json!({ "code": "code" }), 400),
        (json!([]), 400),
    ] {
        issuer.give_code(&key.sign(&json!({ "alg": "RS256", "kid": "k1" }), &issuer.claims()));
        assert_eq!(sign_in(&api, &with).await.status_code, status, "{with}");
    }
}

#[tokio::test]
async fn a_key_that_was_changed_is_asked_for_and_one_that_is_made_up_not_at_every_guess() {
    let (issuer, world) = (Issuer::start().await, World::new());
    let (old, new) = (Key::rsa(), Key::rsa());
    issuer.publish(&[old.public("old")]);
    let api = issuer.api(&world);
    let ask = async |key: &Key, kid: &str| {
        let token = key.sign(&json!({ "alg": "RS256", "kid": kid }), &issuer.claims());
        sign_in(&api, &json!({ "token": token })).await.status_code
    };
    assert_eq!(ask(&old, "old").await, 201);
    issuer.publish(&[new.public("new")]);
    assert_eq!((ask(&new, "made-up").await, ask(&new, "new").await), (401, 401));
    assert_eq!(issuer.asked(), 1, "within a minute it is not asked again");
    world.state().passed_ms = MINUTE_MS;
    assert_eq!((ask(&new, "new").await, ask(&old, "old").await), (201, 401));
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn guesses_are_counted_and_cost_the_provider_nothing_once_there_were_too_many() {
    let (issuer, world) = (Issuer::start().await, World::new());
    let api = issuer.api(&world);
    let guess = async || sign_in(&api, &json!({ "token": "guess" })).await.status_code;
    for _ in 0..10 {
        assert_eq!(guess().await, 401);
    }
    assert_eq!(guess().await, 429);
    assert_eq!(sign_in(&api, &by_code(VERIFIER)).await.status_code, 429);
}

#[tokio::test]
async fn a_page_is_told_where_to_lead_people_or_that_there_is_nobody() {
    let world = World::new();
    let told = async |api: Api<World, World, World, World, World, World, World>| {
        let answer = api.handle(Http::get("/api/sign-in").event()).await;
        assert_eq!(answer.status_code, 200);
        serde_json::from_str::<Value>(&text(&answer)).unwrap()
    };
    assert_eq!(told(api(&world, PUBLIC_URL, Some(TOKEN))).await, json!({ "provider": null, "is_down": false }));
    let issuer = Issuer::start().await;
    let endpoint = format!("{}/authorize", issuer.url);
    let provider = json!({ "client_id": "client", "authorization_endpoint": endpoint, "scope": "openid" });
    assert_eq!(told(issuer.api(&world)).await, json!({ "provider": provider, "is_down": false }));
}

#[tokio::test]
async fn a_provider_that_is_down_keeps_out_those_who_need_it_and_nobody_else() {
    let world = World::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = Issuer { url: format!("http://{}", listener.local_addr().unwrap()), desk: Arc::default() };
    drop(listener);
    let api = gone.api(&world);
    let token = Key::ec().sign(&json!({ "alg": "ES256", "kid": "k" }), &gone.claims());
    let answer = sign_in(&api, &json!({ "token": token })).await;
    assert_eq!((answer.status_code, world.state().acts.len()), (502, 0), "nobody is to blame");
    let said = api.handle(Http::get("/api/sign-in").event()).await;
    assert_eq!(serde_json::from_str::<Value>(&text(&said)).unwrap(), json!({ "provider": null, "is_down": true }));
    let key = Http::post("/api/session").header("authorization", &format!("Bearer {TOKEN}"));
    assert_eq!(api.handle(key.event()).await.status_code, 201);
}
