//! One session of the model's after another in the same call, over real sockets.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use shared::calls::MediaPath;
use shared::session::Event;

use crate::caller::{Caller, utterance};
use crate::model::{Manner, Model, Session};
use crate::world::House;

/// A direct call whose sessions are to be renewed after 300 ms; nobody has anything to say.
async fn begin(model: &mut Model) -> (House, Session, Caller) {
    let house = House::new(&model.url).await;
    let mut call = house.call("CA1", MediaPath::Direct);
    call.agent.limits.renew_after = Some(Duration::from_millis(300));
    house.prepare(call).await;
    let mut session = model.ready().await;
    let caller = Caller::call(&house, "CA1").await;
    session.expect("response.create").await;
    session.say(json!({ "type": "response.created", "response": { "id": "r1", "status": "in_progress" } })).await;
    session.say(json!({ "type": "response.done", "response": { "id": "r1", "status": "completed" } })).await;
    session
        .say(json!({
            "type": "conversation.item.input_audio_transcription.completed", "event_id": "e", "item_id": "u1",
            "content_index": 0, "transcript": "My name is Ada.",
        }))
        .await;
    (house, session, caller)
}

async fn speak(caller: &mut Caller, numbers: std::ops::Range<usize>) -> Vec<String> {
    let mut said = Vec::new();
    for number in numbers {
        let frame = utterance(1, number);
        caller.speak(&frame).await;
        said.push(STANDARD.encode(frame));
    }
    said
}

async fn renewed(house: &House) -> bool {
    let quiet = |event: &Event| match event {
        Event::ModelRenewed { quiet, .. } => Some(*quiet),
        _ => None,
    };
    house.store.event(&"CA1".into(), quiet).await
}

#[tokio::test]
async fn a_second_session_takes_over_and_each_frame_is_heard_once() {
    let mut model = Model::new().await;
    let (house, mut first, mut caller) = begin(&mut model).await;
    let mut second = model.session().await;
    let before = speak(&mut caller, 0..10).await;
    assert_eq!(first.hear(10).await, before);
    second.configure().await;
    assert!(renewed(&house).await);
    let after = speak(&mut caller, 10..20).await;
    let told = second.expect("conversation.item.create").await;
    assert_eq!(told["item"]["content"][0]["text"], "My name is Ada.");
    assert_eq!(second.hear(20).await, [before, after].concat(), "the last second, and what follows it");
    assert_eq!(first.next().await, None, "nothing more is said to the first one");
    second.say(json!({ "type": "input_audio_buffer.committed", "event_id": "e", "item_id": "u2" })).await;
    second.expect("response.create").await;
    assert_eq!(house.metric(r#"model_renewals_total{kind="quiet"}"#).await, 1);
}

#[tokio::test]
async fn a_session_goes_on_while_its_successor_cannot_be_had() {
    let mut model = Model::with([Manner::Speaks, Manner::Status(503), Manner::Drops, Manner::Speaks]).await;
    let (house, mut first, mut caller) = begin(&mut model).await;
    let mut fourth = model.session().await;
    let before = speak(&mut caller, 0..5).await;
    assert_eq!(first.hear(5).await, before);
    fourth.configure().await;
    assert!(renewed(&house).await);
    assert_eq!(fourth.hear(5).await, before);
    assert_eq!(house.metric(r#"model_renewals_total{kind="failed"}"#).await, 2);
    assert_eq!(house.metric(r#"calls "#).await, 1);
}
