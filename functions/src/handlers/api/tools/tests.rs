use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use serde_json::{Value, json};
use shared::calls::CallStatus;
use shared::tools::audit::ToolRun;
use shared::tools::own::Tally;
use shared::tools::{ToolError, ToolErrorKind};

use super::super::super::testing::{CALL, Http, NOW_MS, PUBLIC_URL, World};
use super::super::tests::{api, ask, json_of, text};
use super::*;

async fn trial(world: &World, pointer: &str, value: Value) -> ApiGatewayV2httpResponse {
    let mut trial = json!({ "tool": shared::testkit::own_tool(), "arguments": { "name": "Ada" } });
    if let Some((parent, field)) = pointer.rsplit_once('/') {
        trial.pointer_mut(parent).unwrap()[field] = value;
    }
    let mut event = Http::post("/api/tools/try").header("authorization", "Bearer console-token").event();
    (event.body, event.is_base64_encoded) = (Some(trial.to_string()), false);
    api(world, PUBLIC_URL, Some("console-token")).handle(event).await
}

async fn tried(world: &World) -> Value {
    let answer = trial(world, "", json!(null)).await;
    assert_eq!(answer.status_code, 200);
    serde_json::from_str(&text(&answer)).unwrap()
}

#[tokio::test]
async fn a_tool_is_tried_by_the_function_that_runs_tools() {
    let world = World::new();
    world.state().tools.outcome = Some(Ok(r#"{"booked":true}"#.into()));
    assert_eq!(tried(&world).await, json!({ "outcome": { "ok": { "booked": true } }, "run": null }));
    let request = world.state().tools.requested.remove(0);
    assert_eq!(
        (request.own.as_deref(), request.arguments.reveal().as_str()),
        (Some(&shared::testkit::own_tool()), r#"{"name":"Ada"}"#)
    );
    let run = ToolRun::of(&request, &Ok("{}".into()), Tally::default(), NOW_MS, 40);
    world.state().tools.runs.push((request.sid, run));
    world.state().tools.outcome =
        Some(Err(ToolError::new(ToolErrorKind::Unavailable, "The service cannot be reached.")));
    let tried = tried(&world).await;
    assert_eq!(tried["outcome"]["error"]["message"], "The service cannot be reached.");
    assert_eq!((&tried["run"]["tool"], &tried["run"]["took_ms"]), (&json!("book_table"), &json!(40)));
}

#[tokio::test]
async fn a_tool_with_faults_is_not_tried_and_all_of_them_are_told() {
    let world = World::new();
    let answer = trial(&world, "/tool/target/url", json!("http://169.254.169.254/{nobody}")).await;
    assert_eq!(
        (answer.status_code, answer.headers["content-type"].to_str().unwrap()),
        (422, "application/problem+json")
    );
    let problem: Value = serde_json::from_str(&text(&answer)).unwrap();
    assert_eq!(problem["errors"][0]["pointer"], "#/target/url");
    for (pointer, value, status) in [
        ("/tool/parameters", json!({ "type": "strange" }), 422),
        ("/tool/target/method", json!("BREW"), 422),
        ("/tool/nonsense", json!(1), 400),
        ("/tool", json!("x".repeat(70_000)), 413),
    ] {
        assert_eq!(trial(&world, pointer, value).await.status_code, status, "{pointer}");
    }
    assert!(world.state().tools.requested.is_empty());
}

#[tokio::test]
async fn the_tools_of_a_call_are_told_to_whom_may_see_the_call() {
    let world = World::new().with_call(CallStatus::InProgress);
    let request =
        ToolRequest { sid: CALL.into(), ..asked(Trial { tool: shared::testkit::own_tool(), arguments: json!({}) }, 0) };
    let run = ToolRun::of(&request, &Ok("{}".into()), Tally::default(), NOW_MS, 40);
    world.state().tools.runs.push((CALL.into(), run));
    let path = format!("/api/calls/{CALL}/tools");
    assert_eq!(json_of(&world, Http::get(&path)).await["tools"][0]["kind"], "http");
    for request in [Http::get(&path), Http::post("/api/tools/try")] {
        let bare = api(&world, PUBLIC_URL, Some("console-token")).handle(request.event()).await;
        assert_eq!(bare.status_code, 401);
    }
    let nobody = Http::get("/api/calls/CA00000000000000000000000000000009/tools");
    assert_eq!(ask(&world, nobody).await.status_code, 404);
    assert_eq!(ask(&world, Http::get("/api/tools/try")).await.status_code, 405);
}
