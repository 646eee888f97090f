//! Whatever the internet puts into an event that the gateways vouch for: an answer, and nothing written without a signature.
//! `PROPTEST_CASES=10000 cargo test -p functions --lib anything` looks longer.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use shared::agent::Agent;
use shared::calls::{CallStatus, MediaPath};
use shared::config::{ApiConfig, ConnectConfig, LogsConfig, TwimlConfig, WebhookAuth};
use shared::console::Keys;
use shared::limits::{CallLimits, Gate};
use shared::redact::Secret;
use shared::tools::address::Guard;
use shared::twilio::signature::Signer;

use super::api::Api;
use super::testing::{
    AUTH_TOKEN, CALL, CONNECT, CONNECTION, DISCONNECT, MESSAGE, NOW_MS, PUBLIC_URL, PUBLIC_WSS_URL, STREAM, World,
    test_calls,
};
use super::twiml::Twiml;
use super::ws_connect::WsConnect;
use super::ws_default::WsDefault;
use super::ws_disconnect::WsDisconnect;
use super::ws_logs::WsLogs;

fn on_clock<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(future)
}

fn world() -> World {
    World::new().with_call(CallStatus::InProgress).with_connection(CONNECTION).with_token("good", NOW_MS + 1)
}

fn twiml(world: &World) -> Twiml<World, World, World, World, World> {
    let config = TwimlConfig {
        public_url: PUBLIC_URL.parse().unwrap(),
        public_wss_url: PUBLIC_WSS_URL.parse().unwrap(),
        auth: WebhookAuth::Signed(Secret::new(AUTH_TOKEN)),
        gate: Gate::default(),
        limits: CallLimits::default(),
        media_path: MediaPath::Gateway,
        table: "t".to_owned(),
        control_url: "https://control.example.com/control".parse().unwrap(),
        telephony: None,
        agent: Agent::default(),
    };
    Twiml::new(world.clone(), world.clone(), Some(world.clone()), world.clone(), world.clone(), config)
}

fn api(world: &World) -> Api<World, World, World, World, World, World, World> {
    let config = ApiConfig {
        public_url: PUBLIC_URL.parse().unwrap(),
        media_path: MediaPath::Gateway,
        table: "t".to_owned(),
        bucket: "b".to_owned(),
        control_url: "https://control.example.com/control".parse().unwrap(),
        telephony: None,
        console: Keys::new(Some(Secret::new("console-token")), &PUBLIC_URL.parse().unwrap()),
        oidc: None,
        edge: Some(Secret::new("edge-token")),
        origins: vec!["https://console.example.com".to_owned()],
        test_calls: test_calls(),
        guard: Guard::default(),
        model_url: "wss://api.openai.com/v1/realtime".parse().unwrap(),
        model_key: Some(Secret::new("sk-1")),
        model: "gpt-realtime-2.1".to_owned(),
        tool_call_function: "tool-call".to_owned(),
    };
    let stores = (world.clone(), world.clone(), world.clone());
    let random = Box::new(world.clone());
    Api::new(stores, world.clone(), None, world.clone(), (world.clone(), random), config, Arc::new(world.clone()))
}

fn logs(world: &World) -> WsLogs<World, World, World, World> {
    let config = LogsConfig {
        table: "t".to_owned(),
        logs_url: "https://logs.example.com/logs".parse().unwrap(),
        control_url: "https://control.example.com/control".parse().unwrap(),
        console: Keys::new(Some(Secret::new("console-token")), &PUBLIC_URL.parse().unwrap()),
    };
    WsLogs::new(world.clone(), world.clone(), world.clone(), world.clone(), &config)
}

/// What a console might say, and never with a token of ours.
fn watchers_message() -> impl Strategy<Value = String> {
    let action = one_of(&["hello", "subscribe", "listen", "unlisten", "ping"]);
    let token = one_of(&["console-toke", "vb1.sa.0.9.QWRh.AAAA", "vb1", "...", ""]);
    let since = one_of(&["0", "-1", "18446744073709551615", "now", ""]);
    let message = (action, token, since, one_of(&[CALL, "CA1", "*"])).prop_map(|(action, token, since, call)| {
        json!({ "action": action, "token": token, "since": since, "call": call }).to_string()
    });
    prop_oneof![3 => message, 1 => any::<String>()]
}

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(words).prop_map(str::to_owned), 1 => any::<String>()]
}

fn form() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = one_of(&[
        "CallSid",
        "From",
        "To",
        "CallStatus",
        "StreamSid",
        "StreamEvent",
        "StreamError",
        "CallDuration",
        "Direction",
    ]);
    let value = one_of(&[
        CALL,
        STREAM,
        "+15551234567",
        "ringing",
        "in-progress",
        "completed",
        "stream-started",
        "stream-error",
        "31921",
        "-1",
        "99999999999999999999",
        "anonymous",
        "",
    ]);
    prop::collection::vec((name, value), 0..8)
}

fn path() -> impl Strategy<Value = String> {
    one_of(&[
        "/twiml",
        "/incoming-call",
        "/twiml/resume",
        "/twiml/line",
        "/call/status",
        "/stream/status",
        "/health",
        "/status",
        "/calls",
        "/streams",
        "/tools",
        "/public-url",
        "/api/twilio",
        "/api/twilio/numbers",
        "/realtime/sessions",
        "/hold-music/built-in",
        "/calls/CA00000000000000000000000000000001",
        "/calls/CA00000000000000000000000000000001/transcript",
        "/calls/%F0%28%8C%28/recording",
        "//",
        "",
    ])
}

fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop::sample::select(&[
        "content-type",
        "x-twilio-signature",
        "authorization",
        "x-forwarded-for",
        "i-twilio-idempotency-token",
        "accept",
    ]);
    let value = one_of(&[
        "application/x-www-form-urlencoded; charset=UTF-8",
        "application/json",
        "Bearer ",
        "Bearer é",
        "AAAA",
        "*/*",
    ]);
    prop::collection::vec((name.prop_map(str::to_owned), value), 0..4)
}

/// As the gateway hands it over: header values are ASCII there, everything else is anybody's.
fn http(method: &str, path: &str, query: &str, headers: &[(String, String)], body: &str, base64: bool) -> Value {
    let mut event: Value = serde_json::from_str(include_str!("../../tests/fixtures/http.json")).unwrap();
    event["rawPath"] = json!(path);
    event["rawQueryString"] = json!(query);
    event["requestContext"]["http"]["method"] = json!(method);
    event["requestContext"]["http"]["path"] = json!(path);
    for (name, value) in headers.iter().filter(|(_, value)| value.chars().all(|c| (' '..='~').contains(&c))) {
        event["headers"][name] = json!(value);
    }
    event["body"] = json!(body);
    event["isBase64Encoded"] = json!(base64);
    event
}

fn stream_message() -> impl Strategy<Value = String> {
    let event = one_of(&["connected", "start", "media", "mark", "dtmf", "stop", "clear"]);
    let number = one_of(&["1", "2", "0", "-1", "18446744073709551615", "1e9", ""]);
    let message = (event, number, one_of(&[STREAM, "MZ1"]), one_of(&["good", "bad"]), one_of(&["////", "", "=", "a"]));
    let message = message.prop_map(|(event, number, stream, token, payload)| {
        json!({
            "event": event, "sequenceNumber": number, "streamSid": stream,
            "start": { "streamSid": stream, "callSid": CALL, "accountSid": "AC1", "tracks": ["inbound"],
                       "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
                       "customParameters": { "token": token } },
            "media": { "track": "inbound", "chunk": number, "timestamp": number, "payload": payload },
            "mark": { "name": payload }, "dtmf": { "track": "inbound_track", "digit": payload },
        })
        .to_string()
    });
    prop_oneof![3 => message, 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_request_without_a_signature_is_answered_and_changes_nothing(
        method in one_of(&["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]), path in path(), query in any::<String>(),
        headers in headers(), body in any::<Vec<u8>>(), text in any::<String>(), base64 in any::<bool>(), sane in any::<bool>(),
    ) {
        let body = if sane { STANDARD.encode(&body) } else { text };
        // What is no event is no invocation.
        let event = http(&method, &path, &query, &headers, &body, base64);
        let Ok(event) = serde_json::from_value(event) else { return Ok(()) };
        let again = serde_json::from_value(serde_json::to_value(&event).unwrap()).unwrap();
        let world = world();
        let (of_twiml, of_api) =
            on_clock(async { (twiml(&world).handle(event).await, api(&world).handle(again).await) });
        for answer in [of_twiml, of_api] {
            prop_assert!((200..500).contains(&answer.status_code), "{} {path}", answer.status_code);
        }
        let state = world.state();
        prop_assert_eq!((state.writes, state.sent.len()), (0, 0));
    }

    #[test]
    fn any_form_that_twilio_signs_is_answered(path in path(), form in form()) {
        let signature = Signer::new(&Secret::new(AUTH_TOKEN)).sign(&format!("{PUBLIC_URL}{path}"), &form);
        let headers = [
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("x-twilio-signature".to_owned(), signature),
        ];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
        let event = http("POST", &path, "", &headers, &STANDARD.encode(body), true);
        let world = world();
        let answer = on_clock(twiml(&world).handle(serde_json::from_value(event).unwrap()));
        prop_assert!((200..500).contains(&answer.status_code), "{} {path}", answer.status_code);
    }

    #[test]
    fn any_frame_is_answered_with_200_and_binds_nothing_without_a_token(
        messages in prop::collection::vec(stream_message(), 1..6),
    ) {
        let world = world();
        let frames = WsDefault::new(world.clone(), world.clone(), world.clone());
        on_clock(async {
            for text in &messages {
                let mut event: Value = serde_json::from_str(MESSAGE).unwrap();
                event["body"] = json!(text);
                prop_assert_eq!(frames.handle(&to_raw_value(&event).unwrap()).await.status_code, 200);
            }
            Ok(())
        })?;
        let state = world.state();
        let bound = state.connections[&CONNECTION.into()].binding.is_some();
        prop_assert!(!bound || messages.iter().any(|text| text.contains(r#""token":"good""#)));
    }

    #[test]
    fn whatever_a_console_says_is_answered_and_without_a_token_it_watches_nothing(
        messages in prop::collection::vec(watchers_message(), 1..6),
    ) {
        let world = world();
        let logs = logs(&world);
        on_clock(async {
            for text in &messages {
                let mut event: Value = serde_json::from_str(MESSAGE).unwrap();
                event["body"] = json!(text);
                prop_assert_eq!(logs.handle(&to_raw_value(&event).unwrap()).await.status_code, 200);
            }
            Ok(())
        })?;
        let state = world.state();
        prop_assert!(state.watching.watchers.is_empty() && state.sent.is_empty());
        prop_assert!(state.watching.told.iter().all(|(_, text)| text.contains("\"refused\"")), "{:?}", state.watching.told);
    }

    #[test]
    fn any_upgrade_and_any_farewell_is_answered(
        headers in headers(), query in any::<String>(), rest in any::<String>(), cut in 0_usize..2_000,
    ) {
        let auth = WebhookAuth::Signed(Secret::new(AUTH_TOKEN));
        let public_wss_url = PUBLIC_WSS_URL.parse().unwrap();
        let config = ConnectConfig { public_wss_url, auth, gate: Gate::default(), table: "t".to_owned() };
        let world = World::new();
        let mut event: Value = serde_json::from_str(CONNECT).unwrap();
        for (name, value) in &headers {
            event["headers"][name] = json!(value);
            event["multiValueHeaders"][name] = json!([value, query]);
        }
        event["queryStringParameters"] = json!({ query.as_str(): rest });
        // An event that is cut off, and has something else behind it, is none; it must do no harm.
        let whole = event.to_string();
        let torn = format!("{}{rest}", whole.chars().take(cut).collect::<String>());
        let torn = serde_json::from_str(&torn).unwrap_or_else(|_| to_raw_value(&rest).unwrap());
        let farewell = serde_json::from_str(DISCONNECT).unwrap();
        on_clock(async {
            let connect = WsConnect::new(world.clone(), &config);
            for event in [&to_raw_value(&event).unwrap(), &torn] {
                prop_assert!((400..500).contains(&connect.handle(event).await.status_code));
            }
            let disconnect = WsDisconnect::new(world.clone(), world.clone());
            let logs = logs(&world);
            for event in [&farewell, &torn] {
                prop_assert_eq!(disconnect.handle(event).await.status_code, 200);
                prop_assert!([200, 400, 403].contains(&logs.handle(event).await.status_code));
            }
            Ok(())
        })?;
        prop_assert!(world.state().connections.is_empty());
    }
}
