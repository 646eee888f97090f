//! Whether the key may use a model: `GET /v1/models/{model}`, which costs nothing.

use serde::Deserialize;
use url::Url;

use crate::model::{Availability, Handshake};
use crate::redact::Secret;

/// What the vendor has announced; `infra/doctor.py` has the same list. Its API does not say it of every model.
const SHUTDOWNS: [(&str, &str); 4] = [
    ("gpt-realtime", "2027-01-20"),
    ("gpt-realtime-2025-08-28", "2027-01-20"),
    ("gpt-realtime-mini", "2027-01-20"),
    ("gpt-realtime-mini-2025-12-15", "2027-01-20"),
];

/// Beside the socket: `wss://host/v1/realtime` becomes `https://host/v1/models/…`.
pub(super) fn look_up(endpoint: &Url, model: &str, key: &Secret) -> Handshake {
    let bearer = Secret::new(format!("Bearer {}", key.reveal()));
    let mut url = endpoint.clone();
    let scheme = if matches!(endpoint.scheme(), "ws" | "http") { "http" } else { "https" };
    let _both_are_special = url.set_scheme(scheme);
    url.set_query(None);
    url.set_fragment(None);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().pop().extend(["models", model]);
    }
    Handshake { url, headers: vec![("authorization", bearer)] }
}

pub(super) fn looked_up(model: &str, http_status: u16, body: &[u8]) -> Availability {
    match http_status {
        200 => match serde_json::from_slice::<Model>(body) {
            Ok(found) if found.id == model => Availability::There { until: until(model, found.shutdown_date) },
            _ => Availability::CannotTell,
        },
        401 => Availability::KeyInvalid,
        403 => Availability::KeyMayNot,
        404 if is_about_a_model(body) => Availability::Missing,
        429 => Availability::Limited,
        status @ 500..=599 => Availability::Trouble(status),
        _ => Availability::CannotTell,
    }
}

fn until(model: &str, told: Option<String>) -> Option<String> {
    let known = SHUTDOWNS.iter().find(|(name, _)| *name == model).map(|(_, day)| (*day).to_owned());
    known.or_else(|| told.map(|day| day.chars().take(10).collect()))
}

#[derive(Deserialize)]
struct Model {
    id: String,
    shutdown_date: Option<String>,
}

/// And not merely a path that a proxy does not know.
fn is_about_a_model(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Refused {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        code: Option<String>,
        param: Option<String>,
    }
    serde_json::from_slice(body).is_ok_and(|Refused { error }: Refused| {
        error.code.as_deref() == Some("model_not_found") || error.param.as_deref() == Some("model")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(endpoint: &str, model: &str) -> String {
        look_up(&endpoint.parse().unwrap(), model, &Secret::new("sk-1")).url.to_string()
    }

    #[test]
    fn a_model_is_looked_up_beside_its_socket() {
        let openai = asked("wss://api.openai.com/v1/realtime", "gpt-realtime-2.1");
        assert_eq!(openai, "https://api.openai.com/v1/models/gpt-realtime-2.1");
        assert_eq!(asked("ws://127.0.0.1:9/v1/realtime/?a=b#c", "../x"), "http://127.0.0.1:9/v1/models/..%2Fx");
        let given = look_up(&"wss://a.example/v1/realtime".parse().unwrap(), "m", &Secret::new("sk-1"));
        assert_eq!(given.headers, [("authorization", Secret::new("Bearer sk-1"))]);
        assert!(!format!("{given:?}").contains("sk-1"));
    }

    #[test]
    fn an_answer_says_whether_the_key_may_use_it() {
        let there = br#"{"id":"gpt-realtime-2.1","object":"model","owned_by":"system"}"#;
        assert_eq!(looked_up("gpt-realtime-2.1", 200, there), Availability::There { until: None });
        let missing =
            br#"{"error":{"message":"no","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#;
        assert_eq!(looked_up("gpt-9", 404, missing), Availability::Missing);
        assert_eq!(looked_up("gpt-9", 401, b"{}"), Availability::KeyInvalid);
        assert_eq!(looked_up("gpt-9", 403, b""), Availability::KeyMayNot);
        assert_eq!(looked_up("gpt-9", 429, b""), Availability::Limited);
        assert_eq!(looked_up("gpt-9", 503, b"<html>"), Availability::Trouble(503));
    }

    #[test]
    fn what_stands_in_for_the_vendor_need_not_know() {
        for (status, body) in [(404, "<html>".as_bytes()), (200, b"[]"), (200, br#"{"id":"other"}"#), (302, b"")] {
            assert_eq!(looked_up("gpt-9", status, body), Availability::CannotTell, "{status}");
        }
    }

    #[test]
    fn a_model_that_ends_says_when() {
        let until = |day: &str| Availability::There { until: Some(day.to_owned()) };
        assert_eq!(looked_up("gpt-realtime", 200, br#"{"id":"gpt-realtime"}"#), until("2027-01-20"));
        let told = br#"{"id":"m","shutdown_date":"2027-05-01T00:00:00Z"}"#;
        assert_eq!(looked_up("m", 200, told), until("2027-05-01"));
        let doctor = include_str!("../../../../infra/doctor.py");
        for (model, day) in SHUTDOWNS {
            assert!(doctor.contains(&format!(r#""{model}": ("{day}","#)), "{model}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(status: u16, body: Vec<u8>) {
            let _no_panic = looked_up("gpt-9", status, &body);
        }
    }
}
