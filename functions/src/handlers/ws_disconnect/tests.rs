use serde_json::json;

use super::super::testing::{CONNECTION, DISCONNECT, World, binding, ws_event};
use super::*;

fn disconnect(world: &World) -> WsDisconnect<World, World> {
    WsDisconnect::new(world.clone(), world.clone())
}

#[tokio::test]
async fn the_relay_is_told_and_the_socket_forgotten() {
    let world = World::new().with_connection(CONNECTION);
    world.state().connections.get_mut(&CONNECTION.into()).unwrap().binding = Some(binding());
    assert_eq!(disconnect(&world).handle(&ws_event(DISCONNECT, |_| {})).await.status_code, 200);
    let state = world.state();
    assert_eq!(state.told_closed, [CONNECTION.into()]);
    assert!(state.connections.is_empty());
}

#[tokio::test]
async fn a_socket_that_was_never_bound_is_forgotten_quietly() {
    let world = World::new().with_connection(CONNECTION);
    assert_eq!(disconnect(&world).handle(&ws_event(DISCONNECT, |_| {})).await.status_code, 200);
    assert!(world.state().told_closed.is_empty());
}

#[tokio::test]
async fn a_control_channel_is_taken_off_its_relay() {
    let world = World::new();
    world.state().controls.insert(CONNECTION.into(), "relay-1".into());
    let event = ws_event(DISCONNECT, |event| event["requestContext"]["stage"] = json!("control"));
    assert_eq!(disconnect(&world).handle(&event).await.status_code, 200);
    assert!(world.state().controls.is_empty());
}

#[tokio::test]
async fn whatever_happens_the_gateway_hears_200() {
    let world = World::new();
    world.state().broken = true;
    assert_eq!(disconnect(&world).handle(&ws_event(DISCONNECT, |_| {})).await.status_code, 200);
    let garbage = serde_json::value::to_raw_value(&json!([1, 2])).unwrap();
    assert_eq!(disconnect(&World::new()).handle(&garbage).await.status_code, 200);
}
