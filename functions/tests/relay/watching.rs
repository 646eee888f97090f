//! Consoles that watch: they see words while these are spoken and hear both sides, and no call ever waits for them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shared::calls::MediaPath;
use shared::console::Role;
use shared::ids::ConnectionId;
use shared::live::Watcher;
use shared::ports::{Clock as _, PortError};

use crate::caller::{Caller, Talk, utterance};
use crate::model::Model;
use crate::world::{House, Posts, WallClock, soon, until};

fn watcher(name: &str) -> Watcher {
    let now_ms = WallClock.unix_ms();
    Watcher {
        connection: name.into(),
        role: Role::Operator,
        name: "Ada".into(),
        until_ms: None,
        call: None,
        listens: None,
        asked_at_ms: now_ms,
        seen_at_ms: now_ms,
    }
}

impl House {
    /// These are on the list, and the relay knows it.
    async fn watched_by(&self, watchers: Vec<Watcher>) {
        let gallery = &self.relay.calls.common().gallery;
        let mut demand = gallery.demand();
        let listeners = watchers.iter().any(|watcher| watcher.listens.is_some());
        self.store.books.send_modify(|books| books.watchers = watchers.clone());
        gallery.look();
        let known = demand
            .wait_for(|demand| demand.is_none() == watchers.is_empty() && demand.listened(&"CA1".into()) == listeners);
        soon(known).await.unwrap();
    }

    /// Everything that a console was told so far.
    fn told(&self, console: &str) -> Vec<Value> {
        entries(&self.consoles.seen.borrow(), console)
    }

    async fn told_of<R>(&self, console: &str, mut is: impl FnMut(&Value) -> Option<R>) -> R {
        until(&self.consoles.seen, |seen| entries(seen, console).iter().find_map(&mut is)).await
    }
}

fn entries(seen: &Posts, console: &str) -> Vec<Value> {
    let frames = seen.posts.iter().filter(|(to, _)| to.as_str() == console);
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap()["entries"].as_array().unwrap().clone();
    frames.flat_map(|(_, text)| read(text)).collect()
}

/// What was to be heard of a side.
fn sound(seen: &Posts, console: &str, side: &str) -> Vec<u8> {
    let pieces = entries(seen, console).into_iter().filter(|entry| entry["kind"] == "audio" && entry["side"] == side);
    pieces.flat_map(|entry| STANDARD.decode(entry["mulaw"].as_str().unwrap()).unwrap()).collect()
}

/// A line that says this, and whether it is final.
fn line(text: &'static str, is_final: bool) -> impl FnMut(&Value) -> Option<()> {
    move |entry| (entry["line"]["text"] == text && entry["final"] == is_final).then_some(())
}

fn says(response: &str, words: &str) -> Value {
    json!({ "type": "response.output_audio_transcript.delta", "response_id": response,
        "item_id": format!("item_{response}"), "output_index": 0, "content_index": 0, "delta": words })
}

fn said(response: &str, words: &str) -> Value {
    json!({ "type": "response.output_audio_transcript.done", "response_id": response,
        "item_id": format!("item_{response}"), "output_index": 0, "content_index": 0, "transcript": words })
}

#[tokio::test]
async fn a_console_sees_lines_while_they_are_spoken() {
    let Talk { model: _model, house, mut session, caller: _caller } = Talk::begin().await;
    house.watched_by(vec![watcher("console")]).await;
    house.told_of("console", |entry| (entry["call"]["sid"] == "CA1").then_some(())).await;
    session.say(json!({ "type": "response.created", "response": { "id": "r1", "status": "in_progress" } })).await;
    session.say(says("r1", "Good ")).await;
    house.told_of("console", line("Good ", false)).await;
    session.say(says("r1", "morning.")).await;
    house.told_of("console", line("Good morning.", false)).await;
    session.say(said("r1", "Good morning.")).await;
    house.told_of("console", line("Good morning.", true)).await;
    let heard = |kind: &str| {
        json!({ "type": format!("conversation.item.input_audio_transcription.{kind}"),
        "item_id": "item_u1", "content_index": 0, "delta": "Is my order ", "transcript": "Is my order ready?" })
    };
    session
        .say(json!({ "type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "item_u1" }))
        .await;
    session.say(heard("delta")).await;
    house.told_of("console", line("Is my order ", false)).await;
    session.say(heard("completed")).await;
    house.told_of("console", line("Is my order ready?", true)).await;
    let numbers = |entry: &Value| (entry["kind"] == "event").then(|| entry["number"].as_u64().unwrap());
    let events: Vec<_> = house.told("console").iter().filter_map(numbers).collect();
    assert!(!events.is_empty() && house.store.books.borrow().events.keys().any(|(.., number)| *number == events[0]));
}

#[tokio::test]
async fn who_comes_late_is_told_what_may_not_be_written_down_yet() {
    let Talk { model: _model, house, session: _session, caller: _caller } = Talk::begin().await;
    let sid = "CA1".into();
    house.store.event(&sid, |event| matches!(event, shared::session::Event::CallerAttached { .. }).then_some(())).await;
    house.watched_by(vec![watcher("late")]).await;
    house.told_of("late", |entry| (entry["event"]["event"] == "caller_attached").then_some(())).await;
}

#[tokio::test]
async fn nobody_who_watches_costs_no_post_and_nothing_is_told_after_the_last_one_left() {
    let Talk { model: _model, house, mut session, mut caller } = Talk::begin().await;
    session.speak("r1", &[vec![7; 800]]).await;
    caller.hear(800).await;
    house
        .store
        .event(&"CA1".into(), |event| matches!(event, shared::session::Event::Greeted { .. }).then_some(()))
        .await;
    assert_eq!(house.metric("watch_posts_total").await, 0);
    house.watched_by(vec![watcher("console")]).await;
    house.told_of("console", |entry| (entry["kind"] == "call").then_some(())).await;
    house.watched_by(Vec::new()).await;
    let posts = house.metric("watch_posts_total").await;
    session.say(says("r1", "Good morning.")).await;
    session.say(said("r1", "Good morning.")).await;
    until(&house.store.books, |books| (!books.lines.is_empty()).then_some(())).await;
    assert_eq!((house.metric("watch_posts_total").await, house.metric("watchers").await), (posts, 0));
}

#[tokio::test]
async fn a_listener_hears_both_sides_and_nobody_else_does() {
    let Talk { model: _model, house, mut session, mut caller } = Talk::begin().await;
    let listener = Watcher { listens: Some("CA1".into()), ..watcher("listener") };
    house.watched_by(vec![listener, watcher("console")]).await;
    house.told_of("listener", |entry| (entry["kind"] == "call").then_some(())).await;
    let said: Vec<u8> = (0..8_000).map(|index| (index % 200) as u8).collect();
    session.speak("r1", std::slice::from_ref(&said)).await;
    // As fast as people speak.
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    for number in 0..60 {
        pace.tick().await;
        caller.speak(&utterance(1, number)).await;
    }
    let whole = |all: &[u8]| all.windows(said.len()).any(|window| window == said);
    until(&house.consoles.seen, |seen| whole(&sound(seen, "listener", "agent")).then_some(())).await;
    until(&house.consoles.seen, |seen| (sound(seen, "listener", "caller").len() > 4_000).then_some(())).await;
    let seen = house.consoles.seen.borrow();
    assert!(sound(&seen, "console", "agent").is_empty() && sound(&seen, "console", "caller").is_empty());
}

#[tokio::test]
async fn a_console_that_takes_nothing_is_dropped_and_the_call_goes_on() {
    let Talk { model: _model, house, mut session, mut caller } = Talk::begin().await;
    house.consoles.shut();
    house.watched_by(vec![watcher("stuck")]).await;
    // More than a console may be behind by, a line at a time.
    for number in 0..40 {
        let text = format!("{number} {}", "words ".repeat(4_000));
        session
            .say(json!({ "type": "response.output_audio_transcript.done", "response_id": "r1",
                "item_id": format!("item_{number}"), "output_index": 0, "content_index": 0, "transcript": text }))
            .await;
    }
    until(&house.consoles.seen, |seen| seen.closed.contains(&ConnectionId::from("stuck")).then_some(())).await;
    assert_eq!(house.metric(r#"watchers_dropped_total{kind="slow"}"#).await, 1);
    session.speak("r1", &[vec![7; 800]]).await;
    assert_eq!(caller.hear(800).await, vec![7; 800]);
    house.consoles.open();
}

#[tokio::test]
async fn a_console_whose_socket_is_gone_is_forgotten_and_others_see_on() {
    let Talk { model: _model, house, mut session, caller: _caller } = Talk::begin().await;
    house.consoles.gone.lock().unwrap().insert("gone".into());
    house.consoles.faults.lock().unwrap().push_back(PortError::Throttled("for a moment".to_owned()));
    house.watched_by(vec![watcher("gone"), watcher("here")]).await;
    session.say(says("r1", "Good morning.")).await;
    house.told_of("here", line("Good morning.", false)).await;
    until(&house.consoles.seen, |seen| (!seen.posts.iter().any(|(to, _)| to.as_str() == "gone")).then_some(())).await;
    let dropped = async {
        while house.metric(r#"watchers_dropped_total{kind="gone"}"#).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon(dropped).await;
    assert_eq!(house.metric("watchers").await, 1);
}

#[tokio::test]
async fn one_console_sees_many_calls_and_one_of_them_if_it_wants_no_more() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.watched_by(vec![watcher("all"), Watcher { call: Some("CA2".into()), ..watcher("one") }]).await;
    let mut kept = Vec::new();
    for sid in ["CA1", "CA2", "CA3"] {
        house.prepared(sid, MediaPath::Direct).await;
        let session = model.ready().await;
        kept.push((session, Caller::call(&house, sid).await));
    }
    let attached = |sid: &'static str| {
        move |entry: &Value| (entry["call"] == sid && entry["event"]["event"] == "caller_attached").then_some(())
    };
    for sid in ["CA1", "CA2", "CA3"] {
        house.told_of("all", attached(sid)).await;
    }
    house.told_of("one", attached("CA2")).await;
    let of = |entry: &Value| entry["call"]["sid"].as_str().or(entry["call"].as_str()).unwrap() == "CA2";
    assert!(house.told("one").iter().all(of));
}
