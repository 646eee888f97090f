mod agents;
mod door;
mod recordings;
mod search;

use aws_lambda_events::encodings::Body;
use serde_json::{Value, json};
use shared::calls::{CallStatus, Ending, MediaPath};
use shared::console::Keys;
use shared::money::{Cost, Usd};
use shared::ports::FoundRecording;
use shared::redact::Secret;
use shared::session::{Event, OperatorCommand};
use shared::time::CallTime;
use shared::twilio::setup::{Account, Number};

use shared::messages::{Callback, CallbackState, Message};

use super::super::testing::{CALL, CALLER, Http, NOW_MS, PUBLIC_URL, World, relay};
use super::*;

mod music;

const TOKEN: &str = "console-token";

pub(super) fn api(
    world: &World,
    public_url: &str,
    token: Option<&str>,
) -> Api<World, World, World, World, World, World, World> {
    let config = ApiConfig {
        public_url: public_url.parse().unwrap(),
        media_path: MediaPath::Gateway,
        table: "t".to_owned(),
        bucket: "b".to_owned(),
        control_url: "https://control.example.com/control".parse().unwrap(),
        telephony: None,
        tool_call_function: "tool-call".to_owned(),
        guard: Default::default(),
        console: Keys::new(token.map(Secret::new), &public_url.parse().unwrap()),
        origins: vec!["https://console.example.com".to_owned()],
    };
    let carrier = world.state().account.is_some().then(|| world.clone());
    let stores = (world.clone(), world.clone(), world.clone());
    Api::new(stores, world.clone(), carrier, world.clone(), world.clone(), config)
}

pub(super) async fn ask(world: &World, request: Http) -> ApiGatewayV2httpResponse {
    let request = request.header("authorization", &format!("Bearer {TOKEN}"));
    api(world, PUBLIC_URL, Some(TOKEN)).handle(request.event()).await
}

pub(super) async fn json_of(world: &World, request: Http) -> Value {
    let answer = ask(world, request).await;
    assert_eq!(answer.status_code, 200);
    serde_json::from_str(&text(&answer)).unwrap()
}

pub(super) fn text(answer: &ApiGatewayV2httpResponse) -> String {
    match &answer.body {
        Some(Body::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

/// What the relay is told when an operator asks this of the call.
pub(super) fn asked(asks: OperatorCommand) -> Control {
    Control::Operator { sid: CALL.into(), asks }
}

fn of_call(rest: &str) -> String {
    format!("/calls/{CALL}{rest}")
}

#[tokio::test]
async fn health_is_ok_in_plain_text() {
    let world = World::new();
    world.state().broken = true;
    let answer = ask(&world, Http::get("/health")).await;
    assert_eq!((answer.status_code, text(&answer).as_str()), (200, "OK"));
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
}

#[tokio::test]
async fn the_music_of_the_line_is_a_file_that_may_be_kept_and_needs_neither_token_nor_store() {
    let world = World::new();
    world.state().broken = true;
    let answer = api(&world, PUBLIC_URL, Some(TOKEN)).handle(Http::get("/hold-music/built-in").event()).await;
    assert_eq!((answer.status_code, answer.is_base64_encoded), (200, true));
    assert_eq!(answer.headers["content-type"], "audio/wav");
    assert!(answer.headers["cache-control"].to_str().unwrap().contains("max-age"));
    let Some(Body::Binary(file)) = &answer.body else { panic!("{:?}", answer.body) };
    let wav = wav::Wav::read(file).unwrap();
    assert_eq!((wav.rate, wav.mono().len() as u64), (8_000, Piece::built_in().length().0));
}

#[tokio::test]
async fn a_stream_is_a_websocket() {
    let answer = ask(&World::new(), Http::get("/stream")).await;
    assert_eq!((answer.status_code, answer.headers["upgrade"].to_str().unwrap()), (426, "websocket"));
}

#[tokio::test]
async fn what_is_open_is_open_to_all() {
    let world = World::new();
    for path in ["/health", "/status", "/public-url", "/tools"] {
        let answer = api(&world, PUBLIC_URL, None).handle(Http::get(path).event()).await;
        assert_eq!(answer.status_code, 200, "{path}");
    }
    assert_eq!(json_of(&world, Http::get("/public-url")).await["public_url"], "https://voice.example.com/");
    let tools = json_of(&world, Http::get("/tools")).await;
    assert!(tools["tools"].as_array().unwrap().iter().any(|tool| tool["name"] == "get_weather"));
}

#[tokio::test]
async fn the_status_counts_relays_that_are_alive() {
    let world = World::new();
    world.state().relays.extend([relay("relay-2", 3), relay("relay-3", 9)]);
    world.state().relays[2].heartbeat_at_ms = NOW_MS - 60_000;
    let status = json_of(&world, Http::get("/status")).await;
    assert_eq!((&status["relays"], &status["calls"], &status["ready"]), (&json!(2), &json!(3), &json!(true)));
}

#[tokio::test]
async fn whatever_reveals_a_call_needs_the_consoles_token() {
    let world = World::new().with_call(CallStatus::InProgress);
    let routes =
        ["/calls".to_owned(), of_call(""), of_call("/recording"), "/streams".into(), "/realtime/sessions".into()];
    for path in &routes {
        let bare = api(&world, PUBLIC_URL, Some(TOKEN)).handle(Http::get(path).event()).await;
        let wrong = Http::get(path).header("authorization", "Bearer console-tokem").event();
        let wrong = api(&world, PUBLIC_URL, Some(TOKEN)).handle(wrong).await;
        let closed = api(&world, PUBLIC_URL, None).handle(Http::get(path).event()).await;
        let laptop = api(&world, "http://localhost:8787", None).handle(Http::get(path).event()).await;
        assert_eq!((bare.status_code, wrong.status_code, closed.status_code), (401, 401, 403), "{path}");
        assert_eq!(bare.headers["www-authenticate"], "Bearer");
        assert!(matches!(laptop.status_code, 200 | 404), "{path}");
        assert!(!text(&bare).contains(CALLER));
    }
    let music = "/hold-music/files/000000000000000000000000";
    for request in [
        Http::get("/hold-music/status"),
        Http::get("/hold-music/files"),
        Http::post("/hold-music/files"),
        Http::post("/hold-music/uploads"),
        Http::get(music),
        Http::new("DELETE", music),
    ] {
        assert_eq!(api(&world, PUBLIC_URL, Some(TOKEN)).handle(request.event()).await.status_code, 401);
    }
    let hang_up = Http::post(&of_call("/hangup"));
    assert_eq!(api(&world, PUBLIC_URL, Some(TOKEN)).handle(hang_up.event()).await.status_code, 401);
    assert!(world.state().sent.is_empty());
}

#[tokio::test]
async fn a_call_is_shown_with_its_transcript_and_events() {
    let world = World::new().with_call(CallStatus::InProgress);
    world.state().events.push((CallTime(250), Event::HoldStarted));
    let shown = json_of(&world, Http::get(&of_call(""))).await;
    assert_eq!(shown["call"]["from"], CALLER);
    assert_eq!(shown["events"], json!([{ "at": 250, "event": { "event": "hold_started" } }]));
    assert_eq!(shown["transcript"], json!([]));
    assert_eq!((&shown["summary"]["turns"], &shown["summary"]["cost"]), (&json!(0), &json!(null)));
    let listed = json_of(&world, Http::get("/calls?limit=1")).await;
    assert_eq!(listed["calls"][0]["sid"], CALL);
}

#[tokio::test]
async fn a_call_is_shown_with_what_it_costs_and_how_long_its_caller_waited() {
    let world = World::new().with_call(CallStatus::InProgress);
    let turn = |number, answer_ms| Event::Turn {
        number,
        first_audio_ms: Some(100),
        answer_ms: Some(answer_ms),
        tool_ms: 0,
        mark_ms: Some(40),
        barge_in_ms: None,
    };
    let cost = Cost { total: Usd::from_billionths(12_500_000), ..Cost::default() };
    world.state().events.extend([
        (CallTime(250), turn(1, 700)),
        (CallTime(900), turn(2, 300)),
        (CallTime(60_000), Event::Cost(cost)),
    ]);
    let summary = &json_of(&world, Http::get(&of_call(""))).await["summary"];
    assert_eq!(summary["answer_ms"], json!({ "count": 2, "p50": 300, "max": 700 }));
    assert_eq!((&summary["barge_in_ms"], &summary["cost"]["total"]), (&json!(null), &json!(0.0125)));
}

#[tokio::test]
async fn running_calls_have_streams_and_sessions() {
    let world = World::new().with_call(CallStatus::InProgress);
    assert_eq!(json_of(&world, Http::get("/streams")).await["streams"][0]["call"], CALL);
    let sessions = json_of(&world, Http::get("/realtime/sessions")).await;
    assert_eq!(
        (&sessions["sessions"][0]["relay"], &sessions["relays"][0]["id"]),
        (&json!("relay-1"), &json!("relay-1"))
    );
    let world = world.with_call(CallStatus::Ended(Ending::CallerHungUp));
    assert_eq!(json_of(&world, Http::get("/streams")).await["streams"], json!([]));
}

#[tokio::test]
async fn a_recording_that_its_relay_did_not_live_to_join_is_joined_for_whoever_asks() {
    for (status, code) in [(CallStatus::InProgress, 404), (CallStatus::Ended(Ending::CallerHungUp), 200)] {
        let world = World::new().with_call(status);
        world.state().unjoined = Some(FoundRecording::Whole(b"RIFF".to_vec()));
        assert_eq!(ask(&world, Http::get(&of_call("/recording"))).await.status_code, code);
    }
}

#[tokio::test]
async fn a_recording_is_a_wav_or_a_way_to_it() {
    let world = World::new();
    assert_eq!(ask(&world, Http::get(&of_call("/recording"))).await.status_code, 404);
    world.state().recording = Some(FoundRecording::Whole(b"RIFF".to_vec()));
    let answer = ask(&world, Http::get(&of_call("/recording"))).await;
    assert_eq!((answer.status_code, answer.is_base64_encoded), (200, true));
    assert_eq!(answer.headers["content-type"], "audio/wav");
    assert_eq!(serde_json::to_value(&answer).unwrap()["body"], "UklGRg==");
    world.state().recording = Some(FoundRecording::At("https://bucket.example.com/long.wav".parse().unwrap()));
    let answer = ask(&world, Http::get(&of_call("/recording"))).await;
    assert_eq!(
        (answer.status_code, &answer.headers["location"]),
        (307, &"https://bucket.example.com/long.wav".parse().unwrap())
    );
}

#[tokio::test]
async fn a_call_can_be_hung_up_while_it_runs() {
    let world = World::new().with_call(CallStatus::InProgress);
    assert_eq!(ask(&world, Http::post(&of_call("/hangup"))).await.status_code, 202);
    assert_eq!(world.state().sent, [("relay-1".into(), asked(OperatorCommand::HangUp))]);
    world.state().relays[0].control = None;
    assert_eq!(ask(&world, Http::post(&of_call("/hangup"))).await.status_code, 503);
    let over = World::new().with_call(CallStatus::Ended(Ending::CallerHungUp));
    assert_eq!(ask(&over, Http::post(&of_call("/hangup"))).await.status_code, 409);
    assert_eq!(ask(&World::new(), Http::post(&of_call("/hangup"))).await.status_code, 404);
}

#[tokio::test]
async fn a_caller_can_be_put_on_hold_and_taken_off() {
    let world = World::new().with_call(CallStatus::InProgress);
    for (verb, command) in [("hold", asked(OperatorCommand::Hold)), ("resume", asked(OperatorCommand::Resume))] {
        let path = format!("/api/calls/{CALL}/{verb}");
        assert_eq!(api(&world, PUBLIC_URL, Some(TOKEN)).handle(Http::post(&path).event()).await.status_code, 401);
        assert_eq!(ask(&world, Http::post(&path)).await.status_code, 202);
        assert_eq!(world.state().sent.pop(), Some(("relay-1".into(), command)));
        assert_eq!(ask(&world, Http::get(&path)).await.status_code, 405);
    }
    let over = World::new().with_call(CallStatus::Ended(Ending::CallerHungUp));
    assert_eq!(ask(&over, Http::post(&format!("/api/calls/{CALL}/hold"))).await.status_code, 409);
}

#[tokio::test]
async fn an_operator_whispers_to_the_agent_and_speaks_by_its_mouth() {
    let world = World::new().with_call(CallStatus::InProgress);
    let text = || "Offer them a refund.".into();
    let wishes =
        [("whisper", OperatorCommand::Whisper { text: text() }), ("say", OperatorCommand::Say { text: text() })];
    for (verb, asks) in wishes {
        let path = format!("/api/calls/{CALL}/{verb}");
        let wish = |json: &str| Http::post(&path).document("application/json", json);
        assert_eq!(api(&world, PUBLIC_URL, Some(TOKEN)).handle(wish("{}").event()).await.status_code, 401);
        assert_eq!(ask(&world, wish(r#"{"text":" Offer them a refund.\n"}"#)).await.status_code, 202);
        assert_eq!(world.state().sent.pop(), Some(("relay-1".into(), asked(asks))));
        let long = format!(r#"{{"text":"{}"}}"#, "ä".repeat(601));
        for nothing in ["", "{}", r#"{"text":" "}"#, r#"{"text":7}"#, r#"{"text":"a","to":"b"}"#, &long] {
            assert_eq!(ask(&world, wish(nothing)).await.status_code, 400, "{nothing}");
        }
    }
}

#[tokio::test]
async fn what_is_asked_of_a_call_reads_as_it_always_did() {
    let commands = [
        (OperatorCommand::HangUp, json!({ "command": "hang_up", "sid": CALL })),
        (OperatorCommand::PauseRecording, json!({ "command": "pause_recording", "sid": CALL })),
        (OperatorCommand::Say { text: "Hi".into() }, json!({ "command": "say", "sid": CALL, "text": "Hi" })),
    ];
    for (asks, written) in commands {
        assert_eq!(serde_json::to_value(asked(asks.clone())).unwrap(), written);
        assert_eq!(serde_json::from_value::<Control>(written).unwrap(), asked(asks));
    }
    assert!(serde_json::from_value::<Control>(json!({ "command": "sing", "sid": CALL })).is_err());
}

#[tokio::test]
async fn what_callers_left_is_read_by_whoever_has_the_token() {
    let world = World::new();
    let message = Message {
        call: CALL.into(),
        id: "call_1".into(),
        taken_at_ms: NOW_MS,
        name: None,
        number: Some(CALLER.into()),
        text: "The parcel is here.".into(),
    };
    world.state().messages.push(message);
    for path in ["/api/messages".to_owned(), format!("/api/calls/{CALL}/messages")] {
        assert_eq!(api(&world, PUBLIC_URL, Some(TOKEN)).handle(Http::get(&path).event()).await.status_code, 401);
        assert_eq!(json_of(&world, Http::get(&path)).await["messages"][0]["text"], "The parcel is here.");
    }
    let other = "/api/calls/CA00000000000000000000000000000009/messages";
    assert_eq!(json_of(&world, Http::get(other)).await["messages"], json!([]));
}

#[tokio::test]
async fn a_request_to_be_called_back_is_listed_and_can_be_cancelled() {
    let world = World::new();
    world.state().callbacks.push(Callback {
        call: CALL.into(),
        id: "call_1".into(),
        requested_at_ms: NOW_MS,
        due_at_ms: NOW_MS + 1,
        number: CALLER.into(),
        why: "the invoice".into(),
        state: CallbackState::Requested,
    });
    let state = async || json_of(&world, Http::get("/api/callbacks")).await["callbacks"][0]["state"].clone();
    assert_eq!(state().await, "requested");
    let cancel = |id: &str| Http::new("DELETE", &format!("/api/callbacks/{CALL}/{id}"));
    assert_eq!(api(&world, PUBLIC_URL, Some(TOKEN)).handle(cancel("call_1").event()).await.status_code, 401);
    assert_eq!(ask(&world, cancel("call_1")).await.status_code, 204);
    assert_eq!(state().await, "cancelled");
    for id in ["call_2", "call%201", &"x".repeat(65)] {
        assert_eq!(ask(&world, cancel(id)).await.status_code, 404, "{id}");
    }
}

#[tokio::test]
async fn an_operator_puts_a_caller_through_to_whom_the_agent_knows() {
    let world = World::new().with_call(CallStatus::InProgress);
    let desk = r#"{"transfer_targets":[{"name":"reception","to":"+15005550010"}]}"#;
    let call = CALL.into();
    world.state().calls.get_mut(&call).unwrap().agent = serde_json::from_str(desk).unwrap();
    let wish = |json: &str| Http::post(&format!("/api/calls/{CALL}/transfer")).document("application/json", json);
    let fine = r#"{"to":"reception","why":"A parcel."}"#;
    assert_eq!(api(&world, PUBLIC_URL, Some(TOKEN)).handle(wish(fine).event()).await.status_code, 401);
    let (mend, nobody) = ("send JSON: `to`", "nobody of that name is among the agent's transfer targets");
    for (json, status, words) in [
        ("", 400, mend),
        ("{}", 400, mend),
        (r#"{"to":7}"#, 400, mend),
        (r#"{"to":"reception","fast":true}"#, 400, mend),
        (r#"{"to":"the mayor"}"#, 422, nobody),
        (r#"{"to":"+49 30 1"}"#, 422, "a number is `+`, the country's code and the rest"),
        (r#"{"to":"sip:doctor"}"#, 422, "a SIP address is `sip:`"),
        (r#"{"to":"+4930123456"}"#, 422, "that is not among its transfer targets"),
    ] {
        let answer = ask(&world, wish(json)).await;
        let problem: Value = serde_json::from_str(&text(&answer)).unwrap();
        let told = problem["detail"].as_str().unwrap();
        assert!(answer.status_code == status && told.contains(words) && !told.contains("+49"), "{json}: {problem}");
    }
    assert_eq!(
        ask(&world, wish(&json!({ "to": "reception", "why": "x".repeat(601) }).to_string())).await.status_code,
        400
    );
    assert_eq!(world.state().sent, []);
    assert_eq!(ask(&world, wish(fine)).await.status_code, 202);
    let command = asked(OperatorCommand::Transfer { to: "reception".into(), why: "A parcel.".into() });
    assert_eq!(world.state().sent.pop(), Some(("relay-1".into(), command)));
}

#[tokio::test]
async fn an_operator_puts_a_caller_through_to_several() {
    let world = World::new().with_call(CallStatus::InProgress);
    let agent = shared::agent::Agent { transfer_targets: shared::testkit::transfer_targets(), ..Default::default() };
    world.state().calls.get_mut(&CALL.into()).unwrap().agent = agent;
    let wish = |json: &str| Http::post(&format!("/api/calls/{CALL}/transfer")).document("application/json", json);
    for (json, status, words) in [
        (r#"{"to":["doctor","reception"]}"#, 422, "each of them is a `warm` target"),
        (r#"{"to":["doctor","the mayor"]}"#, 422, "nobody of that name"),
        (r#"{"to":[]}"#, 422, "nobody of that name"),
        (r#"{"to":["doctor",7]}"#, 400, "send JSON: `to`"),
    ] {
        let answer = ask(&world, wish(json)).await;
        assert!(answer.status_code == status && text(&answer).contains(words), "{json}: {}", text(&answer));
    }
    assert_eq!(world.state().sent, []);
    assert_eq!(ask(&world, wish(r#"{"to":["doctor","nurse"],"why":"It hurts."}"#)).await.status_code, 202);
    let sent = serde_json::to_value(&world.state().sent[0].1).unwrap();
    assert_eq!(sent, json!({ "command": "transfer", "sid": CALL, "to": ["doctor", "nurse"], "why": "It hurts." }));
}

#[tokio::test]
async fn what_is_not_there_is_404_json_and_a_wrong_method_405() {
    for path in ["/", "/nowhere", "/calls/", "/calls/CA1", "/calls/../status", &of_call("/transcript"), "//health"] {
        let answer = ask(&World::new(), Http::get(path)).await;
        assert_eq!(answer.status_code, 404, "{path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(serde_json::from_str::<Value>(&text(&answer)).unwrap()["status"], 404);
    }
    let answer = ask(&World::new(), Http::post("/calls")).await;
    assert_eq!((answer.status_code, answer.headers["allow"].to_str().unwrap()), (405, "GET"));
    let answer = ask(&World::new(), Http::get(&of_call("/hangup"))).await;
    assert_eq!((answer.status_code, answer.headers["allow"].to_str().unwrap()), (405, "POST"));
}

#[tokio::test]
async fn a_store_that_fails_is_said_so() {
    let world = World::new();
    world.state().broken = true;
    let answer = ask(&world, Http::get("/calls")).await;
    assert_eq!((answer.status_code, text(&answer).contains("fire")), (503, false));
}

#[tokio::test]
async fn the_setup_at_twilio_is_looked_at_and_its_faults_are_named_with_their_mends() {
    let world = World::new();
    let problems = async || json_of(&world, Http::get("/api/twilio")).await["problems"].clone();
    assert_eq!(problems().await[0]["what"], "no Twilio account is configured");
    world.state().account = Some(Ok(Account::Refused));
    assert_eq!(problems().await[0]["what"], "Twilio refuses the credentials");
    let number = Number {
        phone_number: "+15005550006".to_owned(),
        voice_url: Some("https://voice.example.com/twiml".to_owned()),
        status_callback: Some("https://voice.example.com/call/status".to_owned()),
        ..Number::default()
    };
    let there = Account::There { status: "active".to_owned(), trial: false, numbers: vec![number] };
    world.state().account = Some(Ok(there));
    let setup = json_of(&world, Http::get("/api/twilio")).await;
    assert_eq!((&setup["problems"], &setup["numbers"][0]["points_here"]), (&json!([]), &json!(true)));
}

#[tokio::test]
async fn a_carrier_that_does_not_answer_is_no_fault_of_ours() {
    let world = World::new();
    world.state().account = Some(Err(PortError::Unavailable("Twilio cannot be reached".to_owned())));
    assert_eq!(ask(&world, Http::get("/api/twilio")).await.status_code, 502);
}
