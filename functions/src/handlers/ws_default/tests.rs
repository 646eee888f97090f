use serde_json::json;
use shared::calls::{CallStatus, Ending};

use super::super::testing::{
    CALL, CONNECTION, Delivered, MESSAGE, NOW_MS, STREAM, World, binding, frame, media, relay, start, ws_event,
};
use super::*;

type Frames = WsDefault<World, World, World>;

fn frames(world: &World) -> Frames {
    WsDefault::new(world.clone(), world.clone(), world.clone())
}

/// A call that was opened, whose stream has just connected.
fn world() -> World {
    World::new().with_call(CallStatus::Ringing).with_connection(CONNECTION).with_token("good", NOW_MS + 1)
}

async fn send(frames: &Frames, event: &RawValue) {
    assert_eq!(frames.handle(event).await.status_code, 200);
}

#[tokio::test]
async fn a_start_with_its_token_binds_the_connection_and_is_delivered() {
    let world = world();
    let frames = frames(&world);
    send(&frames, &ws_event(MESSAGE, |_| {})).await;
    send(&frames, &start("good")).await;
    let state = world.state();
    assert_eq!(state.connections[&CONNECTION.into()].binding, Some(binding()));
    assert_eq!(state.delivered.len(), 1, "`connected` says nothing about a call");
    assert!(state.delivered[0].text.contains("\"start\""));
    assert!(state.closed.is_empty());
}

#[tokio::test]
async fn frames_of_a_bound_connection_are_delivered_as_they_came_without_a_lookup() {
    let world = world();
    let frames = frames(&world);
    send(&frames, &start("good")).await;
    let looks = world.state().looks;
    for text in [media(2), "no JSON at all".to_owned(), media(3)] {
        send(&frames, &frame(&text)).await;
    }
    let state = world.state();
    assert_eq!(state.looks, looks);
    let texts: Vec<&str> = state.delivered.iter().skip(1).map(|frame| frame.text.as_str()).collect();
    assert_eq!(texts, [&media(2), "no JSON at all", &media(3)]);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_overtakes_its_start_waits_for_the_binding() {
    let world = world();
    world.state().bound_after = Some((3, binding()));
    let frames = frames(&world);
    send(&frames, &frame(&media(2))).await;
    send(&frames, &frame(&media(3))).await;
    let state = world.state();
    assert_eq!((state.delivered.len(), state.looks), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn it_does_not_wait_for_ever() {
    let world = world();
    let begun = tokio::time::Instant::now();
    send(&frames(&world), &frame(&media(2))).await;
    assert!(begun.elapsed() <= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(world.state().delivered.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_start_was_lost_is_closed_so_that_twilio_comes_back() {
    let world = world();
    let frames = frames(&world);
    world.state().passed_ms = START_PATIENCE_MS - 1;
    send(&frames, &frame(&media(2))).await;
    assert!(world.state().closed.is_empty(), "it may still be on its way");
    world.state().passed_ms = START_PATIENCE_MS;
    let begun = tokio::time::Instant::now();
    for sequence in 3..200 {
        send(&frames, &frame(&media(sequence))).await;
    }
    assert_eq!(world.state().closed, [ConnectionId::from(CONNECTION)], "once");
    assert!(begun.elapsed().is_zero(), "and its frames keep nobody waiting");
}

#[tokio::test]
async fn a_frame_of_a_connection_that_nobody_knows_is_dropped_at_once() {
    let world = World::new();
    send(&frames(&world), &frame(&media(2))).await;
    let state = world.state();
    assert_eq!((state.looks, state.delivered.len()), (1, 0));
}

#[tokio::test]
async fn a_bad_token_closes_the_socket_so_that_twilio_goes_on() {
    let expired = world().with_token("old", NOW_MS);
    let unknown = world();
    for (world, token) in [(expired, "old"), (unknown, "never-issued")] {
        send(&frames(&world), &start(token)).await;
        let state = world.state();
        assert_eq!(state.closed, [ConnectionId::from(CONNECTION)], "{token}");
        assert_eq!((state.delivered.len(), &state.connections[&CONNECTION.into()].binding), (0, &None));
    }
}

#[tokio::test]
async fn a_token_lets_one_stream_in() {
    let world = world().with_connection("Other=");
    send(&frames(&world), &start("good")).await;
    let stolen = serde_json::from_str::<serde_json::Value>(start("good").get()).unwrap();
    let again = ws_event(&stolen.to_string(), |event| event["requestContext"]["connectionId"] = json!("Other="));
    send(&frames(&world), &again).await;
    let state = world.state();
    assert_eq!(state.closed, [ConnectionId::from("Other=")]);
    assert_eq!(state.connections[&"Other=".into()].binding, None);
}

#[tokio::test]
async fn a_second_start_is_ignored_and_the_stream_goes_on() {
    let world = world();
    send(&frames(&world), &start("good")).await;
    // Another process, which has not seen the first one.
    let other = frames(&world);
    send(&other, &start("good")).await;
    assert!(world.state().closed.is_empty());
    assert_eq!(world.state().delivered.len(), 1);
    send(&other, &frame(&media(2))).await;
    assert_eq!(world.state().delivered.len(), 2);
}

#[tokio::test]
async fn a_start_that_does_not_fit_its_token_is_refused() {
    let tokenless = json!({
        "event": "start", "sequenceNumber": "1", "streamSid": STREAM,
        "start": { "accountSid": "AC1", "callSid": CALL,
                   "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 } },
    });
    let other_call = start("good").get().replace(CALL, "CA00000000000000000000000000000002");
    for event in [frame(&tokenless.to_string()), RawValue::from_string(other_call).unwrap()] {
        let world = world();
        send(&frames(&world), &event).await;
        assert_eq!(world.state().closed.len(), 1);
        assert!(world.state().delivered.is_empty());
    }
}

#[tokio::test]
async fn a_stream_of_a_call_that_is_over_or_was_given_to_no_relay_is_refused() {
    let over = world().with_call(CallStatus::Ended(Ending::CallerHungUp));
    let orphaned = world();
    orphaned.state().calls.get_mut(&CALL.into()).unwrap().lease = None;
    for world in [over, orphaned] {
        send(&frames(&world), &start("good")).await;
        assert_eq!(world.state().closed, [ConnectionId::from(CONNECTION)]);
    }
}

#[tokio::test]
async fn a_refused_socket_is_closed_by_the_next_relay_if_one_does_not_answer() {
    let world = world();
    world.state().relays = vec![relay("relay-0", 0), relay("relay-1", 1)];
    world.state().deaf = vec!["relay-0".into()];
    send(&frames(&world), &start("never-issued")).await;
    assert_eq!(world.state().closed, [ConnectionId::from(CONNECTION)]);
}

#[tokio::test]
async fn a_refused_socket_is_closed_though_the_store_is_down() {
    let world = world();
    let frames = frames(&world);
    send(&frames, &start("good")).await;
    world.state().broken = true;
    let other = ws_event(start("good").get(), |event| event["requestContext"]["connectionId"] = json!("Other="));
    send(&frames, &other).await;
    assert_eq!(world.state().closed, [ConnectionId::from("Other=")]);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_nobody_takes_does_not_hurt_the_socket() {
    for outcome in [Outcome::NotMine, Outcome::Declined, Outcome::Silent, Outcome::Dead, Outcome::Busy] {
        let world = world();
        let frames = frames(&world);
        send(&frames, &start("good")).await;
        world.state().outcomes_at = [("relay-1".into(), outcome)].into();
        send(&frames, &frame(&media(2))).await;
        let state = world.state();
        assert!((2..20).contains(&state.delivered.len()), "{:?}", state.delivered);
        assert!(state.closed.is_empty());
    }
}

/// Three relays, the first of which has the call and is in this state.
async fn after(outcome: Outcome) -> (World, Frames) {
    let world = world();
    world.state().relays = vec![relay("relay-1", 0), relay("relay-2", 7), relay("relay-3", 3)];
    let frames = frames(&world);
    send(&frames, &start("good")).await;
    let mut state = world.state();
    state.delivered.clear();
    state.outcomes_at = [("relay-1".into(), outcome)].into();
    drop(state);
    (world, frames)
}

fn told(world: &World) -> Vec<(String, bool, Option<bool>)> {
    let state = world.state();
    let dead = |frame: &Delivered| frame.lost.as_ref().map(|lost| lost.dead);
    state.delivered.iter().map(|frame| (frame.to.to_string(), frame.sole, dead(frame))).collect()
}

#[tokio::test]
async fn the_frame_that_finds_its_relay_dead_brings_the_call_to_the_best_other() {
    let (world, frames) = after(Outcome::Dead).await;
    send(&frames, &frame(&media(2))).await;
    send(&frames, &frame(&media(3))).await;
    let expected = [("relay-1", true, None), ("relay-3", true, Some(true)), ("relay-3", true, None)];
    assert_eq!(told(&world), expected.map(|(to, sole, dead)| (to.to_owned(), sole, dead)));
}

#[tokio::test]
async fn a_relay_that_lets_a_frame_wait_is_asked_again_and_then_loses_the_call() {
    let (world, frames) = after(Outcome::Silent).await;
    send(&frames, &frame(&media(2))).await;
    let expected = [("relay-1", true, None), ("relay-1", true, None), ("relay-3", false, Some(false))];
    assert_eq!(told(&world), expected.map(|(to, sole, dead)| (to.to_owned(), sole, dead)));
}

#[tokio::test(start_paused = true)]
async fn a_frame_follows_a_call_that_has_gone_to_another_relay() {
    let (world, frames) = after(Outcome::NotMine).await;
    let lease = relay("relay-2", 7).holder().lease(2);
    world.state().calls.get_mut(&CALL.into()).unwrap().lease = Some(lease);
    send(&frames, &frame(&media(2))).await;
    assert_eq!(told(&world).last().unwrap(), &("relay-2".to_owned(), true, None));
    assert_eq!(told(&world).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_frame_of_a_call_that_is_over_moves_nobody() {
    let (world, frames) = after(Outcome::NotMine).await;
    world.state().calls.get_mut(&CALL.into()).unwrap().status = CallStatus::Ended(Ending::CallerHungUp);
    send(&frames, &frame(&media(2))).await;
    let looks = world.state().looks;
    send(&frames, &frame(&media(3))).await;
    assert_eq!(told(&world), [("relay-1".to_owned(), true, None)]);
    assert_eq!(world.state().looks, looks, "that it is over is remembered");
}

#[tokio::test]
async fn garbage_is_answered_200_and_costs_no_lookup() {
    let world = world();
    let frames = frames(&world);
    for text in ["", "{}", "null", "{\"event\":\"media\"}", "{\"event\":\"party\",\"streamSid\":\"MZ1\"}", "\u{0}"] {
        send(&frames, &frame(text)).await;
    }
    let bad_payload = media(2).replace("////", "not base64");
    send(&frames, &frame(&bad_payload)).await;
    send(&frames, &ws_event(MESSAGE, |event| event["isBase64Encoded"] = json!(true))).await;
    send(&frames, &serde_json::value::to_raw_value("not an event").unwrap()).await;
    let state = world.state();
    assert_eq!((state.looks, state.writes, state.delivered.len()), (0, 0, 0));
}

#[tokio::test]
async fn a_replayed_connect_begins_no_stream_without_a_fresh_token() {
    let world = world();
    let frames = frames(&world);
    send(&frames, &start("good")).await;
    // The same signature opens another socket, over which the same `start` comes.
    world.state().connections.insert(
        "Replayed=".into(),
        shared::calls::Connection { id: "Replayed=".into(), opened_at_ms: NOW_MS, binding: None },
    );
    let mut replayed: serde_json::Value = serde_json::from_str(start("good").get()).unwrap();
    replayed["requestContext"]["connectionId"] = json!("Replayed=");
    send(&frames, &serde_json::value::to_raw_value(&replayed).unwrap()).await;
    let state = world.state();
    assert_eq!(state.closed, [ConnectionId::from("Replayed=")]);
    assert_eq!((state.delivered.len(), &state.connections[&"Replayed=".into()].binding), (1, &None));
    assert_eq!(state.connections[&CONNECTION.into()].binding, Some(binding()), "the first one is not disturbed");
}
