//! What passes through: the same bytes, in order, on both paths, however slow the other side is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::json;
use shared::calls::MediaPath;

use crate::caller::{Caller, Posting, Talk, audio_of, utterance};
use crate::model::Model;
use crate::world::{House, until};

fn encoded(frames: &[Vec<u8>]) -> Vec<String> {
    frames.iter().map(|frame| STANDARD.encode(frame)).collect()
}

#[tokio::test]
async fn a_callers_frames_reach_the_model_byte_for_byte_and_in_order() {
    let Talk { model: _model, house: _house, mut session, mut caller } = Talk::begin().await;
    let frames: Vec<_> = (0..100).map(|number| utterance(1, number)).collect();
    for frame in &frames {
        caller.speak(frame).await;
    }
    assert_eq!(session.hear(100).await, encoded(&frames));
}

#[tokio::test]
async fn the_models_audio_reaches_a_direct_caller_byte_for_byte() {
    let Talk { model: _model, house: _house, mut session, mut caller } = Talk::begin().await;
    let pieces: Vec<Vec<u8>> =
        [1, 160, 161, 5_000, 3, 12_345].into_iter().map(|length| vec![length as u8; length]).collect();
    session.speak("r1", &pieces).await;
    assert_eq!(caller.hear(pieces.concat().len()).await, pieces.concat());
}

#[tokio::test]
async fn what_the_caller_says_before_the_model_is_there_is_not_lost() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Direct).await;
    let mut session = model.session().await;
    let mut caller = Caller::call(&house, "CA1").await;
    let frames: Vec<_> = (0..20).map(|number| utterance(2, number)).collect();
    for frame in &frames {
        caller.speak(frame).await;
    }
    house
        .store
        .event(&"CA1".into(), |event| matches!(event, shared::session::Event::CallerAttached { .. }).then_some(()))
        .await;
    session.configure().await;
    assert_eq!(session.hear(20).await, encoded(&frames));
}

#[tokio::test]
async fn frames_that_overtake_each_other_at_the_gateway_reach_the_model_in_order() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Gateway).await;
    let mut session = model.ready().await;
    let caller = Posting::new("CA1");
    let frames: Vec<_> = (0..40).map(|number| utterance(3, number)).collect();
    assert_eq!(caller.start(&house).await, StatusCode::NO_CONTENT);
    for pair in [1, 0, 3, 2, 5, 4, 6, 9, 8, 7].into_iter().chain(10..40) {
        assert_eq!(caller.speak(&house, pair as u64 + 2, &frames[pair]).await, StatusCode::NO_CONTENT);
    }
    assert_eq!(session.hear(40).await, encoded(&frames));
}

#[tokio::test]
async fn a_slow_gateway_gets_one_post_at_a_time_and_in_the_end_every_byte() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Gateway).await;
    let mut session = model.ready().await;
    let caller = Posting::new("CA1");
    house.gateway.shut();
    caller.start(&house).await;
    session.expect("response.create").await;
    let pieces: Vec<Vec<u8>> = (0..60).map(|number| vec![number as u8; 159 + number % 3]).collect();
    session.speak("r1", &pieces).await;
    until(&house.gateway.seen, |seen| (seen.waiting == 1).then_some(())).await;
    // The post hangs; the caller is heard all the same.
    let frames: Vec<_> = (0..30).map(|number| utterance(4, number)).collect();
    for (number, frame) in frames.iter().enumerate() {
        caller.speak(&house, number as u64 + 2, frame).await;
    }
    assert_eq!(session.hear(30).await, encoded(&frames));
    house.gateway.open();
    let spoken = pieces.concat();
    until(&house.gateway.seen, |seen| {
        let heard: usize =
            seen.posts.iter().map(|(_, text)| audio_of(&serde_json::from_str(text).unwrap()).len()).sum();
        (heard == spoken.len()).then_some(())
    })
    .await;
    let messages = house.gateway.messages(&caller.connection);
    assert_eq!(messages.iter().flat_map(audio_of).collect::<Vec<_>>(), spoken);
    let posts = messages.iter().filter(|message| message["event"] == "media").count();
    assert!(posts < pieces.len(), "{posts} posts for {} pieces", pieces.len());
    assert_eq!(house.gateway.seen.borrow().most_in_flight, 1);
}

#[tokio::test]
async fn a_clear_overtakes_the_audio_that_it_revokes() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Gateway).await;
    let mut session = model.ready().await;
    let caller = Posting::new("CA1");
    house.gateway.shut();
    caller.start(&house).await;
    session.expect("response.create").await;
    session.speak("r1", &vec![vec![7; 8_000]; 10]).await;
    until(&house.gateway.seen, |seen| (seen.waiting == 1).then_some(())).await;
    session
        .say(json!({
            "type": "input_audio_buffer.speech_started", "audio_start_ms": 100, "item_id": "item_caller",
        }))
        .await;
    session.expect("conversation.item.truncate").await;
    house.gateway.open();
    until(&house.gateway.seen, |seen| {
        seen.posts.iter().any(|(_, text)| text.contains(r#""event":"clear""#)).then_some(())
    })
    .await;
    let events: Vec<_> = house.gateway.messages(&caller.connection).iter().map(|m| m["event"].clone()).collect();
    assert_eq!(events, ["media", "clear"]);
    assert_eq!(house.metric("barge_in_seconds_count").await, 1);
}

#[tokio::test]
async fn the_gateway_is_given_time_when_it_asks_for_it_and_nothing_is_lost() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    house.prepared("CA1", MediaPath::Gateway).await;
    let mut session = model.ready().await;
    let caller = Posting::new("CA1");
    caller.start(&house).await;
    session.expect("response.create").await;
    let throttled = || shared::ports::PortError::Throttled("slow down".to_owned());
    house.gateway.faults.lock().unwrap().extend([throttled(), throttled()]);
    let pieces: Vec<Vec<u8>> = (0..20).map(|number| vec![number as u8; 160]).collect();
    session.speak("r1", &pieces).await;
    let spoken = pieces.concat();
    until(&house.gateway.seen, |seen| {
        let heard = seen.posts.iter().flat_map(|(_, text)| audio_of(&serde_json::from_str(text).unwrap()));
        (heard.collect::<Vec<_>>() == spoken).then_some(())
    })
    .await;
    assert_eq!(house.metric(r#"post_errors_total{kind="throttled"}"#).await, 2);
}

#[tokio::test]
async fn a_hundred_calls_do_not_hear_each_other() {
    let mut model = Model::new().await;
    let house = House::new(&model.url).await;
    let mut callers = Vec::new();
    for number in 0..100 {
        let sid = format!("CA{number:03}");
        house.prepared(&sid, MediaPath::Direct).await;
        let mut session = model.ready().await;
        let mut caller = Caller::call(&house, &sid).await;
        session.expect("response.create").await;
        callers.push(tokio::spawn(async move {
            let frames: Vec<_> = (0..50).map(|frame| utterance(number, frame)).collect();
            for frame in &frames {
                caller.speak(frame).await;
            }
            assert_eq!(session.hear(50).await, encoded(&frames));
            session.speak("r1", &frames).await;
            assert_eq!(caller.hear(50 * 160).await, frames.concat());
            (caller, session)
        }));
    }
    let mut open = Vec::new();
    for caller in callers {
        open.push(caller.await.unwrap());
    }
    assert_eq!(house.metric("calls").await, 100);
    assert_eq!(house.metric(r#"frames_received_total{kind="direct"}"#).await, 100 * 50);
}
