use serde_json::json;
use shared::calls::Bearer;
use shared::limits::{Gate, Rate};
use shared::redact::Secret;

use super::super::testing::{AUTH_TOKEN, CONNECT, CONNECTION, NOW_MS, PUBLIC_WSS_URL, State, World, ws_event};
use super::*;

fn connect(world: &World) -> WsConnect<World> {
    behind(world, Gate::default())
}

fn behind(world: &World, gate: Gate) -> WsConnect<World> {
    let config = ConnectConfig {
        public_wss_url: PUBLIC_WSS_URL.parse().unwrap(),
        auth: WebhookAuth::Signed(Secret::new(AUTH_TOKEN)),
        gate,
        table: "t".to_owned(),
    };
    WsConnect::new(world.clone(), &config)
}

fn signed(url: &str, name: &str) -> Box<RawValue> {
    let signature = Signer::new(&Secret::new(AUTH_TOKEN)).sign(url, &[]);
    ws_event(CONNECT, |event| {
        event["headers"][name] = json!(signature);
        event["multiValueHeaders"][name] = json!([signature]);
    })
}

#[tokio::test]
async fn twilio_may_open_a_socket_and_it_is_remembered() {
    for (url, header) in [
        (PUBLIC_WSS_URL.to_owned(), "X-Twilio-Signature"),
        (format!("{PUBLIC_WSS_URL}/"), "x-twilio-signature"),
        ("wss://calls.example.com:443/call".to_owned(), "x-twilio-signature"),
    ] {
        let world = World::new();
        assert_eq!(connect(&world).handle(&signed(&url, header)).await.status_code, 200, "{url}");
        let state = world.state();
        let connection = &state.connections[&CONNECTION.into()];
        assert_eq!((connection.opened_at_ms, &connection.binding), (1_795_000_000_000, &None));
    }
}

#[tokio::test]
async fn nobody_else_may_and_nothing_is_written() {
    let unsigned = ws_event(CONNECT, |_| {});
    let forged = ws_event(CONNECT, |event| event["headers"]["X-Twilio-Signature"] = json!("Zm9yZ2Vk"));
    let elsewhere = signed("wss://elsewhere.example.com/call", "x-twilio-signature");
    let as_https = signed("https://calls.example.com/call", "x-twilio-signature");
    for event in [unsigned, forged, elsewhere, as_https] {
        let world = World::new();
        assert_eq!(connect(&world).handle(&event).await.status_code, 403);
        assert_eq!(world.state().writes, 0);
    }
}

#[tokio::test]
async fn a_relays_control_channel_is_noted_under_its_name() {
    let world = World::new();
    let event = ws_event(CONNECT, |event| {
        event["requestContext"]["stage"] = json!("control");
        event["headers"]["x-voicebridge-relay"] = json!("relay-1");
    });
    assert_eq!(connect(&world).handle(&event).await.status_code, 200);
    let state = world.state();
    assert_eq!(state.controls[&CONNECTION.into()].as_str(), "relay-1");
    assert!(state.connections.is_empty());
}

#[tokio::test]
async fn a_relay_without_a_name_is_no_relay() {
    let world = World::new();
    let event = ws_event(CONNECT, |event| event["requestContext"]["stage"] = json!("control"));
    assert_eq!(connect(&world).handle(&event).await.status_code, 400);
    assert_eq!(world.state().writes, 0);
}

#[tokio::test]
async fn a_socket_that_cannot_be_remembered_is_refused() {
    let world = World::new();
    world.state().broken = true;
    assert_eq!(connect(&world).handle(&signed(PUBLIC_WSS_URL, "x-twilio-signature")).await.status_code, 500);
}

const PAGE: &str = "https://console.example.com";

/// What a browser's upgrade says.
fn from_a_page(protocols: &str, origin: &str) -> Box<RawValue> {
    ws_event(CONNECT, |event| {
        for (name, value) in [("Sec-WebSocket-Protocol", protocols), ("Origin", origin)] {
            event["headers"][name] = json!(value);
            event["multiValueHeaders"][name] = json!([value]);
        }
    })
}

fn world_with_page() -> World {
    let page = Bearer::Browser { origin: Some(PAGE.to_owned()) };
    let anybody = Bearer::Browser { origin: None };
    let until = NOW_MS + 60_000;
    World::new().with_pass("pages", page, until).with_pass("anybodys", anybody, until).with_token("twilios", until)
}

#[tokio::test]
async fn a_page_opens_a_socket_by_its_token_which_is_only_looked_at() {
    for (token, origin) in [("pages", PAGE), ("anybodys", PAGE), ("anybodys", "https://elsewhere.example.com")] {
        let world = world_with_page();
        let protocols = format!("voicebridge.call, voicebridge.token.{token}");
        for _ in 0..2 {
            let answer = connect(&world).handle(&from_a_page(&protocols, origin)).await;
            assert_eq!(answer.status_code, 200, "{token} {origin}");
            assert_eq!(answer.headers["sec-websocket-protocol"], "voicebridge.call");
        }
        assert!(world.state().connections.contains_key(&CONNECTION.into()));
        assert!(world.state().tokens.values().all(Option::is_some));
    }
}

#[tokio::test]
async fn a_token_that_is_not_the_pages_opens_nothing_whether_signatures_are_waived_or_not() {
    for (protocols, origin) in [
        ("voicebridge.call, voicebridge.token.made-up", PAGE),
        ("voicebridge.call, voicebridge.token.twilios", PAGE),
        ("voicebridge.call", PAGE),
        ("voicebridge.call, voicebridge.token.pages", "https://evil.example.com"),
    ] {
        let world = world_with_page();
        let open = WsConnect { signer: None, ..connect(&world) };
        for connect in [connect(&world), open] {
            let answer = connect.handle(&from_a_page(protocols, origin)).await;
            assert_eq!((answer.status_code, answer.headers.len()), (403, 0), "{protocols} {origin}");
        }
        assert_eq!(world.state().writes, 0);
    }
}

#[tokio::test]
async fn who_guesses_tokens_too_often_is_not_looked_at_any_more() {
    let world = world_with_page();
    let connect = behind(&world, Gate { strangers: Rate::per_minute(1), ..Gate::default() });
    let mut answers = Vec::new();
    for guess in ["one", "two", "pages"] {
        let event = from_a_page(&format!("voicebridge.call, voicebridge.token.{guess}"), PAGE);
        answers.push(connect.handle(&event).await.status_code);
    }
    assert_eq!(answers, [403, 429, 429]);
}

#[tokio::test]
async fn an_event_of_no_known_shape_is_refused() {
    let event = serde_json::value::to_raw_value(&json!({ "hello": "world" })).unwrap();
    assert_eq!(connect(&World::new()).handle(&event).await.status_code, 400);
}

#[tokio::test]
async fn an_address_that_forges_too_often_is_refused_at_once_and_twilio_never_is() {
    let world = World::new();
    let connect = behind(&world, Gate { strangers: Rate::per_minute(1), ..Gate::default() });
    let forged = ws_event(CONNECT, |event| event["headers"]["X-Twilio-Signature"] = json!("Zm9yZ2Vk"));
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(connect.handle(&forged).await.status_code);
    }
    assert_eq!(answers, [403, 429, 429]);
    assert_eq!(world.state().rates.values().copied().collect::<Vec<_>>(), [2]);
    assert_eq!(connect.handle(&signed(PUBLIC_WSS_URL, "x-twilio-signature")).await.status_code, 200);
}

#[tokio::test]
async fn with_a_list_of_addresses_only_those_may_open_a_callers_socket() {
    let world = World::new();
    let connect = behind(&world, Gate { allowed: "192.0.2.1".parse().unwrap(), ..Gate::default() });
    assert_eq!(connect.handle(&signed(PUBLIC_WSS_URL, "x-twilio-signature")).await.status_code, 403);
    let counts = |state: &State| (state.writes, state.rates.len());
    assert_eq!(counts(&world.state()), (0, 0));
    // Relays have passed IAM, and come from wherever they are.
    let control = ws_event(CONNECT, |event| {
        event["requestContext"]["stage"] = json!("control");
        event["headers"]["x-voicebridge-relay"] = json!("relay-1");
    });
    assert_eq!(connect.handle(&control).await.status_code, 200);
}
