//! Lambda: environments, errors, timeouts, limits, as the real client of `Invoke` sees them.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use local::cloud::{Cloud, Program};
use serde_json::{Value, json};

use crate::toys::{events, eventually, toy, toy_cloud};

fn client(cloud: &Cloud) -> Client {
    let config = aws_sdk_lambda::config::Builder::from(&cloud.sdk_config()).endpoint_url(cloud.lambda_url());
    // A test wants to see a refusal, not to have it repaired.
    Client::from_conf(config.retry_config(aws_sdk_lambda::config::retry::RetryConfig::disabled()).build())
}

async fn invoke(cloud: &Cloud, event: Value) -> InvokeOutput {
    let payload = Blob::new(event.to_string());
    client(cloud).invoke().function_name("tool-call").payload(payload).send().await.unwrap()
}

fn payload(output: &InvokeOutput) -> Value {
    serde_json::from_slice(output.payload().unwrap().as_ref()).unwrap()
}

async fn pid(cloud: &Cloud) -> u64 {
    payload(&invoke(cloud, json!({})).await)["pid"].as_u64().unwrap()
}

#[tokio::test]
async fn an_invocation_is_answered() {
    let cloud = toy_cloud(|_| {}).await;
    let output = invoke(&cloud, json!({ "hello": "é\"" })).await;
    assert_eq!(output.status_code(), 200);
    assert_eq!(output.function_error(), None);
    assert_eq!(payload(&output)["event"], json!({ "hello": "é\"" }));
    assert_eq!(payload(&output)["request_id"].as_str().unwrap().len(), 36);
    cloud.stop().await;
}

#[tokio::test]
async fn an_environment_stays_warm() {
    let cloud = toy_cloud(|_| {}).await;
    let first = pid(&cloud).await;
    assert_eq!(pid(&cloud).await, first);
    cloud.stop().await;
}

#[tokio::test]
async fn an_error_is_a_typed_result() {
    let cloud = toy_cloud(|_| {}).await;
    for (told, message) in [("fail", "as told"), ("panic", "Lambda panicked: as told")] {
        let output = invoke(&cloud, json!({ "do": told })).await;
        assert_eq!(output.function_error(), Some("Unhandled"));
        assert_eq!(payload(&output)["errorMessage"], message);
        assert!(payload(&output)["errorType"].is_string());
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_process_that_dies_fails_its_invocation_and_is_replaced() {
    let cloud = toy_cloud(|_| {}).await;
    let before = pid(&cloud).await;
    let output = invoke(&cloud, json!({ "do": "exit" })).await;
    assert_eq!(output.function_error(), Some("Unhandled"));
    assert_eq!(payload(&output)["errorType"], "Runtime.ExitError");
    assert!(payload(&output)["errorMessage"].as_str().unwrap().contains("exit status: 3"));
    assert_ne!(pid(&cloud).await, before);
    cloud.stop().await;
}

#[tokio::test]
async fn a_process_that_takes_too_long_is_killed() {
    let timeout = Duration::from_millis(300);
    let cloud = toy_cloud(|options| options.timeouts = [("tool-call".to_owned(), timeout)].into()).await;
    let before = pid(&cloud).await;
    let output = invoke(&cloud, json!({ "do": "hang" })).await;
    assert_eq!(payload(&output)["errorType"], "Sandbox.Timedout");
    assert!(payload(&output)["errorMessage"].as_str().unwrap().ends_with("Task timed out after 0.30 seconds"));
    assert_ne!(pid(&cloud).await, before);
    assert!(!std::path::Path::new(&format!("/proc/{before}")).exists());
    cloud.stop().await;
}

#[tokio::test]
async fn a_program_that_does_not_start_is_an_error_and_not_a_wait() {
    let missing = Program { path: "no-such-program".into(), args: Vec::new() };
    for (program, error_type) in
        [(toy("toys::broken_function"), "Runtime.ExitError"), (missing, "Runtime.InvalidEntrypoint")]
    {
        let cloud = toy_cloud(|options| drop(options.programs.insert("tool-call".to_owned(), program))).await;
        let output = invoke(&cloud, json!({})).await;
        assert_eq!(payload(&output)["errorType"], error_type);
        cloud.stop().await;
    }
}

#[tokio::test]
async fn invocations_run_side_by_side_each_in_a_process_of_its_own() {
    let cloud = toy_cloud(|_| {}).await;
    let began = std::time::Instant::now();
    let told = json!({ "do": "sleep", "ms": 1500 });
    let outputs = tokio::join!(invoke(&cloud, told.clone()), invoke(&cloud, told.clone()), invoke(&cloud, told));
    let pids: BTreeSet<u64> =
        [outputs.0, outputs.1, outputs.2].iter().map(|output| payload(output)["pid"].as_u64().unwrap()).collect();
    assert_eq!(pids.len(), 3);
    assert!(began.elapsed() < Duration::from_millis(4500), "one after the other");
    cloud.stop().await;
}

#[tokio::test]
async fn beyond_the_limit_invoke_is_throttled() {
    let cloud = toy_cloud(|options| options.environments = [("tool-call".to_owned(), 1)].into()).await;
    let hanging = client(&cloud).invoke().function_name("tool-call").payload(Blob::new(r#"{"do":"hang"}"#));
    let hanging = tokio::spawn(hanging.send());
    eventually(|| (!events(&cloud, "tool-call").is_empty()).then_some(())).await;
    let error = client(&cloud).invoke().function_name("tool-call").send().await.unwrap_err();
    assert!(error.into_service_error().is_too_many_requests_exception());
    cloud.stop().await;
    assert!(hanging.await.unwrap().is_err() || cfg!(unix));
}

#[tokio::test]
async fn an_event_invocation_does_not_wait() {
    let cloud = toy_cloud(|_| {}).await;
    let told = Blob::new(r#"{"do":"sleep","ms":100,"later":true}"#);
    let request = client(&cloud).invoke().function_name("tool-call").payload(told);
    let output = request.invocation_type(aws_sdk_lambda::types::InvocationType::Event).send().await.unwrap();
    assert_eq!(output.status_code(), 202);
    eventually(|| events(&cloud, "tool-call").iter().any(|event| event["later"] == true).then_some(())).await;
    cloud.stop().await;
}

#[tokio::test]
async fn an_unknown_function_is_not_found() {
    let cloud = toy_cloud(|_| {}).await;
    let error = client(&cloud).invoke().function_name("nobody").send().await.unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
    cloud.stop().await;
}

#[tokio::test]
async fn only_our_own_processes_may_invoke() {
    let (cloud, other) = tokio::join!(toy_cloud(|_| {}), toy_cloud(|_| {}));
    let config = aws_sdk_lambda::config::Builder::from(&other.sdk_config()).endpoint_url(cloud.lambda_url()).build();
    let error = Client::from_conf(config).invoke().function_name("tool-call").send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 403);
    assert!(events(&cloud, "tool-call").is_empty());
    tokio::join!(cloud.stop(), other.stop());
}

#[tokio::test]
async fn warm_environments_are_there_before_anybody_calls() {
    let cloud = toy_cloud(|options| options.warm = [("tool-call".to_owned(), 2)].into()).await;
    let function = cloud.functions().get("tool-call").unwrap();
    assert_eq!(function.environments(), 2);
    pid(&cloud).await;
    assert_eq!(function.environments(), 2);
    cloud.stop().await;
}
