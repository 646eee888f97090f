//! Functions and relays for the tests: this very test binary, started again.
//!
//! A toy function prints every event it gets, one line each, and then does what the event says.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use local::cloud::{Cloud, Options, Program};
use serde_json::{Value, json};

const FUNCTIONS: [&str; 7] = ["twiml", "ws-connect", "ws-disconnect", "ws-default", "tool-call", "api", "ws-logs"];
const PATIENCE: Duration = Duration::from_secs(20);

/// A cloud of toy functions, without a relay.
pub(crate) async fn toy_cloud(change: impl FnOnce(&mut Options)) -> Cloud {
    Cloud::start(toy_options(change)).await.unwrap()
}

pub(crate) fn toy_options(change: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options { relays: 0, ..Options::temporary() };
    options.programs = FUNCTIONS.map(|name| (name.to_owned(), toy("toys::function"))).into();
    // Started when they are called: most tests call one or two.
    options.warm = FUNCTIONS.map(|name| (name.to_owned(), 0)).into();
    change(&mut options);
    options
}

/// This binary, as the "test" of that name.
pub(crate) fn toy(name: &str) -> Program {
    let args = [name, "--exact", "--ignored", "--nocapture", "--test-threads=1"];
    Program { path: std::env::current_exe().unwrap(), args: args.map(str::to_owned).into() }
}

/// What a function's processes have printed so far: the events they got.
pub(crate) fn events(cloud: &Cloud, function: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(cloud.logs().join(format!("{function}.log"))).unwrap_or_default();
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Waits for a condition; panics if it does not come.
pub(crate) async fn eventually<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(tokio::time::Instant::now() < deadline, "it did not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
#[ignore = "a process of the other tests"]
fn function() {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Ends with an error when the Runtime API goes away, as a real one does.
        let _ = runtime.block_on(lambda_runtime::run(service_fn(obey)));
    }
}

#[test]
#[ignore = "a process of the other tests"]
fn broken_function() {
    std::process::exit(9);
}

async fn obey(event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    let request_id = event.context.request_id;
    let event = event.payload;
    // In one piece: other processes write to the same file, and not only whole lines.
    std::io::stdout().write_all(format!("\n{event}\n").as_bytes()).unwrap();
    let told = told(&event);
    match told["do"].as_str() {
        Some("fail") => Err(Diagnostic { error_type: "Toy.Told".into(), error_message: "as told".into() }),
        Some("panic") => panic!("as told"),
        Some("exit") => std::process::exit(3),
        Some("hang") => std::future::pending().await,
        Some("sleep") => {
            tokio::time::sleep(Duration::from_millis(told["ms"].as_u64().unwrap())).await;
            Ok(answer(&event, &request_id))
        }
        Some("answer") => Ok(told["answer"].clone()),
        _ => Ok(answer(&event, &request_id)),
    }
}

/// The command in an event: in its body, its query, its headers or itself.
fn told(event: &Value) -> Value {
    let body = event["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
    let by_header = || event["headers"]["x-told"].as_str().and_then(|told| serde_json::from_str(told).ok());
    let by_query = || event["queryStringParameters"]["told"].as_str().and_then(|told| serde_json::from_str(told).ok());
    body.or_else(by_query).or_else(by_header).unwrap_or_else(|| event.clone())
}

fn answer(event: &Value, request_id: &str) -> Value {
    let report = json!({ "pid": std::process::id(), "request_id": request_id, "event": event });
    if event["requestContext"].is_object() {
        json!({ "statusCode": 200, "headers": { "content-type": "application/json" }, "body": report.to_string() })
    } else {
        report
    }
}

/// Serves `/health` and echoes on `/call` until it is asked to end.
#[test]
#[ignore = "a process of the other tests"]
fn relay() {
    if std::env::var_os("RELAY_LISTEN").is_some() {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            tokio::select! {
                () = listen("RELAY_LISTEN") => {}
                () = listen("RELAY_PUBLIC_LISTEN") => {}
                () = asked_to_end() => println!("\n\"drained\""),
            }
        });
    }
}

/// Does not end when it is asked to.
#[test]
#[ignore = "a process of the other tests"]
fn stubborn_relay() {
    if std::env::var_os("RELAY_LISTEN").is_some() {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            tokio::spawn(async {
                loop {
                    asked_to_end().await;
                }
            });
            listen("RELAY_LISTEN").await;
        });
    }
}

async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::terminate()).unwrap().recv().await;
}

async fn listen(variable: &str) {
    use ::http::HeaderMap;
    use axum::extract::ws::WebSocketUpgrade;
    use axum::routing::get;
    let upgrade = |headers: HeaderMap, upgrade: WebSocketUpgrade| async move {
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let seen = json!({ "signature": header("x-twilio-signature"), "proto": header("x-forwarded-proto"),
            "host": header("host"), "pid": std::process::id() });
        upgrade.on_upgrade(|mut socket| async move {
            let _ = socket.send(seen.to_string().into()).await;
            while let Some(Ok(message)) = socket.recv().await {
                let _ = socket.send(message).await;
            }
        })
    };
    let router = axum::Router::new().route("/health", get(|| async { "OK" })).route("/call", get(upgrade));
    let listener = tokio::net::TcpListener::bind(std::env::var(variable).unwrap()).await.unwrap();
    axum::serve(listener, router).await.unwrap();
}

/// A whole cloud in a process of its own, so that it can be killed. `TOY_FOLDER` is where it keeps its things.
#[test]
#[ignore = "a process of the other tests"]
fn cloud() {
    if let Some(folder) = std::env::var_os("TOY_FOLDER") {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let _cloud = toy_cloud(|options| {
                options.data = local::cloud::Data::Folder(PathBuf::from(folder));
                options.relays = 1;
                options.model_url = Some("ws://127.0.0.1:1/v1/realtime".parse().unwrap());
                options.warm.clear();
                options.programs.insert("relay".to_owned(), toy("toys::relay"));
            })
            .await;
            println!("\n\"started\"");
            std::future::pending::<()>().await;
        });
    }
}
