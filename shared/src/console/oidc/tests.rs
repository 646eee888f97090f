use serde_json::json;

use super::*;
use crate::config::{ConfigErrors, Reader};

const NOW_S: u64 = 1_795_000_000;
const NOW_MS: u64 = NOW_S * 1000;
const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a";

fn configured(pairs: &[(&str, &str)], can_sign: bool) -> Result<Option<Oidc>, ConfigErrors> {
    let source = |key: &str| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned());
    let mut reader = Reader::new(&source);
    let oidc = Oidc::read(&mut reader, can_sign);
    reader.finish(oidc)
}

fn oidc(more: &[(&str, &str)]) -> Oidc {
    let pairs = [&[("OIDC_ISSUER", ISSUER), ("OIDC_CLIENT_ID", "client")][..], more].concat();
    configured(&pairs, true).unwrap().unwrap()
}

fn token(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64.encode(value.to_string());
    format!("{}.{}.{}", part(header), part(claims), BASE64.encode("signature"))
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "client", "sub": "7f0c", "exp": NOW_S + 300, "iat": NOW_S, "nonce": "n-1", "token_use": "id",
        "cognito:groups": ["staff", "operator"], "email": "ada@example.com",
    })
}

/// The claims with some of them changed; what is null is not there.
fn admit(oidc: &Oidc, changes: &Value, nonce: Option<&str>) -> Result<Pass, Refusal> {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let token = token(&json!({ "alg": "RS256", "kid": "k" }), &claims);
    oidc.admit(&Jwt::read(&token).unwrap(), nonce, NOW_MS)
}

#[test]
fn a_good_token_is_a_pass_of_the_highest_role_that_it_names() {
    let pass = admit(&oidc(&[]), &json!({ "cognito:groups": ["viewer", "operator", "else"] }), Some("n-1")).unwrap();
    assert_eq!((pass.role, pass.name.reveal().as_str(), pass.kind), (Role::Operator, "7f0c", PassKind::Session));
}

#[test]
fn each_thing_that_is_wrong_with_a_token_is_told_by_its_name() {
    for (changes, refusal) in [
        (json!({ "iss": "https://evil.example" }), Refusal::Issuer),
        (json!({ "iss": format!("{ISSUER}/") }), Refusal::Issuer),
        (json!({ "iss": null }), Refusal::Issuer),
        (json!({ "aud": "other" }), Refusal::Audience),
        (json!({ "aud": null }), Refusal::Audience),
        (json!({ "aud": [] }), Refusal::Audience),
        (json!({ "aud": ["client", "other"] }), Refusal::Audience),
        (json!({ "aud": ["client", "other"], "azp": "other" }), Refusal::Audience),
        (json!({ "aud": null, "token_use": "access", "client_id": "other" }), Refusal::Audience),
        (json!({ "token_use": "refresh" }), Refusal::Audience),
        (json!({ "exp": null }), Refusal::Malformed),
        (json!({ "exp": "soon" }), Refusal::Malformed),
        (json!({ "exp": NOW_S - 60 }), Refusal::Expired),
        (json!({ "nbf": NOW_S + 61 }), Refusal::NotYet),
        (json!({ "iat": NOW_S + 61 }), Refusal::NotYet),
        (json!({ "nonce": "n-2" }), Refusal::Nonce),
        (json!({ "nonce": null }), Refusal::Nonce),
        (json!({ "sub": null }), Refusal::Nobody),
        (json!({ "sub": "" }), Refusal::Nobody),
        (json!({ "sub": "x".repeat(65) }), Refusal::Nobody),
        (json!({ "cognito:groups": null }), Refusal::NoRole),
        (json!({ "cognito:groups": ["Admin", 7] }), Refusal::NoRole),
        (json!({ "cognito:groups": { "admin": true } }), Refusal::NoRole),
    ] {
        assert_eq!(admit(&oidc(&[]), &changes, Some("n-1")), Err(refusal), "{changes}");
    }
}

#[test]
fn clocks_may_differ_by_a_minute() {
    for changes in [json!({ "exp": NOW_S - 59 }), json!({ "nbf": NOW_S + 60, "exp": NOW_S as f64 + 100.5 })] {
        assert!(admit(&oidc(&[]), &changes, Some("n-1")).is_ok(), "{changes}");
    }
}

#[test]
fn an_access_token_of_cognitos_is_taken_and_a_token_without_a_page_needs_no_nonce() {
    let access = json!({ "aud": null, "token_use": "access", "client_id": "client", "nonce": null });
    assert!(admit(&oidc(&[]), &access, None).is_ok());
    assert!(admit(&oidc(&[]), &json!({ "aud": ["client"], "token_use": null }), None).is_ok());
    assert!(admit(&oidc(&[]), &json!({ "aud": ["client", "other"], "azp": "client" }), None).is_ok());
}

#[test]
fn other_providers_say_roles_and_names_elsewhere() {
    let keycloak = oidc(&[
        ("OIDC_ROLE_CLAIM", "/realm_access/roles"),
        ("OIDC_NAME_CLAIM", "email"),
        ("OIDC_ROLES", "boss:admin, urn:x:help : viewer"),
    ]);
    let pass = admit(&keycloak, &json!({ "realm_access": { "roles": ["urn:x:help"] } }), None).unwrap();
    assert_eq!((pass.role, pass.name.reveal().as_str()), (Role::Viewer, "ada@example.com"));
    let auth0 = oidc(&[("OIDC_ROLE_CLAIM", "https://example.com/roles")]);
    let pass = admit(&auth0, &json!({ "https://example.com/roles": "staff admin" }), None).unwrap();
    assert_eq!(pass.role, Role::Admin);
}

#[test]
fn only_two_ways_to_sign_are_taken() {
    let read = |header: Value| Jwt::read(&token(&header, &claims())).map(|jwt| jwt.algorithm);
    assert_eq!(read(json!({ "alg": "RS256" })), Ok(Algorithm::Rs256));
    assert_eq!(read(json!({ "alg": "ES256" })), Ok(Algorithm::Es256));
    for alg in ["none", "None", "", "HS256", "RS512", "PS256", "ES384", "EdDSA", "rs256"] {
        assert_eq!(read(json!({ "alg": alg })), Err(Refusal::Algorithm), "{alg}");
    }
    assert_eq!(read(json!({ "alg": "RS256", "crit": ["b64"] })), Err(Refusal::Malformed));
    assert_eq!(read(json!({ "kid": "k" })), Err(Refusal::Malformed));
}

#[test]
fn what_is_no_token_is_none() {
    let long = format!("{}.e30.AA", "A".repeat(LONGEST_TOKEN));
    for text in ["", ".", "..", "a.b", "a.b.c.d", "e30.e30", "e30..", "é.e30.AA", "vb1.sa.0.9.QWRh.AAAA", &long] {
        assert_eq!(Jwt::read(text), Err(Refusal::Malformed), "{text}");
    }
}

fn key(change: &Value) -> Jwk {
    let mut key = json!({ "kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig", "n": "AQ", "e": "AQAB" });
    for (name, value) in change.as_object().unwrap() {
        key[name] = value.clone();
    }
    serde_json::from_value(key).unwrap()
}

#[test]
fn a_key_is_for_what_it_says_whatever_the_token_says() {
    let signed = |header: Value| token(&header, &claims());
    let of_k = signed(json!({ "alg": "RS256", "kid": "k" }));
    let has = |keys: &[Value], token: &str| {
        let keys = keys.iter().map(key).collect();
        Keyring { keys, asked_at_ms: 0 }.find(&Jwt::read(token).unwrap()).is_some()
    };
    assert!(has(&[json!({}), json!({ "kid": "other" })], &of_k));
    assert!(has(&[json!({ "alg": null, "use": null })], &of_k));
    for other in [
        json!({ "kid": "other" }),
        json!({ "kid": null }),
        json!({ "alg": "PS256" }),
        json!({ "use": "enc" }),
        json!({ "kty": "EC" }),
        json!({ "kty": "oct" }),
    ] {
        assert!(!has(std::slice::from_ref(&other), &of_k), "{other}");
    }
    let nameless = signed(json!({ "alg": "RS256" }));
    assert!(has(&[json!({})], &nameless));
    assert!(!has(&[json!({}), json!({ "kid": "other" })], &nameless), "which of them?");
    let on_a_curve = signed(json!({ "alg": "ES256", "kid": "k" }));
    assert!(has(&[json!({ "kty": "EC", "alg": null, "crv": "P-256" })], &on_a_curve));
    assert!(!has(&[json!({ "kty": "EC", "alg": null, "crv": "P-384" })], &on_a_curve));
}

#[test]
fn keys_are_asked_for_again_by_the_hour_and_sooner_for_one_that_is_not_known_but_not_at_every_guess() {
    let ring = Keyring { keys: vec![key(&json!({}))], asked_at_ms: NOW_MS };
    let (known, unknown) = ("k", "made-up");
    for (kid, later_ms, stale) in [
        (known, 59 * 60 * 1000, false),
        (known, 60 * 60 * 1000, true),
        (unknown, 59 * 1000, false),
        (unknown, 60 * 1000, true),
    ] {
        let token = token(&json!({ "alg": "RS256", "kid": kid }), &claims());
        assert_eq!(ring.is_stale(&Jwt::read(&token).unwrap(), NOW_MS + later_ms), stale, "{kid} {later_ms}");
    }
}

#[test]
fn a_description_of_somebody_else_or_in_the_clear_is_none() {
    let discovery = |issuer: &str, at: &str| Discovery {
        issuer: issuer.to_owned(),
        authorization_endpoint: "https://login.example.com/authorize".parse().unwrap(),
        token_endpoint: at.parse().unwrap(),
        jwks_uri: "https://login.example.com/keys".parse().unwrap(),
    };
    assert!(oidc(&[]).takes(&discovery(ISSUER, "https://login.example.com/token")));
    assert!(oidc(&[]).takes(&discovery(ISSUER, "http://127.0.0.1:9/token")), "of a test");
    assert!(!oidc(&[]).takes(&discovery("https://evil.example", "https://login.example.com/token")));
    assert!(!oidc(&[]).takes(&discovery(ISSUER, "http://login.example.com/token")));
    assert_eq!(oidc(&[]).description().unwrap().as_str(), format!("{ISSUER}/.well-known/openid-configuration"));
}

#[test]
fn what_is_configured_is_checked_and_nothing_is_configured_by_half() {
    assert_eq!(configured(&[], false), Ok(None));
    let whole = [("OIDC_ISSUER", ISSUER), ("OIDC_CLIENT_ID", "client")];
    assert!(configured(&whole, true).unwrap().is_some());
    for (pairs, can_sign, named) in [
        (vec![("OIDC_ISSUER", ISSUER)], true, "OIDC_CLIENT_ID"),
        (whole.to_vec(), false, "CONSOLE_TOKEN"),
        (vec![("OIDC_ISSUER", "http://login.example.com"), whole[1]], true, "OIDC_ISSUER"),
        (vec![("OIDC_ISSUER", "login.example.com"), whole[1]], true, "OIDC_ISSUER"),
        (vec![whole[0], whole[1], ("OIDC_ROLES", "support:boss")], true, "OIDC_ROLES"),
        (vec![whole[0], whole[1], ("OIDC_ROLES", "admin")], true, "OIDC_ROLES"),
    ] {
        let errors = configured(&pairs, can_sign).unwrap_err().to_string();
        assert!(errors.contains(named), "{pairs:?}: {errors}");
    }
}
