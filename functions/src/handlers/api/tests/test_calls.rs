//! Calls from a browser: taken in as Twilio's are, by the same limits, and only for those who may.

use shared::agent::Saved;
use shared::calls::{BROWSER, Bearer, Channel, StreamPass};
use shared::console::{Pass, Role};
use shared::limits::Rate;

use super::*;

const PAGE: &str = "https://console.example.com";

fn call() -> Http {
    Http::post("/api/test-calls").json(&json!({})).header("origin", PAGE)
}

fn again(sid: &CallSid) -> Http {
    Http::post(&format!("/api/test-calls/{sid}/stream")).header("origin", PAGE)
}

fn document(answer: &ApiGatewayV2httpResponse) -> Value {
    serde_json::from_str(&text(answer)).unwrap()
}

fn only_call(world: &World) -> Call {
    let state = world.state();
    assert_eq!(state.calls.len(), 1);
    state.calls.values().next().unwrap().clone()
}

#[tokio::test]
async fn a_page_gets_a_call_a_relay_that_dials_ahead_and_a_token_of_its_own() {
    let world = World::new();
    let answer = ask(&world, call()).await;
    assert_eq!(answer.status_code, 201);
    let opened = document(&answer);
    let call = only_call(&world);
    assert_eq!(opened["call"], json!(call.sid));
    assert_eq!(answer.headers["location"], format!("/calls/{}", call.sid));
    assert_eq!((call.channel, call.status, call.streams), (Channel::Browser, CallStatus::Ringing, 1));
    assert_eq!((call.from.reveal().as_str(), call.lease), (BROWSER, Some(relay("relay-1", 0).holder().lease(1))));
    assert!(shared::twilio::webhook::is_sid(call.sid.as_str(), "CA"), "{}", call.sid);
    assert_eq!(opened["stream"]["url"], "wss://calls.example.com/call");
    let state = world.state();
    let token = opened["stream"]["token"].as_str().unwrap();
    let bearer = Bearer::Browser { origin: Some(PAGE.to_owned()) };
    let pass = StreamPass { call: call.sid.clone(), bearer, valid_until_ms: NOW_MS + 60_000 };
    assert_eq!(state.tokens[token], Some(pass));
    assert_eq!(opened["stream"]["expires_at"], shared::rfc3339::format(NOW_MS + 60_000));
    assert!(matches!(&state.sent[..], [(relay, Control::Prepare { call: told })]
        if relay.as_str() == "relay-1" && told.sid == call.sid && told.channel == Channel::Browser));
    assert_eq!(state.relays[0].opened, 1);
    assert!(state.acts.iter().any(|act| act.act == "call.test" && act.status == 201));
}

#[tokio::test]
async fn the_agent_that_is_named_answers_in_the_version_that_is_named_whatever_the_hour() {
    let world = World::new();
    for instructions in ["one", "two"] {
        let night = json!({
            "id": "night", "instructions": instructions, "recording": { "consent": "This call is recorded." },
            "hours": { "weekly": { "sunday": ["03:00-04:00"] }, "closed": "We are closed." },
        });
        let saved = Http::new("PUT", "/api/agents/night").json(&night).header("if-match", "*");
        let saved = if instructions == "one" { Http::post("/api/agents").json(&night) } else { saved };
        assert!((200..300).contains(&ask(&world, saved).await.status_code));
    }
    for (wanted, version) in [(json!({ "agent": "night" }), 2), (json!({ "agent": "night", "version": 1 }), 1)] {
        let answer = ask(&world, Http::post("/api/test-calls").json(&wanted)).await;
        assert_eq!(answer.status_code, 201, "{}", text(&answer));
        let opened = document(&answer);
        assert_eq!((&opened["agent"], &opened["version"]), (&json!("night"), &json!(version)));
        assert_eq!(opened["consent"], "This call is recorded.");
        assert_eq!(opened["closed"], "We are closed.");
        world.state().calls.clear();
    }
    for (wanted, status) in [
        (json!({ "agent": "nobody" }), 422),
        (json!({ "agent": "night", "version": 9 }), 422),
        (json!({ "agent": 7 }), 400),
        (json!({ "agents": "night" }), 400),
    ] {
        assert_eq!(ask(&world, Http::post("/api/test-calls").json(&wanted)).await.status_code, status, "{wanted}");
    }
    assert!(world.state().calls.is_empty());
}

#[tokio::test]
async fn without_a_name_the_default_agent_answers_the_stored_one_before_the_builds() {
    let world = World::new();
    assert_eq!(ask(&world, Http::post("/api/test-calls")).await.status_code, 201);
    assert_eq!(only_call(&world).agent, Agent::default());
    world.state().calls.clear();
    let agent = Agent { version: 1, instructions: "Stored.".to_owned(), ..Agent::default() };
    world.state().counting.insert(agent.id.clone(), 1);
    world.state().agents.insert(agent.id.clone(), vec![Saved { agent: agent.clone(), saved_at_ms: NOW_MS }]);
    assert_eq!(ask(&world, Http::post("/api/test-calls")).await.status_code, 201);
    assert_eq!(only_call(&world).agent, agent);
}

#[tokio::test]
async fn where_there_is_no_room_a_page_is_told_so_and_nothing_is_opened() {
    let full = World::new();
    full.state().relays[0].most_calls = 0;
    let without = World::new();
    without.state().relays.clear();
    let line = World::new();
    line.state().relays[0] = Relay { most_calls: 1, ..relay("relay-1", 0) };
    let waits = shared::calls::Waiting { since_ms: NOW_MS - 1, call: "CA2".into() };
    line.state().line.insert(waits, NOW_MS + 10_000);
    for world in [full, without, line] {
        let answer = ask(&world, call()).await;
        assert_eq!(answer.status_code, 503);
        assert!(answer.headers.contains_key("retry-after"));
        assert!(world.state().calls.is_empty() && world.state().sent.is_empty());
    }
}

#[tokio::test]
async fn the_limits_of_calls_are_those_of_the_telephone() {
    let world = World::new();
    world.state().relays[0].calls = 3;
    let mut limited = api(&world, PUBLIC_URL, None);
    limited.config.test_calls.limits.at_once = Some(3);
    limited.config.console = Keys::new(Some(Secret::new(TOKEN)), &PUBLIC_URL.parse().unwrap());
    let signed_in = || call().header("authorization", &format!("Bearer {TOKEN}"));
    assert_eq!(limited.handle(signed_in().event()).await.status_code, 503);
    limited.config.test_calls.limits.at_once = None;
    limited.config.test_calls.limits.of_a_caller = Rate::per_minute(2);
    // The one that found no room was one, too.
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(limited.handle(signed_in().event()).await.status_code);
        world.state().calls.clear();
    }
    assert_eq!(answers, [201, 429, 429]);
    assert_eq!(limited.handle(signed_in().from("198.51.100.4").event()).await.status_code, 201);
}

#[tokio::test]
async fn only_operators_call_and_only_from_pages_of_this_machine_where_nobody_signs_in() {
    let world = World::new();
    let keys = Keys::new(Some(Secret::new(TOKEN)), &PUBLIC_URL.parse().unwrap());
    let viewer = keys.sign(&Pass::grant(Role::Viewer, "Vera", 1, NOW_MS)).unwrap();
    for request in [call(), again(&CALL.into())] {
        let request = request.header("authorization", &format!("Bearer {}", viewer.reveal()));
        assert_eq!(api(&world, PUBLIC_URL, Some(TOKEN)).handle(request.event()).await.status_code, 403);
    }
    let mut open = api(&world, "http://localhost:8787", None);
    open.config.origins.clear();
    for (origin, status) in [("https://evil.example.com", 403), ("null", 403), ("http://localhost:8787", 201)] {
        let request = Http::post("/api/test-calls").json(&json!({})).header("origin", origin);
        assert_eq!(open.handle(request.event()).await.status_code, status, "{origin}");
    }
}

#[tokio::test]
async fn a_lost_stream_gets_another_token_as_long_as_the_call_runs() {
    let world = World::new();
    ask(&world, call()).await;
    let sid = only_call(&world).sid;
    let answer = ask(&world, again(&sid)).await;
    assert_eq!(answer.status_code, 201);
    let ticket = document(&answer);
    assert!(world.state().tokens[ticket["token"].as_str().unwrap()].is_some());
    assert_eq!(only_call(&world).streams, 2);
    world.state().relays = vec![relay("relay-2", 0)];
    assert_eq!(ask(&world, again(&sid)).await.status_code, 201);
    assert_eq!(only_call(&world).lease, Some(relay("relay-2", 0).holder().lease(2)), "its relay was gone");
    world.state().relays.clear();
    assert_eq!(ask(&world, again(&sid)).await.status_code, 503);
    world.state().calls.get_mut(&sid).unwrap().status = CallStatus::Ended(Ending::AgentHungUp);
    assert_eq!(ask(&world, again(&sid)).await.status_code, 409);
    assert_eq!(ask(&world, again(&"CA00000000000000000000000000000009".into())).await.status_code, 404);
}

#[tokio::test]
async fn a_telephone_call_gets_no_token_for_a_browser_and_a_browsers_is_not_put_through() {
    let world = World::new().with_call(CallStatus::InProgress);
    assert_eq!(ask(&world, again(&CALL.into())).await.status_code, 409);
    assert!(world.state().tokens.is_empty());
    world.state().calls.get_mut(&CallSid::from(CALL)).unwrap().channel = Channel::Browser;
    let transfer = Http::post(&format!("/api/calls/{CALL}/transfer")).json(&json!({ "to": "+15551234567" }));
    assert_eq!(ask(&world, transfer).await.status_code, 409);
    assert!(world.state().sent.is_empty());
}
