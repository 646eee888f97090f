//! A call that goes from one relay to another: because the first one died, does not answer, or is about to go.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use shared::calls::{CallStatus, Lease, MediaPath};
use shared::ids::ConnectionId;
use shared::ownership::Lost;
use shared::ports::{Holdings as _, Pulses as _, Relays as _, WriteCall as _};
use shared::session::{Event, Succession};
use tokio::net::TcpListener;

use crate::caller::{Posting, Talk, audio_of};
use crate::model::{Model, Session};
use crate::world::{House, settings, until};
use functions::relay::Settings;

/// A gateway call that its first relay has greeted, and a second relay.
struct Pair {
    model: Model,
    first: House,
    second: House,
    session: Session,
    caller: Posting,
}

impl Pair {
    async fn begin() -> Self {
        let mut model = Model::new().await;
        let first = House::new(&model.url).await;
        let second = first.beside(settings(&model.url)).await;
        first.prepared("CA1", MediaPath::Gateway).await;
        let mut session = model.ready().await;
        let caller = Posting::new("CA1");
        assert_eq!(caller.start(&first).await, StatusCode::NO_CONTENT);
        session.expect("response.create").await;
        session.say(json!({ "type": "response.created", "response": { "id": "r1" } })).await;
        session
            .say(json!({ "type": "response.output_audio_transcript.done", "response_id": "r1", "item_id": "i1",
                         "output_index": 0, "content_index": 0, "transcript": "Hello!" }))
            .await;
        session.say(json!({ "type": "response.done", "response": { "id": "r1", "status": "completed" } })).await;
        let pair = Self { model, first, second, session, caller };
        let sid = "CA1".into();
        until(&pair.first.store.books, |books| {
            let known = books.lines.keys().any(|(of, ..)| *of == sid) && books.journals.contains_key(&sid);
            (known && books.calls[&sid].status == CallStatus::InProgress).then_some(())
        })
        .await;
        pair
    }

    fn lease(&self) -> Lease {
        self.first.store.books.borrow().calls[&"CA1".into()].lease.clone().unwrap()
    }

    fn lost(&self, dead: bool) -> Lost {
        Lost { lease: self.lease(), dead }
    }

    async fn resumed(&self) -> Succession {
        resumed(&self.second).await
    }
}

async fn resumed(house: &House) -> Succession {
    let resumed = |event: &Event| match event {
        Event::Resumed { succession, .. } => Some(*succession),
        _ => None,
    };
    house.store.event(&"CA1".into(), resumed).await
}

fn sound(posts: &[(ConnectionId, String)]) -> usize {
    let read = |text: &String| audio_of(&serde_json::from_str::<Value>(text).unwrap()).len();
    posts.iter().map(|(_, text)| read(text)).sum()
}

#[tokio::test]
async fn a_call_whose_relay_is_dead_goes_on_with_music_and_what_was_said() {
    let mut pair = Pair::begin().await;
    let before = sound(&pair.first.gateway.seen.borrow().posts);
    let frame = pair.caller.take_over(&pair.second, 2, pair.lost(true)).await;
    assert_eq!(frame, (StatusCode::NO_CONTENT, Some(2)));
    until(&pair.second.gateway.seen, |seen| (sound(&seen.posts) > before).then_some(())).await;
    let mut session = pair.model.ready().await;
    let told = session.expect("conversation.item.create").await;
    assert_eq!(told["item"]["content"][0]["text"], "Hello!");
    assert_eq!(pair.resumed().await, Succession::TakenOver);
    assert_eq!(pair.second.metric("take_overs_total").await, 1);
    assert_eq!(pair.caller.speak(&pair.second, 3, &[9; 160]).await, StatusCode::NO_CONTENT);
    session.hear(1).await;
    // The first one learns of it, and lets go without closing the caller's socket.
    while pair.session.next().await.is_some() {}
    assert!(pair.first.gateway.seen.borrow().closed.is_empty());
}

#[tokio::test]
async fn a_relay_that_works_keeps_its_call() {
    let pair = Pair::begin().await;
    pair.caller.speak(&pair.first, 2, &[9; 160]).await;
    assert_eq!(pair.caller.take_over(&pair.second, 3, pair.lost(false)).await.0, StatusCode::LOCKED);
    assert_eq!(pair.lease().relay, pair.first.id());
    assert_eq!(pair.caller.speak(&pair.first, 3, &[9; 160]).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_relay_that_hears_nothing_of_its_caller_yields_when_asked() {
    let pair = Pair::begin().await;
    // Longer than a working relay goes without a frame.
    tokio::time::sleep(shared::ownership::BUSY).await;
    let frame = pair.caller.take_over(&pair.second, 2, pair.lost(false)).await;
    assert_eq!(frame, (StatusCode::NO_CONTENT, Some(2)));
    assert_eq!(pair.caller.speak(&pair.first, 3, &[9; 160]).await, StatusCode::NOT_FOUND);
    assert_eq!(pair.resumed().await, Succession::TakenOver);
}

#[tokio::test]
async fn a_relay_that_does_not_answer_is_deposed_and_waited_out() {
    let pair = Pair::begin().await;
    // What a process that is stopped looks like: connections are accepted, and that is all.
    let frozen = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", frozen.local_addr().unwrap()).parse().unwrap();
    let lease = Lease { address, ..pair.lease() };
    pair.first.store.set_lease(&"CA1".into(), &lease);
    let posts_before = pair.first.gateway.seen.borrow().posts.len();
    let lost = Lost { lease, dead: false };
    let mut sequence = 2;
    let fence = loop {
        let (status, fence) = pair.caller.take_over(&pair.second, sequence, lost.clone()).await;
        sequence += 1;
        match status {
            StatusCode::ACCEPTED => tokio::time::sleep(Duration::from_millis(20)).await,
            StatusCode::NO_CONTENT => break fence,
            other => panic!("{other}"),
        }
    };
    assert_eq!(fence, Some(2));
    assert!(pair.first.store.pulse(&pair.first.id()).await.is_err(), "it was deposed");
    assert_eq!(pair.resumed().await, Succession::TakenOver);
    until(&pair.second.gateway.seen, |seen| (seen.posts.len() > posts_before).then_some(())).await;
}

#[tokio::test]
async fn a_deposed_relay_says_nothing_more_and_goes() {
    let pair = Pair::begin().await;
    pair.first.store.depose(&pair.first.id()).await.unwrap();
    pair.first.relay.calls.common().office.deposed.cancelled().await;
    pair.first.relay.calls.find(&"CA1".into()).inspect(|handle| assert!(handle.permit.fenced.is_cancelled()));
    assert!(pair.first.gateway.seen.borrow().closed.is_empty(), "the caller's socket is the successor's");
}

#[tokio::test]
async fn a_relay_that_is_about_to_go_hands_its_call_over_at_a_quiet_moment() {
    let Pair { mut model, first, second, session: _former, caller } = Pair::begin().await;
    until(&first.store.books, |books| (books.relays.len() == 2).then_some(())).await;
    let stopping = tokio::spawn(first.relay.stop());
    let _session = model.ready().await;
    stopping.await.unwrap();
    assert_eq!(resumed(&second).await, Succession::HandedOver);
    assert_eq!(caller.speak(&second, 2, &[9; 160]).await, StatusCode::NO_CONTENT);
    assert!(second.gateway.seen.borrow().closed.is_empty());
    let books = second.store.books.borrow();
    assert_eq!(books.calls[&"CA1".into()].lease.as_ref().unwrap().relay, second.id());
}

#[tokio::test]
async fn a_direct_call_of_a_relay_that_fell_silent_is_called_back() {
    let model = Model::new().await;
    let house = House::new(&model.url).await;
    let mut silent = until(&house.store.books, |books| books.relays.get(&house.id()).cloned()).await;
    silent.id = "silent".into();
    let mut call = house.call("CA1", MediaPath::Direct);
    call.lease = Some(silent.holder().lease(1));
    house.store.open_call(&call).await.unwrap();
    house.store.note_held(&silent.id, &call.sid).await.unwrap();
    house.store.register(&silent).await.unwrap();
    let watching = Settings { silent_for: Duration::from_millis(300), ..settings(&model.url) };
    let watching = house.beside(watching).await;
    let instructed = until(&watching.carrier.instructed, |instructed| instructed.first().cloned()).await;
    assert_eq!(instructed.0, call.sid);
    assert!(instructed.1.contains("https://voice.example.com/twiml/resume"), "{}", instructed.1);
    until(&house.store.books, |books| (!books.relays.contains_key(&silent.id)).then_some(())).await;
    assert!(house.store.pulse(&silent.id).await.is_err(), "it speaks for nobody any more");
}

#[tokio::test]
async fn a_frame_for_a_process_that_is_not_there_any_more_is_turned_away() {
    let Talk { house, .. } = Talk::begin().await;
    let mut stranger = Posting::new("CA1");
    stranger.relay = Some("the-one-before".to_owned());
    assert_eq!(stranger.speak(&house, 2, &[9; 160]).await, StatusCode::MISDIRECTED_REQUEST);
}
