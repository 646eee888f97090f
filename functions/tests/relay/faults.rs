//! What goes wrong, and what the caller makes of it: as little as can be.

use std::sync::atomic::Ordering;
use std::time::Duration;

use functions::relay::calls::Command;
use futures_util::SinkExt as _;
use http::StatusCode;
use shared::calls::{Ending, MediaPath};
use shared::session::Event;
use tokio_tungstenite::tungstenite::Message;

use crate::caller::{Caller, Posting};
use crate::model::{Manner, Model};
use crate::world::{House, settings, until};

fn lost(event: &Event) -> Option<String> {
    match event {
        Event::ModelLost { code, .. } => Some(code.clone()),
        _ => None,
    }
}

/// A model that misbehaves once is dialled again, and the call goes on.
async fn survives(manner: Manner, code: &str) {
    let mut model = Model::with([manner, Manner::Speaks]).await;
    let mut settings = settings(&model.url);
    settings.model.ping_every = Duration::from_millis(500);
    let house = House::with(settings).await;
    house.prepared("CA1", MediaPath::Direct).await;
    let mut caller = Caller::call(&house, "CA1").await;
    assert_eq!(house.store.event(&"CA1".into(), lost).await, code);
    let mut session = loop {
        let mut session = model.session().await;
        if session.is_greeted().await {
            break session;
        }
    };
    caller.speak(&[9; 160]).await;
    session.hear(1).await;
}

#[tokio::test]
async fn a_model_that_is_busy_is_asked_again() {
    survives(Manner::Status(429), "http_429").await;
}

#[tokio::test]
async fn a_model_that_fails_is_asked_again() {
    survives(Manner::Status(503), "http_503").await;
}

#[tokio::test]
async fn a_model_that_says_nothing_is_asked_again() {
    survives(Manner::Mute, "timeout").await;
}

#[tokio::test]
async fn a_model_that_talks_garbage_is_asked_again() {
    survives(Manner::Garbage(20), "garbage").await;
}

#[tokio::test]
async fn a_model_that_drops_the_line_is_asked_again() {
    survives(Manner::Drops, "closed_1006").await;
}

#[tokio::test]
async fn a_model_that_freezes_is_asked_again() {
    survives(Manner::Freezes, "silent").await;
}

#[tokio::test]
async fn a_little_garbage_is_counted_and_survived() {
    let mut model = Model::with([Manner::Garbage(19)]).await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Direct).await;
    let _session = model.ready().await;
    house.store.event(&"CA1".into(), |event| matches!(event, Event::ModelReady { .. }).then_some(())).await;
    assert_eq!(house.metric(r#"model_faults_total{kind="garbage"}"#).await, 10);
    assert_eq!(house.metric(r#"model_faults_total{kind="binary"}"#).await, 9);
}

#[tokio::test]
async fn a_key_that_is_refused_ends_the_call_by_way_of_an_apology() {
    let model = Model::with([Manner::Status(401)]).await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Direct).await;
    let mut caller = Caller::call(&house, "CA1").await;
    caller.closed().await;
    assert_eq!(house.store.ended(&"CA1".into()).await, Ending::ModelUnavailable);
    assert_eq!(*house.carrier.hung_up.borrow(), [], "the TwiML that follows has something to say first");
    assert_eq!(house.metric(r#"model_losses_total{kind="http_401"}"#).await, 1);
}

#[tokio::test]
async fn a_model_that_is_not_there_is_given_up_after_as_many_attempts_as_are_allowed() {
    let house = House::new(&url::Url::parse("ws://127.0.0.1:9/nobody").unwrap()).await;
    house.prepared("CA1", MediaPath::Direct).await;
    Caller::call(&house, "CA1").await.closed().await;
    assert_eq!(house.store.ended(&"CA1".into()).await, Ending::ModelUnavailable);
    assert_eq!(house.metric(r#"model_losses_total{kind="refused"}"#).await, 4);
}

#[tokio::test]
async fn a_key_never_leaves_in_the_clear() {
    let house = House::new(&url::Url::parse("ws://model.example.com/v1").unwrap()).await;
    house.prepared("CA1", MediaPath::Direct).await;
    Caller::call(&house, "CA1").await.closed().await;
    assert_eq!(house.store.event(&"CA1".into(), lost).await, "plain_text");
}

#[tokio::test]
async fn a_model_that_takes_nothing_is_replaced() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Direct).await;
    let mut stuck = model.ready().await;
    let mut caller = Caller::call(&house, "CA1").await;
    stuck.expect("response.create").await;
    // From here on nobody reads what the relay writes to the first session.
    let mut replaced = Box::pin(model.session());
    let long = vec![5; 40_000];
    let mut next = loop {
        tokio::select! {
            biased;
            session = &mut replaced => break session,
            () = caller.speak(&long) => {}
        }
    };
    assert_eq!(house.store.event(&"CA1".into(), lost).await, "slow");
    next.configure().await;
    drop(stuck);
}

#[tokio::test]
async fn frames_that_make_no_sense_are_counted_and_survived_on_the_direct_path() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Direct).await;
    let mut session = model.ready().await;
    let mut caller = Caller::call(&house, "CA1").await;
    caller.send("{not json".to_owned()).await;
    caller.send(r#"{"event":"nonsense","sequenceNumber":"2"}"#.to_owned()).await;
    caller
        .send(
            r#"{"event":"media","sequenceNumber":"2","streamSid":"MZCA1","media":{"timestamp":"0","payload":"%"}}"#
                .to_owned(),
        )
        .await;
    caller.socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    caller.speak(&[9; 160]).await;
    session.hear(1).await;
    for kind in ["malformed", "unknown_event", "payload", "binary"] {
        assert_eq!(house.metric(&format!(r#"frame_faults_total{{kind="{kind}"}}"#)).await, 1, "{kind}");
    }
}

#[tokio::test]
async fn frames_that_make_no_sense_are_counted_and_survived_on_the_gateway_path() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Gateway).await;
    let mut session = model.ready().await;
    let caller = Posting::new("CA1");
    assert_eq!(caller.post(&house, "{not json".to_owned()).await, StatusCode::NO_CONTENT);
    assert_eq!(caller.post(&house, "x".repeat(100_000)).await, StatusCode::NO_CONTENT);
    assert_eq!(caller.post(&house, "x".repeat(200_000)).await, StatusCode::PAYLOAD_TOO_LARGE);
    caller.start(&house).await;
    caller.speak(&house, 2, &[9; 160]).await;
    session.hear(1).await;
    for kind in ["malformed", "too_long"] {
        assert_eq!(house.metric(&format!(r#"frame_faults_total{{kind="{kind}"}}"#)).await, 1, "{kind}");
    }
}

#[tokio::test]
async fn a_stream_that_never_says_start_is_closed() {
    let model = Model::new().await;
    let house = House::new(&model.url).await;
    let signature = crate::caller::signature("wss://voice.example.com/call");
    let mut socket = crate::caller::dial(&house, Some(&signature)).await.unwrap();
    socket.send(Message::text(crate::caller::media("MZ1", 2, &[1; 160]).to_string())).await.unwrap();
    use futures_util::StreamExt as _;
    while let Some(Ok(_)) = crate::world::soon(socket.next()).await {}
    assert_eq!(house.metric(r#"streams_refused_total{kind="no_start"}"#).await, 1);
}

#[tokio::test]
async fn a_connection_that_is_gone_detaches_the_caller() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Gateway).await;
    let mut session = model.ready().await;
    let caller = Posting::new("CA1");
    house.gateway.gone.lock().unwrap().insert(caller.connection.as_str().into());
    caller.start(&house).await;
    session.expect("response.create").await;
    session.speak("r1", &[vec![1; 160]]).await;
    house.store.event(&"CA1".into(), |event| matches!(event, Event::CallerDetached).then_some(())).await;
    assert_eq!(house.store.ended(&"CA1".into()).await, Ending::Abandoned);
}

#[tokio::test]
async fn a_relay_that_lost_the_call_gives_way_without_hanging_up() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Gateway).await;
    let mut session = model.ready().await;
    let caller = Posting::new("CA1");
    house.store.steal(&"CA1".into());
    caller.start(&house).await;
    session.expect("response.create").await;
    while session.next().await.is_some() {}
    assert_eq!(house.store.status(&"CA1".into()).ended(), None);
    assert_eq!(*house.carrier.hung_up.borrow(), []);
    assert!(house.gateway.seen.borrow().closed.is_empty());
    until(&house.shelf.kept, |kept| kept.finished.is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_store_that_hangs_holds_up_no_conversation() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.store.desk.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    house.prepared("CA1", MediaPath::Direct).await;
    let mut session = model.ready().await;
    let mut caller = Caller::call(&house, "CA1").await;
    session.expect("response.create").await;
    session.speak("r1", &[vec![1; 160]]).await;
    assert_eq!(caller.hear(160).await, [1; 160]);
    caller.speak(&[2; 160]).await;
    session.hear(1).await;
    assert!(house.store.books.borrow().events.is_empty());
    house.store.desk.add_permits(tokio::sync::Semaphore::MAX_PERMITS);
    house.store.event(&"CA1".into(), |event| matches!(event, Event::Greeted { .. }).then_some(())).await;
}

#[tokio::test]
async fn what_the_store_refuses_for_a_moment_is_written_down_once() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    let busy = || shared::ports::PortError::Throttled("busy".to_owned());
    house.store.faults.lock().unwrap().extend([busy(), busy()]);
    house.prepared("CA1", MediaPath::Direct).await;
    let _session = model.ready().await;
    let ready = |event: &Event| matches!(event, Event::ModelReady { .. }).then_some(());
    house.store.event(&"CA1".into(), ready).await;
    let times = house.store.books.borrow().events.iter().filter(|(_, event)| ready(event).is_some()).count();
    assert_eq!(times, 1);
    assert_eq!(house.metric(r#"chronicle_errors_total{kind="throttled"}"#).await, 2);
}

#[tokio::test]
async fn a_bug_in_one_call_is_no_end_of_any() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Direct).await;
    let mut other = model.ready().await;
    let mut bystander = Caller::call(&house, "CA1").await;
    let handle = house.prepared("CA2", MediaPath::Gateway).await;
    let _torn = model.ready().await;
    let caller = Posting::new("CA2");
    assert_eq!(caller.start(&house).await, StatusCode::NO_CONTENT);
    house.store.bug.store(true, Ordering::Relaxed);
    handle.commands.send(Command::CallEnded).await.unwrap();
    handle.commands.closed().await;

    // The next frame brings the call back, and the other one has noticed nothing.
    let mut session = Box::pin(model.ready());
    let mut session = loop {
        let frame = caller.speak(&house, 2, &[7; 160]);
        tokio::select! {
            session = &mut session => break session,
            status = frame => assert!(matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_FOUND), "{status}"),
        }
    };
    caller.speak(&house, 3, &[8; 160]).await;
    session.hear(1).await;
    assert_eq!(house.metric("driver_panics_total").await, 1);
    bystander.speak(&[9; 160]).await;
    other.hear(1).await;
}
