//! From the announcement of a call to its end, and from the start of a relay to its drain.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::put;
use axum::{Json, Router};
use functions::relay::Settings;
use futures_util::{SinkExt as _, StreamExt as _};
use http::StatusCode;
use serde_json::{Value, json};
use shared::agent::Agent;
use shared::calls::{CallStatus, Ending, MediaPath};
use shared::control::Control;
use shared::ids::{CallSid, ConnectionId};
use shared::search::Term;
use shared::session::{Event, OperatorCommand};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use url::Url;

use crate::caller::{Caller, Posting, Talk};
use crate::model::Model;
use crate::world::{AUTH_TOKEN, CALLER_NUMBER, House, MODEL_KEY, settings, soon, until};

#[tokio::test]
async fn the_model_is_dialled_when_the_call_is_announced_with_the_agents_model_and_key() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Gateway).await;
    let session = model.session().await;
    assert_eq!(session.path, "/v1/realtime?model=gpt-realtime-2.1");
    assert_eq!(session.authorization, format!("Bearer {MODEL_KEY}"));
}

#[tokio::test]
async fn a_caller_who_hangs_up_ends_the_call_everywhere() {
    let Talk { model: _model, house, mut session, mut caller } = Talk::begin().await;
    until(&house.store.books, |books| (books.calls[&"CA1".into()].status == CallStatus::InProgress).then_some(()))
        .await;
    caller.stop().await;
    caller.closed().await;
    while session.next().await.is_some() {}
    assert_eq!(house.store.ended(&"CA1".into()).await, Ending::CallerHungUp);
    let found_by = until(&house.store.books, |books| books.terms.get(&CallSid::from("CA1")).cloned()).await;
    assert!(found_by.contains(&Term::Ending(Ending::CallerHungUp)), "{found_by:?}");
    assert!(
        house.store.books.borrow().calls[&"CA1".into()].review.as_ref().is_some_and(|review| review.cost.is_some())
    );
    until(&house.shelf.kept, |kept| kept.finished.contains(&"CA1".into()).then_some(())).await;
    assert_eq!(Posting::new("CA1").start(&house).await, StatusCode::NOT_FOUND);
    assert_eq!(house.metric("calls").await, 0);
    assert_eq!(house.metric(r#"calls_ended_total{kind="caller_hung_up"}"#).await, 1);
}

#[tokio::test]
async fn a_tool_is_run_and_its_outcome_told() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Direct).await;
    let mut session = model.ready().await;
    let _caller = Caller::call(&house, "CA1").await;
    session.expect("response.create").await;
    session.say(json!({ "type": "response.created", "response": { "id": "r1" } })).await;
    session
        .say(json!({
            "type": "response.output_item.done", "response_id": "r1", "output_index": 0,
            "item": {
                "id": "item_1", "type": "function_call", "status": "completed", "call_id": "call_1",
                "name": "get_weather", "arguments": r#"{"location":"Bern"}"#,
            },
        }))
        .await;
    session.say(json!({ "type": "response.done", "response": { "id": "r1", "status": "completed" } })).await;
    let output = session.expect("conversation.item.create").await;
    assert_eq!(output["item"]["output"], r#"{"temperature":21}"#);
    session.expect("response.create").await;
    let asked = house.tools.asked.borrow()[0].clone();
    assert_eq!((asked.name.as_str(), asked.call.as_str()), ("get_weather", "call_1"));
    house.store.event(&"CA1".into(), |event| matches!(event, Event::ToolFinished { .. }).then_some(())).await;
    assert_eq!(house.metric(r#"tool_calls_total{name="get_weather",outcome="ok"}"#).await, 1);
}

#[tokio::test]
async fn a_relay_is_known_by_its_heartbeat_until_it_stops() {
    let model = Model::new().await;
    let house = House::new(&model.url).await;
    let id = house.id();
    let known = until(&house.store.books, |books| books.relays.get(&id).cloned()).await;
    assert_eq!(known.address, house.relay.address);
    assert!(!known.draining);
    house.relay.stop().await;
    assert!(!house.store.books.borrow().relays.contains_key(&id));
}

#[tokio::test]
async fn a_relay_that_drains_takes_no_new_calls_and_lets_the_old_ones_end() {
    let Talk { model: _model, house, mut session, mut caller } = Talk::begin().await;
    house.webhook("CA2", MediaPath::Gateway).await;
    house.relay.calls.begin_drain();
    assert_eq!(Posting::new("CA2").start(&house).await, StatusCode::SERVICE_UNAVAILABLE);
    let health = format!("http://{}/health", house.relay.listening.public);
    assert_eq!(reqwest::get(health).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    let (id, store) = (house.id(), house.store.clone());
    let stopping = tokio::spawn(house.relay.stop());
    until(&store.books, |books| books.relays[&id].draining.then_some(())).await;
    caller.speak(&[1; 160]).await;
    session.hear(1).await;
    caller.stop().await;
    soon(stopping).await.unwrap();
    assert_eq!(store.status(&"CA1".into()).ended(), Some(Ending::CallerHungUp));
}

#[tokio::test]
async fn a_call_that_outlasts_the_drain_is_let_go_and_not_ended() {
    let mut model = Model::new().await;
    let mut settings = settings(&model.url);
    settings.drain = Duration::from_millis(50);
    let house = House::with(settings).await;
    house.prepared("CA1", MediaPath::Direct).await;
    let mut session = model.ready().await;
    let mut caller = Caller::call(&house, "CA1").await;
    session.expect("response.create").await;
    let (store, carrier) = (house.store.clone(), house.carrier.clone());
    soon(house.relay.stop()).await;
    caller.closed().await;
    while session.next().await.is_some() {}
    assert_eq!(store.status(&"CA1".into()), CallStatus::InProgress);
    assert_eq!(*carrier.hung_up.borrow(), []);
}

fn operator(asks: OperatorCommand) -> Control {
    Control::Operator { sid: "CA1".into(), asks }
}

fn command(command: &Control) -> Message {
    Message::text(serde_json::to_string(command).unwrap())
}

/// A relay, and the API's end of its control channel, which was lost once before.
async fn under_control(model: &Model) -> (House, WebSocketStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&model.url);
    settings.control_url = Some(Url::parse(&format!("ws://{}/control", listener.local_addr().unwrap())).unwrap());
    let house = House::with(settings).await;
    drop(soon(listener.accept()).await.unwrap());
    let (stream, _) = soon(listener.accept()).await.unwrap();
    let mut headers = None;
    #[allow(clippy::result_large_err, reason = "tungstenite's own signature")]
    let note = |request: &Request, response: Response| {
        headers = Some(request.headers().clone());
        Ok(response)
    };
    let control = soon(tokio_tungstenite::accept_hdr_async(stream, note)).await.unwrap();
    let headers = headers.unwrap();
    assert_eq!(headers["x-voicebridge-relay"], house.id().as_str());
    assert_eq!(headers["authorization"], "signed");
    (house, control)
}

#[tokio::test]
async fn commands_come_over_the_control_channel_which_is_opened_again_when_it_is_lost() {
    let mut model = Model::new().await;
    let (house, mut control) = under_control(&model).await;
    let call = house.webhook("CA1", MediaPath::Gateway).await;
    control.send(Message::text("{nonsense")).await.unwrap();
    control.send(command(&Control::Prepare { call: Box::new(call) })).await.unwrap();
    let mut session = model.session().await;
    session.configure().await;
    let pirate = Agent { version: 2, instructions: "Arr, {{caller_number}}.".to_owned(), ..Agent::default() };
    let change = Control::ChangeAgent { sid: "CA1".into(), agent: Box::new(pirate.clone()) };
    control.send(command(&change)).await.unwrap();
    let update = session.expect("session.update").await;
    assert_eq!(update["session"]["instructions"], format!("Arr, {CALLER_NUMBER}."));
    assert_eq!(update["session"]["audio"]["output"]["voice"], Value::Null);
    session.say(json!({ "type": "session.updated", "event_id": "e", "session": {} })).await;
    until(&house.store.books, |books| (books.calls[&"CA1".into()].agent == pirate).then_some(())).await;
    control.send(command(&operator(OperatorCommand::HangUp))).await.unwrap();
    assert_eq!(house.store.ended(&"CA1".into()).await, Ending::OperatorHungUp);
    until(&house.carrier.hung_up, |hung_up| hung_up.contains(&"CA1".into()).then_some(())).await;
    soon(house.relay.stop()).await;
    assert!(!matches!(soon(control.next()).await, Some(Ok(Message::Text(_)))));
}

#[tokio::test]
async fn an_operator_puts_a_caller_on_hold_and_back() {
    let mut model = Model::new().await;
    let (house, mut control) = under_control(&model).await;
    let call = house.webhook("CA1", MediaPath::Direct).await;
    control.send(command(&Control::Prepare { call: Box::new(call) })).await.unwrap();
    let mut session = model.ready().await;
    let mut caller = Caller::call(&house, "CA1").await;
    session.expect("response.create").await;
    session.say(json!({ "type": "response.created", "response": { "id": "r1" } })).await;
    session.say(json!({ "type": "response.done", "response": { "id": "r1", "status": "completed" } })).await;
    control.send(command(&operator(OperatorCommand::Hold))).await.unwrap();
    let music = caller.hear(4_000).await;
    assert!(music.iter().any(|&byte| byte != 0xFF));
    control.send(command(&operator(OperatorCommand::Resume))).await.unwrap();
    let asked = session.expect("response.create").await;
    assert!(asked["response"]["instructions"].as_str().unwrap().contains("on hold"));
    caller.stop().await;
    assert_eq!(house.store.ended(&"CA1".into()).await, Ending::CallerHungUp);
    soon(house.relay.stop()).await;
}

#[tokio::test]
async fn an_operator_whispers_to_the_model_and_has_it_say_something() {
    let mut model = Model::new().await;
    let (house, mut control) = under_control(&model).await;
    let call = house.webhook("CA1", MediaPath::Direct).await;
    control.send(command(&Control::Prepare { call: Box::new(call) })).await.unwrap();
    let mut session = model.ready().await;
    let mut caller = Caller::call(&house, "CA1").await;
    session.expect("response.create").await;
    session.say(json!({ "type": "response.created", "response": { "id": "r1" } })).await;
    session.say(json!({ "type": "response.done", "response": { "id": "r1", "status": "completed" } })).await;
    let whisper = OperatorCommand::Whisper { text: "Offer a refund.".into() };
    control.send(command(&operator(whisper))).await.unwrap();
    let told = session.expect("conversation.item.create").await;
    assert_eq!(told["item"]["role"], "system");
    assert!(told["item"]["content"][0]["text"].as_str().unwrap().ends_with("Offer a refund."));
    control.send(command(&operator(OperatorCommand::Say { text: "One moment.".into() }))).await.unwrap();
    let asked = session.expect("response.create").await;
    assert!(asked["response"]["instructions"].as_str().unwrap().ends_with("One moment."));
    caller.stop().await;
    assert_eq!(house.store.ended(&"CA1".into()).await, Ending::CallerHungUp);
    soon(house.relay.stop()).await;
}

#[tokio::test]
async fn a_call_that_another_relay_began_goes_on_where_it_was() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    let mut call = house.webhook("CA1", MediaPath::Direct).await;
    call.status = CallStatus::InProgress;
    let line = shared::session::Line {
        number: 1,
        at: shared::time::CallTime(1_000),
        speaker: shared::session::Speaker::Caller,
        item: "item_1".into(),
        text: Some("I live in Bern.".into()),
        interrupted: None,
        made_out_to: None,
    };
    house.store.books.send_modify(|books| {
        books.calls.insert("CA1".into(), call);
        books.lines.insert(("CA1".into(), 1, 1), line);
    });
    house.store.steal(&"CA1".into());
    let _caller = Caller::call(&house, "CA1").await;
    let mut session = model.session().await;
    session.configure().await;
    let told = session.expect("conversation.item.create").await;
    assert_eq!(told["item"]["content"][0]["text"], "I live in Bern.");
    session.expect("response.create").await;
}

#[tokio::test]
async fn health_and_metrics_are_there_to_be_asked() {
    let model = Model::new().await;
    let house = House::new(&model.url).await;
    for listener in [house.relay.listening.public, house.relay.listening.private] {
        let health = reqwest::get(format!("http://{listener}/health")).await.unwrap();
        assert_eq!((health.status(), health.text().await.unwrap().as_str()), (StatusCode::OK, "OK"));
    }
    let public = reqwest::get(format!("http://{}/metrics", house.relay.listening.public)).await.unwrap();
    assert_eq!(public.status(), StatusCode::NOT_FOUND, "metrics are for the inside");
    let text = reqwest::get(format!("http://{}/metrics", house.relay.listening.private)).await.unwrap();
    let text = text.text().await.unwrap();
    for name in ["calls", "added_to_model_seconds", "barge_in_seconds", "event_loop_lag_seconds", "chronicle_dropped"] {
        assert!(text.contains(&format!("# HELP voicebridge_relay_{name} ")), "{name}");
    }
    assert!(!text.contains(AUTH_TOKEN) && !text.contains(MODEL_KEY));
}

#[tokio::test]
async fn a_relay_in_ecs_is_where_ecs_says() {
    let task = r#"{"Containers":[{"Networks":[{"NetworkMode":"awsvpc","IPv4Addresses":["10.0.1.17"]}]}]}"#;
    let routes = axum::Router::new().route("/v4/abc/task", axum::routing::get(move || async move { task }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metadata = format!("http://{}/v4/abc", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let model = Model::new().await;
    let mut settings = settings(&model.url);
    settings.ecs_metadata = Some(Url::parse(&metadata).unwrap());
    let house = House::with(settings).await;
    let port = house.relay.listening.private.port();
    assert_eq!(house.relay.address.as_str(), format!("http://10.0.1.17:{port}/"));
}

#[tokio::test]
async fn both_sides_of_a_call_are_recorded_each_on_its_track() {
    let Talk { model: _model, house, mut session, mut caller } = Talk::begin().await;
    session.speak("r1", &[vec![0x11; 160]]).await;
    caller.hear(160).await;
    caller.speak(&[0x22; 160]).await;
    session.hear(1).await;
    // Time itself is what this waits for: the agent's words sound for 20 ms, and a hang-up before would cut them.
    tokio::time::sleep(Duration::from_millis(40)).await;
    caller.stop().await;
    until(&house.shelf.kept, |kept| kept.finished.contains(&"CA1".into()).then_some(())).await;
    let stereo = house.shelf.kept.borrow().segments[&("CA1".into(), 0, 1)].clone();
    let count = |track: usize, byte: u8| stereo.iter().skip(track).step_by(2).filter(|found| **found == byte).count();
    assert_eq!((count(0, 0x22), count(1, 0x22)), (160, 0));
    assert_eq!((count(0, 0x11), count(1, 0x11)), (0, 160));
}

#[tokio::test]
async fn in_a_pause_neither_side_is_recorded_and_the_model_hears_all() {
    let mut model = Model::new().await;
    let (house, mut control) = under_control(&model).await;
    let call = house.webhook("CA1", MediaPath::Direct).await;
    control.send(command(&Control::Prepare { call: Box::new(call) })).await.unwrap();
    let mut session = model.ready().await;
    let mut caller = Caller::call(&house, "CA1").await;
    let paused = |event: &Event| matches!(event, Event::RecordingPaused { .. }).then_some(());
    let resumed = |event: &Event| matches!(event, Event::RecordingResumed { .. }).then_some(());
    control.send(command(&operator(OperatorCommand::PauseRecording))).await.unwrap();
    house.store.event(&"CA1".into(), paused).await;
    caller.speak(&[0x22; 160]).await;
    session.hear(1).await;
    control.send(command(&operator(OperatorCommand::ResumeRecording))).await.unwrap();
    house.store.event(&"CA1".into(), resumed).await;
    // By their stamps the first of these were said in the pause.
    for _ in 0..60 {
        caller.speak(&[0x33; 160]).await;
    }
    session.hear(60).await;
    caller.stop().await;
    until(&house.shelf.kept, |kept| kept.finished.contains(&"CA1".into()).then_some(())).await;
    let stereo = house.shelf.kept.borrow().segments[&("CA1".into(), 0, 1)].clone();
    let has = |byte: u8| stereo.contains(&byte);
    assert!(!has(0x22) && has(0x33));
}

#[tokio::test]
async fn an_agent_that_records_nothing_stores_no_sound() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    let mut call = house.webhook("CA1", MediaPath::Direct).await;
    call.agent.recording.enabled = false;
    house.store.books.send_modify(|books| _ = books.calls.insert("CA1".into(), call));
    let mut caller = Caller::call(&house, "CA1").await;
    let mut session = model.ready().await;
    caller.speak(&[0x22; 160]).await;
    session.hear(1).await;
    caller.stop().await;
    assert_eq!(house.store.ended(&"CA1".into()).await, Ending::CallerHungUp);
    soon(house.relay.stop()).await;
    assert!(house.shelf.kept.borrow().segments.is_empty() && house.shelf.kept.borrow().finished.is_empty());
}

#[tokio::test]
async fn a_relay_that_loses_its_call_records_nothing_of_the_time_to_come() {
    let Talk { model: _model, house, mut session, mut caller } = Talk::begin().await;
    let twenty_seconds = vec![vec![0x11; 8_000]; 20];
    session.speak("r1", &twenty_seconds).await;
    caller.hear(160_000).await;
    house.relay.calls.find(&"CA1".into()).unwrap().permit.fenced.cancel();
    let kept = until(&house.shelf.kept, |kept| (!kept.segments.is_empty()).then(|| kept.segments.clone())).await;
    let recorded: Vec<_> = kept.into_iter().map(|((_, number, _), stereo)| (number, stereo.len() / 2)).collect();
    assert!(matches!(recorded[..], [(0, length)] if length < 5 * 8_000), "{recorded:?}");
}

#[tokio::test]
async fn ecs_is_asked_to_spare_the_task_while_it_has_calls() {
    let asked = Arc::new(watch::Sender::<Vec<Value>>::default());
    let noted = Arc::clone(&asked);
    let state = put(async move |Json(body): Json<Value>| noted.send_modify(|asked| asked.push(body)));
    let agent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let agent_url = Url::parse(&format!("http://{}/api/task", agent.local_addr().unwrap())).unwrap();
    let routes = Router::new().route("/api/task/task-protection/v1/state", state);
    tokio::spawn(async move { axum::serve(agent, routes).await });

    let mut model = Model::new().await;
    let house = House::with(Settings { ecs_agent: Some(agent_url), ..settings(&model.url) }).await;
    house.prepared("CA1", MediaPath::Direct).await;
    let _session = model.ready().await;
    let mut caller = Caller::call(&house, "CA1").await;
    until(&asked, |asked| (asked.len() == 1).then_some(())).await;
    caller.stop().await;
    until(&asked, |asked| (asked.len() == 2).then_some(())).await;
    let spare = json!({ "ProtectionEnabled": true, "ExpiresInMinutes": 60 });
    assert_eq!(*asked.borrow(), [spare, json!({ "ProtectionEnabled": false })]);
}

#[tokio::test]
async fn a_socket_that_was_refused_is_closed_on_behalf_of_the_function_that_let_it_in() {
    let model = Model::new().await;
    let house = House::new(&model.url).await;
    let mut url = house.frames_url("ignored");
    url.path_segments_mut().unwrap().clear().extend(["sockets", "Refused+/id="]);
    let answer = reqwest::Client::new().delete(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(house.gateway.seen.borrow().closed, [ConnectionId::from("Refused+/id=")]);
}
