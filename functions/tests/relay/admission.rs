//! Who is let in, and what the others get.

use http::StatusCode;
use shared::calls::{Ending, MediaPath};
use shared::ports::{PortError, WriteCall as _};
use shared::session::Event;
use tokio_tungstenite::tungstenite::Error;

use crate::caller::{Caller, Posting, dial, signature};
use crate::model::Model;
use crate::world::{House, holder};

fn status(refused: Result<crate::caller::Socket, Error>) -> u16 {
    match refused.unwrap_err() {
        Error::Http(response) => response.status().as_u16(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_upgrade_without_a_good_signature_is_forbidden_and_leaves_no_trace() {
    let model = Model::new().await;
    let house = House::new(&model.url).await;
    house.webhook("CA1", MediaPath::Direct).await;
    assert_eq!(status(dial(&house, None).await), 403);
    assert_eq!(status(dial(&house, Some("Zm9yZ2Vk")).await), 403);
    assert_eq!(status(dial(&house, Some(&signature("wss://elsewhere.example.com/call"))).await), 403);
    let books = house.store.books.borrow();
    assert_eq!((books.tokens.len(), books.events.len()), (1, 0));
    assert_eq!(house.relay.calls.count(), 0);
}

#[tokio::test]
async fn a_request_that_does_not_upgrade_is_told_to() {
    let model = Model::new().await;
    let house = House::new(&model.url).await;
    let url = format!("http://{}/call", house.relay.listening.public);
    assert_eq!(reqwest::get(url).await.unwrap().status(), StatusCode::UPGRADE_REQUIRED);
}

#[tokio::test]
async fn a_token_works_once() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Direct).await;
    let mut session = model.ready().await;
    let mut first = Caller::call(&house, "CA1").await;
    session.expect("response.create").await;
    let mut second = Caller::call(&house, "CA1").await;
    second.closed().await;
    first.speak(&[1; 160]).await;
    assert_eq!(session.hear(1).await.len(), 1);
    assert_eq!(house.metric(r#"streams_refused_total{kind="bad_token"}"#).await, 1);
}

#[tokio::test]
async fn a_token_of_another_call_is_refused() {
    let model = Model::new().await;
    let house = House::new(&model.url).await;
    house.webhook("CA1", MediaPath::Direct).await;
    house.webhook("CA2", MediaPath::Direct).await;
    Caller::with_token(&house, "CA1", "token-CA2").await.closed().await;
    Caller::with_token(&house, "CA1", "made-up").await.closed().await;
    assert_eq!(house.relay.calls.count(), 0);
    assert_eq!(house.metric(r#"streams_refused_total{kind="bad_token"}"#).await, 2);
}

#[tokio::test]
async fn a_stream_whose_announcement_was_lost_opens_its_call() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.webhook("CA1", MediaPath::Direct).await;
    let _caller = Caller::call(&house, "CA1").await;
    model.ready().await.expect("response.create").await;
}

#[tokio::test]
async fn a_store_that_does_not_answer_for_a_moment_costs_no_stream() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.webhook("CA1", MediaPath::Direct).await;
    let busy = || PortError::Throttled("busy".to_owned());
    house.store.unread.lock().unwrap().extend([busy(), busy()]);
    let mut caller = Caller::call(&house, "CA1").await;
    let mut session = model.ready().await;
    caller.speak(&[1; 160]).await;
    assert_eq!(session.hear(1).await.len(), 1);
    assert_eq!(house.metric(r#"streams_refused_total{kind="store"}"#).await, 0);
}

#[tokio::test]
async fn a_frame_whose_announcement_was_lost_opens_its_call_once() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.webhook("CA1", MediaPath::Gateway).await;
    let caller = Posting::new("CA1");
    let posts = (0..20).map(|number| {
        let (caller, house) = (caller.clone(), &house);
        async move { caller.speak(house, number + 2, &[number as u8; 160]).await }
    });
    let answers = futures_util::future::join_all(posts).await;
    assert!(answers.iter().all(|status| *status == StatusCode::NO_CONTENT), "{answers:?}");
    caller.start(&house).await;
    assert_eq!(model.ready().await.hear(20).await.len(), 20);
    assert_eq!(house.metric("calls_opened_total").await, 1);
}

#[tokio::test]
async fn frames_of_calls_that_are_not_ours_are_refused() {
    let model = Model::new().await;
    let house = House::new(&model.url).await;
    assert_eq!(Posting::new("CA-unknown").start(&house).await, StatusCode::NOT_FOUND);
    let mut others = house.call("CA-others", MediaPath::Gateway);
    others.lease = Some(holder("another").lease(1));
    house.store.open_call(&others).await.unwrap();
    assert_eq!(Posting::new("CA-others").start(&house).await, StatusCode::NOT_FOUND);
    house.webhook("CA-over", MediaPath::Gateway).await;
    house.store.end_call(&"CA-over".into(), Ending::CallerHungUp).await.unwrap();
    assert_eq!(Posting::new("CA-over").start(&house).await, StatusCode::NOT_FOUND);
    assert_eq!(house.relay.calls.count(), 0);
}

#[tokio::test]
async fn a_call_that_another_holds_follows_its_socket() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.webhook("CA-moved", MediaPath::Direct).await;
    house.store.steal(&"CA-moved".into());
    let _caller = Caller::call(&house, "CA-moved").await;
    model.ready().await.expect("response.create").await;
    let lease = house.store.books.borrow().calls[&"CA-moved".into()].lease.clone().unwrap();
    assert_eq!(lease, house.relay.calls.common().me.lease(3));
}

#[tokio::test]
async fn a_relay_that_is_full_says_so() {
    let model = Model::new().await;
    let house = House::with({
        let mut settings = crate::world::settings(&model.url);
        settings.most_calls = 1;
        settings
    })
    .await;
    house.prepared("CA1", MediaPath::Gateway).await;
    house.webhook("CA2", MediaPath::Gateway).await;
    assert_eq!(Posting::new("CA2").start(&house).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(Posting::new("CA1").start(&house).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_stream_that_comes_back_continues_the_call() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Gateway).await;
    let mut session = model.ready().await;
    let mut caller = Posting::new("CA1");
    caller.start(&house).await;
    session.expect("response.create").await;
    assert_eq!(caller.disconnect(&house).await, StatusCode::NO_CONTENT);
    house.store.event(&"CA1".into(), |event| matches!(event, Event::CallerDetached).then_some(())).await;
    // A late frame of the lost stream does not bring it back.
    caller.speak(&house, 2, &[1; 160]).await;
    let late = caller.clone();
    (caller.stream, caller.connection) = ("MZ-second".to_owned(), "second=".to_owned());
    caller.start(&house).await;
    late.speak(&house, 3, &[2; 160]).await;
    caller.speak(&house, 2, &[3; 160]).await;
    use base64::Engine as _;
    assert_eq!(session.hear(1).await, [base64::engine::general_purpose::STANDARD.encode([3; 160])]);
}
