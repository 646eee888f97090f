use shared::tools::audit::ToolKind;

use super::super::testing::{CALL, CRM_KEY, World};
use super::*;

type Tools = ToolCall<World, World, World, World, World, World>;

fn tools(world: &World) -> Tools {
    let nowhere: url::Url = "http://127.0.0.1:9".parse().unwrap();
    let config = ToolsConfig {
        table: "t".to_owned(),
        weather_url: nowhere.clone(),
        geocoding_url: nowhere,
        guard: Guard::default(),
        secrets_arn: None,
        functions: Vec::new(),
    };
    let own = OwnDoors { http: world.clone(), secrets: world.clone(), functions: world.clone() };
    ToolCall::new(world.clone(), world.clone(), own, world.clone(), config)
}

fn request(name: &str, arguments: &str) -> ToolRequest {
    ToolRequest {
        sid: CALL.into(),
        call: "call_1".into(),
        name: name.to_owned(),
        arguments: arguments.into(),
        agent: "default".into(),
        own: None,
    }
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

/// Books a table, which must not happen twice.
fn booking() -> ToolRequest {
    let own = Some(Box::new(shared::testkit::own_tool()));
    ToolRequest { own, ..request("book_table", r#"{"name":"Ada"}"#) }
}

#[tokio::test]
async fn a_tool_of_ones_own_is_run_once_and_noted_without_its_words() {
    let world = World::new();
    let tools = tools(&world);
    assert_eq!(tools.handle(&booking()).await, Ok("{}".into()));
    assert_eq!(tools.handle(&booking()).await, Ok("{}".into()));
    let state = world.state();
    assert_eq!((state.tools.asked.len(), state.tools.runs.len()), (1, 1));
    let (sid, run) = &state.tools.runs[0];
    assert_eq!((sid.as_str(), run.tool.as_str(), run.status, run.attempts), (CALL, "book_table", Some(200), 1));
    assert_eq!((run.kind, run.error, run.cause.as_deref()), (ToolKind::Http, None, None));
    assert_eq!(run.definition.as_deref(), Some(shared::testkit::own_tool().fingerprint().as_str()));
    let written = serde_json::to_string(run).unwrap();
    assert!(!written.contains("Ada") && !written.contains(CRM_KEY), "{written}");
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_takes_longer_than_its_time_may_have_done_it() {
    let world = World::new();
    world.state().tools.takes = Duration::from_secs(60);
    let begun = tokio::time::Instant::now();
    let error = tools(&world).handle(&booking()).await.unwrap_err();
    assert_eq!((error, begun.elapsed()), (unknown_end(ToolErrorKind::TimedOut), Duration::from_secs(8)));
    let run = world.state().tools.runs[0].1.clone();
    assert_eq!((run.error, run.cause.as_deref(), run.attempts), (Some(ToolErrorKind::TimedOut), Some("timed_out"), 1));
}

#[tokio::test]
async fn without_a_ledger_nothing_is_done_that_must_not_be_done_twice() {
    let world = World::new();
    world.state().broken = true;
    let error = tools(&world).handle(&booking()).await.unwrap_err();
    assert_eq!((error.kind, world.state().tools.asked.len()), (ToolErrorKind::Unavailable, 0));
    assert!(error.message.contains("was not done"), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn what_another_process_died_over_is_not_begun_again() {
    let world = World::new();
    world.state().outcomes.insert("call_1".into(), None);
    let error = tools(&world).handle(&booking()).await.unwrap_err();
    assert_eq!((error, world.state().tools.asked.len()), (unknown_end(ToolErrorKind::Unavailable), 0));
}

#[tokio::test]
async fn built_in_tools_are_noted_too() {
    let world = World::new();
    let _outcome = tools(&world).handle(&request("get_weather", r#"{"place":"Berlin"}"#)).await;
    let run = world.state().tools.runs[0].1.clone();
    assert_eq!((run.kind, run.error), (ToolKind::Builtin, Some(ToolErrorKind::Unavailable)));
}
