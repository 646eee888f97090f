use super::super::testing::{CALL, World};
use super::*;

fn tools(world: &World) -> ToolCall<World, World, World> {
    let nowhere: url::Url = "http://127.0.0.1:9".parse().unwrap();
    let config = ToolsConfig { table: "t".to_owned(), weather_url: nowhere.clone(), geocoding_url: nowhere };
    ToolCall::new(world.clone(), world.clone(), world.clone(), config)
}

fn request(name: &str, arguments: &str) -> ToolRequest {
    ToolRequest { sid: CALL.into(), call: "call_1".into(), name: name.to_owned(), arguments: arguments.into() }
}

#[tokio::test]
async fn a_tool_finds_what_is_asked_for() {
    let outcome = tools(&World::new()).handle(&request("lookup_menu", r#"{"search":"soup"}"#)).await.unwrap();
    assert!(outcome.reveal().contains("Tomato and basil soup"), "{}", outcome.reveal());
}

#[tokio::test]
async fn the_same_call_is_carried_out_once() {
    let world = World::new();
    let tools = tools(&world);
    let weather = request("get_weather", r#"{"place":"Berlin"}"#);
    let first = tools.handle(&weather).await;
    assert_eq!(first.as_ref().unwrap_err().kind, ToolErrorKind::Unavailable);
    assert_eq!(tools.handle(&weather).await, first);
    assert_eq!(world.state().fetched, 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_under_way_is_not_begun_again() {
    let world = World::new();
    world.state().outcomes.insert("call_1".into(), None);
    let begun = tokio::time::Instant::now();
    let error = tools(&world).handle(&request("get_weather", r#"{"place":"Berlin"}"#)).await.unwrap_err();
    assert_eq!((error.kind, world.state().fetched), (ToolErrorKind::Unavailable, 0));
    assert_eq!(begun.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_a_call_that_is_under_way_gets_its_outcome() {
    let world = World::new();
    world.state().outcomes.insert("call_1".into(), None);
    let elsewhere = world.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        elsewhere.state().outcomes.insert("call_1".into(), Some(Ok("{}".into())));
    });
    let outcome = tools(&world).handle(&request("get_weather", r#"{"place":"Berlin"}"#)).await;
    assert_eq!((outcome, world.state().fetched), (Ok("{}".into()), 0));
    let looks = world.state().asked_for_outcome;
    assert!((12..=14).contains(&looks), "{looks} looks in three seconds");
}

#[tokio::test]
async fn without_a_ledger_a_lookup_is_still_tried() {
    let world = World::new();
    world.state().broken = true;
    let error = tools(&world).handle(&request("get_weather", r#"{"place":"Berlin"}"#)).await.unwrap_err();
    assert_eq!((error.kind, world.state().fetched), (ToolErrorKind::Unavailable, 1));
}

#[tokio::test]
async fn bad_arguments_and_unknown_names_are_told_as_such() {
    let kind = async |name, arguments| tools(&World::new()).handle(&request(name, arguments)).await.unwrap_err().kind;
    assert_eq!(kind("get_weather", "{").await, ToolErrorKind::InvalidArguments);
    assert_eq!(kind("order_pizza", "{}").await, ToolErrorKind::UnknownTool);
}

#[tokio::test]
async fn what_a_caller_leaves_is_kept_once_and_nothing_is_promised_that_was_not() {
    let world = World::new();
    let message = request("take_message", r#"{"name":"Ann","text":"The parcel is here."}"#);
    assert!(tools(&world).handle(&message).await.is_ok());
    assert!(tools(&world).handle(&message).await.is_ok());
    let kept = world.state().messages.clone();
    assert_eq!((kept.len(), kept[0].taken_at_ms), (1, world.unix_ms()));
    world.state().broken = true;
    let callback = r#"{"number":"+15551234567","when":"2026-12-24T18:00:00Z","why":"the invoice"}"#;
    let error = tools(&world).handle(&request("schedule_callback", callback)).await.unwrap_err();
    assert_eq!((error.kind, world.state().callbacks.len()), (ToolErrorKind::Unavailable, 0));
}
