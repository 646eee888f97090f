use serde_json::{Value, json};
use shared::calls::{CallStatus, Ending};
use shared::console::{Keys, Pass};
use shared::ports::WrittenEvent;
use shared::redact::Secret;
use shared::session::{Event, Line, Speaker};
use shared::time::CallTime;

use super::super::testing::{CALL, CONNECT, CONNECTION, DISCONNECT, MESSAGE, NOW_MS, World, call, ws_event};
use super::*;

const KEY: &str = "the-consoles-key";
const HOUR_MS: u64 = 60 * 60 * 1000;

fn logs(world: &World, key: Option<&str>, public_url: &str) -> WsLogs<World, World, World, World> {
    let config = LogsConfig {
        table: "t".to_owned(),
        logs_url: "https://logs.example.com/logs".parse().unwrap(),
        control_url: "https://control.example.com/control".parse().unwrap(),
        console: Keys::new(key.map(Secret::new), &public_url.parse().unwrap()),
    };
    WsLogs::new(world.clone(), world.clone(), world.clone(), world.clone(), &config)
}

/// Where people sign in, with what each of them says.
async fn say(world: &World, what: Value) -> Vec<Value> {
    let before = world.state().watching.told.len();
    let event = ws_event(MESSAGE, |event| event["body"] = json!(what.to_string()));
    let answer = logs(world, Some(KEY), "https://voice.example.com").handle(&event).await;
    assert_eq!(answer.status_code, 200);
    let state = world.state();
    state.watching.told[before..].iter().map(|(_, text)| serde_json::from_str(text).unwrap()).collect()
}

fn pass(role: Role, until_ms: u64) -> String {
    let days = u32::try_from((until_ms - NOW_MS).div_ceil(24 * HOUR_MS)).unwrap();
    let keys = Keys::new(Some(Secret::new(KEY)), &"https://voice.example.com".parse().unwrap());
    keys.sign(&Pass::grant(role, "Ada", days, NOW_MS)).unwrap().reveal().to_owned()
}

fn line(number: u32, at_ms: u64) -> Line {
    Line {
        number,
        at: CallTime(at_ms),
        speaker: Speaker::Agent,
        item: format!("i{number}").as_str().into(),
        text: Some("Hello.".into()),
        interrupted: None,
        made_out_to: None,
    }
}

fn happened(number: u64, at_ms: u64, event: Event) -> (CallSid, WrittenEvent) {
    (CALL.into(), WrittenEvent { fence: 1, number, at: CallTime(at_ms), event })
}

/// What was told in entries: the kind of each, or of an event its number.
fn entries(told: &[Value]) -> Vec<String> {
    let all = told.iter().flat_map(|frame| frame["entries"].as_array().into_iter().flatten());
    all.map(|entry| match entry["kind"].as_str().unwrap() {
        "event" => format!("event {}", entry["number"]),
        "line" => format!("line {}", entry["line"]["number"]),
        kind => kind.to_owned(),
    })
    .collect()
}

#[tokio::test]
async fn a_console_is_greeted_written_down_announced_and_told_what_runs() {
    let world = World::new().with_call(CallStatus::InProgress);
    world.state().watching.lines.push((CALL.into(), 1, line(1, 900)));
    world.state().watching.events.push(happened(1, 250, Event::HoldStarted));
    let told = say(&world, json!({ "action": "hello", "token": KEY })).await;
    assert_eq!((&told[0]["type"], &told[0]["role"]), (&json!("hello"), &json!("admin")));
    assert_eq!(entries(&told), ["call", "line 1", "event 1"]);
    assert_eq!((&told[1]["replayed"], &told[1]["truncated"]), (&json!(true), &json!(false)));
    let state = world.state();
    let watcher = &state.watching.watchers[&CONNECTION.into()];
    assert_eq!((watcher.role, &watcher.call, watcher.asked_at_ms), (Role::Admin, &None, NOW_MS));
    assert_eq!(state.sent, [("relay-1".into(), Control::Watchers)]);
}

#[tokio::test]
async fn nobody_watches_without_a_token_of_ours() {
    let expired = pass(Role::Admin, NOW_MS + 24 * HOUR_MS);
    let strangers = [
        (json!({ "action": "hello" }), 401),
        (json!({ "action": "hello", "token": "guessed" }), 401),
        (json!({ "action": "hello", "token": expired }), 401),
        (json!({ "action": "subscribe" }), 401),
        (json!({ "action": "listen", "call": CALL }), 401),
        (json!({ "action": "ping" }), 401),
        (json!({ "action": "dance" }), 400),
        (json!("hello"), 400),
    ];
    for (said, status) in strangers {
        let world = World::new().with_call(CallStatus::InProgress);
        world.state().passed_ms = 25 * HOUR_MS;
        let told = say(&world, said.clone()).await;
        assert_eq!(told.len(), 1, "{said}: {told:?}");
        assert_eq!((&told[0]["type"], &told[0]["status"]), (&json!("refused"), &json!(status)), "{said}");
        let state = world.state();
        assert_eq!(state.watching.dismissed, [CONNECTION.into()], "{said}");
        assert!(state.watching.watchers.is_empty() && state.sent.is_empty(), "{said}");
    }
}

#[tokio::test]
async fn a_socket_is_open_to_pages_of_this_machine_where_no_token_is_needed() {
    let local = "http://localhost:8787";
    for (key, public_url, origin, status) in [
        (None, local, None, 200),
        (None, local, Some("http://localhost:5173"), 200),
        (None, local, Some("https://evil.example"), 403),
        (None, local, Some("null"), 403),
        (None, "https://voice.example.com", None, 403),
        (Some(KEY), "https://voice.example.com", Some("https://console.example.com"), 200),
    ] {
        let world = World::new();
        let event = ws_event(CONNECT, |event| {
            if let Some(origin) = origin {
                event["headers"]["Origin"] = json!(origin);
                event["multiValueHeaders"]["Origin"] = json!([origin]);
            }
        });
        assert_eq!(logs(&world, key, public_url).handle(&event).await.status_code, status, "{origin:?}");
    }
}

#[tokio::test]
async fn after_a_cursor_only_what_came_since_is_told_with_some_overlap() {
    let world = World::new().with_call(CallStatus::Ended(Ending::CallerHungUp));
    world.state().calls.get_mut(&CALL.into()).unwrap().began_at_ms = NOW_MS - 600_000;
    let at = [10_000, 465_000, 540_000, 599_000];
    for (number, at_ms) in (1..).zip(at) {
        world.state().watching.events.push(happened(number, at_ms, Event::HoldStarted));
        world.state().watching.lines.push((CALL.into(), 1, line(u32::try_from(number).unwrap(), at_ms)));
    }
    let since = |ms_ago: u64| json!({ "action": "hello", "token": KEY, "since": Cursor(NOW_MS - ms_ago).to_string() });
    let told = say(&world, since(60_000)).await;
    // A line that began some time before may have been completed since.
    assert_eq!(entries(&told), ["call", "line 2", "line 3", "line 4", "event 3", "event 4"]);
    assert_eq!(told[0]["cursor"], Cursor(NOW_MS - 60_000).to_string());
    assert_eq!(told.last().unwrap()["cursor"], Cursor(NOW_MS).to_string());
    world.state().calls.get_mut(&CALL.into()).unwrap().began_at_ms = NOW_MS - 900_000;
    assert_eq!(entries(&say(&world, since(60_000)).await), [""; 0], "it had ended, and all was told");
}

#[tokio::test]
async fn of_what_is_too_much_the_newest_is_told() {
    let world = World::new().with_call(CallStatus::InProgress);
    world.state().watching.events.extend((1..=500).map(|number| happened(number, number, Event::HoldStarted)));
    let told = say(&world, json!({ "action": "hello", "token": KEY })).await;
    let numbers = entries(&told);
    assert_eq!((numbers.len(), numbers.last().unwrap().as_str()), (201, "event 500"));
    assert_eq!(told.last().unwrap()["truncated"], true);
    assert!(world.state().watching.told.iter().all(|(_, text)| text.len() <= shared::live::LONGEST_FRAME));
    // Of one call alone, all.
    let told = say(&world, json!({ "action": "subscribe", "call": CALL })).await;
    assert_eq!((entries(&told).len(), &told.last().unwrap()["truncated"]), (501, &json!(false)));
    assert_eq!(world.state().watching.watchers[&CONNECTION.into()].call, Some(CALL.into()));
}

#[tokio::test]
async fn listening_in_is_for_operators_and_the_audit_tells_of_it() {
    for (role, allowed) in [(Role::Viewer, false), (Role::Operator, true)] {
        let world = World::new().with_call(CallStatus::InProgress);
        say(&world, json!({ "action": "hello", "token": pass(role, NOW_MS + 24 * HOUR_MS) })).await;
        let told = say(&world, json!({ "action": "listen", "call": CALL })).await;
        let refused = told.iter().filter(|frame| frame["status"] == 403).count();
        assert_eq!(refused, usize::from(!allowed));
        {
            let state = world.state();
            assert_eq!(state.watching.watchers[&CONNECTION.into()].listens.is_some(), allowed);
            assert!(state.watching.dismissed.is_empty(), "it goes on watching");
            let act = state.acts.last().unwrap();
            assert_eq!((act.act.as_str(), act.on.as_deref(), act.role), ("call.listen", Some(CALL), Some(role)));
            assert_eq!(act.status, if allowed { 200 } else { 403 });
        }
        say(&world, json!({ "action": "unlisten" })).await;
        assert_eq!(world.state().watching.watchers[&CONNECTION.into()].listens, None);
    }
}

#[tokio::test]
async fn whose_pass_has_ended_is_sent_away_with_the_next_word() {
    let world = World::new();
    say(&world, json!({ "action": "hello", "token": pass(Role::Viewer, NOW_MS + 24 * HOUR_MS) })).await;
    assert_eq!(say(&world, json!({ "action": "ping" })).await[0]["type"], "pong");
    world.state().passed_ms = 24 * HOUR_MS;
    let told = say(&world, json!({ "action": "ping" })).await;
    assert_eq!((&told[0]["type"], &told[0]["status"]), (&json!("refused"), &json!(401)));
}

#[tokio::test]
async fn a_ping_keeps_a_console_on_the_list_and_a_closed_socket_takes_it_off() {
    let world = World::new();
    say(&world, json!({ "action": "hello", "token": KEY })).await;
    world.state().passed_ms = 30_000;
    say(&world, json!({ "action": "ping" })).await;
    {
        let state = world.state();
        let watcher = &state.watching.watchers[&CONNECTION.into()];
        assert_eq!((watcher.seen_at_ms, watcher.asked_at_ms), (NOW_MS + 30_000, NOW_MS));
    }
    let closed = ws_event(DISCONNECT, |event| event["requestContext"]["stage"] = json!("logs"));
    assert_eq!(logs(&world, Some(KEY), "https://voice.example.com").handle(&closed).await.status_code, 200);
    assert!(world.state().watching.watchers.is_empty());
}

#[tokio::test]
async fn a_console_that_left_while_it_was_told_is_forgotten() {
    let world = World::new().with_call(CallStatus::InProgress);
    world.state().watching.gone.push(CONNECTION.into());
    assert!(say(&world, json!({ "action": "hello", "token": KEY })).await.is_empty());
    assert!(world.state().watching.watchers.is_empty());
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_said_so_and_the_console_comes_again() {
    let world = World::new();
    world.state().broken = true;
    let told = say(&world, json!({ "action": "hello", "token": KEY })).await;
    assert_eq!((&told[1]["type"], &told[1]["status"]), (&json!("refused"), &json!(503)));
}

#[tokio::test]
async fn calls_come_as_lists_have_them() {
    let world = World::new().with_call(CallStatus::InProgress);
    let told = say(&world, json!({ "action": "hello", "token": KEY })).await;
    let expected = shared::calls::Call { lease: None, ..call(CallStatus::InProgress) };
    let entry = &told[1]["entries"][0];
    assert_eq!(entry["kind"], "call");
    assert_eq!(serde_json::from_value::<shared::calls::Call>(entry["call"].clone()).unwrap(), expected);
}
