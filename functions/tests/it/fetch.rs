//! GETs for tools, and frames for relays: bounded, honest, and not stopped by a connection that has died.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get, post};
use functions::adapters::http_fetch::HttpFetch;
use functions::adapters::relay_frames::FramePosts;
use serde_json::json;
use shared::calls::Binding;
use shared::ports::{Delivery, Fetch, PortError, RelayFrames};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

use crate::http_server::serve;

async fn weather() -> Url {
    serve(
        Router::new()
            .route("/sunny", get(async || r#"{"sky":"clear"}"#))
            .route("/html", get(async || "<html>"))
            .route("/busy", get(async || StatusCode::TOO_MANY_REQUESTS))
            .route("/down", get(async || StatusCode::BAD_GATEWAY))
            .route("/endless", get(async || format!("\"{}\"", "x".repeat(300 * 1024)))),
    )
    .await
}

#[tokio::test]
async fn an_answer_is_json_or_an_honest_fault() {
    let (url, fetch) = (weather().await, HttpFetch::new());
    let get = async |path: &str| fetch.get_json(&url.join(path).unwrap()).await;
    assert_eq!(get("/sunny?place=Berlin").await, Ok(json!({ "sky": "clear" })));
    assert!(matches!(get("/html").await, Err(PortError::Corrupt(_))));
    assert!(matches!(get("/busy").await, Err(PortError::Throttled(_))));
    assert_eq!(get("/down").await, Err(PortError::Unavailable("the service answered 502".to_owned())));
    assert!(matches!(get("/endless").await, Err(PortError::Corrupt(_))));
}

#[tokio::test]
async fn no_fault_says_what_was_asked_for() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url: Url = format!("http://{closed}/forecast?place=Springfield").parse().unwrap();
    let error = HttpFetch::new().get_json(&url).await.unwrap_err();
    assert_eq!(error, PortError::Unavailable("the service cannot be reached".to_owned()));
}

fn binding(address: Url) -> Binding {
    Binding { call: "CA1".into(), stream: "MZ1".into(), relay: "relay".into(), address }
}

#[tokio::test]
async fn a_frame_reaches_the_relay_under_its_connections_name() {
    let take = async |Path(id): Path<String>, headers: HeaderMap, body: String| match id.as_str() {
        "I8mz/c2b=" => {
            assert_eq!(
                (&headers["x-call-sid"], &headers["x-stream-sid"]),
                (&"CA1".parse().unwrap(), &"MZ1".parse().unwrap())
            );
            assert_eq!(body, "{\"event\":\"media\"}");
            StatusCode::NO_CONTENT
        }
        "draining=" => StatusCode::SERVICE_UNAVAILABLE,
        "odd=" => StatusCode::IM_A_TEAPOT,
        _ => StatusCode::NOT_FOUND,
    };
    let forget = async |Path(id): Path<String>| {
        assert_eq!(id, "I8mz/c2b=");
        StatusCode::NO_CONTENT
    };
    let relay = binding(serve(Router::new().route("/frames/{id}", post(take).merge(delete(forget)))).await);
    let posts = FramePosts::new().unwrap();
    let frame = "{\"event\":\"media\"}";
    assert_eq!(posts.deliver(&"I8mz/c2b=".into(), &relay, frame).await, Ok(Delivery::Taken));
    assert_eq!(posts.deliver(&"draining=".into(), &relay, frame).await, Ok(Delivery::Draining));
    assert_eq!(posts.deliver(&"unknown=".into(), &relay, frame).await, Ok(Delivery::NotMine));
    assert!(matches!(posts.deliver(&"odd=".into(), &relay, frame).await, Err(PortError::Unavailable(_))));
    assert_eq!(posts.closed(&"I8mz/c2b=".into(), &relay).await, Ok(()));
}

#[tokio::test]
async fn a_kept_connection_that_has_died_costs_no_frame() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = binding(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
    // Answers one request a connection, promises to keep it, and drops it when the next one comes.
    let server = tokio::spawn(async move {
        let mut requests = 0;
        while requests < 2 {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 4096];
            assert!(socket.read(&mut buffer).await.unwrap() > 0);
            socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            requests += 1;
            if requests < 2 {
                assert!(socket.read(&mut buffer).await.unwrap() > 0);
            }
        }
    });
    let posts = FramePosts::new().unwrap();
    assert_eq!(posts.deliver(&"I8=".into(), &relay, "1").await, Ok(Delivery::Taken));
    assert_eq!(posts.deliver(&"I8=".into(), &relay, "2").await, Ok(Delivery::Taken));
    server.await.unwrap();
}

#[tokio::test]
async fn a_relay_that_says_nothing_is_not_waited_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = binding(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
    let begun = tokio::time::Instant::now();
    let error = FramePosts::new().unwrap().deliver(&"I8=".into(), &relay, "1").await.unwrap_err();
    assert_eq!(error, PortError::Unavailable("the relay did not answer in time".to_owned()));
    assert!(begun.elapsed() < Duration::from_secs(4));
}
