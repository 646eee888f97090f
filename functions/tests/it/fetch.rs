//! GETs for tools, and frames for relays: bounded, honest, and not stopped by a connection that has died.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get, post};
use functions::adapters::http_fetch::HttpFetch;
use functions::adapters::relay_frames::FramePosts;
use serde_json::json;
use shared::calls::Holder;
use shared::ownership::{Lost, Outcome};
use shared::ports::{Fetch, Frame, Peers, PortError, RelayFrames, Yielding};
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

fn holder(address: Url) -> Holder {
    Holder { relay: "relay".into(), address }
}

/// A frame of this connection's on its way to a relay.
async fn deliver(connection: &str, to: &Holder, text: &str, lost: Option<&Lost>) -> Outcome {
    let (connection, call, stream) = (connection.into(), "CA1".into(), "MZ1".into());
    let frame = Frame { connection: &connection, call: &call, stream: &stream, text, sole: true, lost };
    FramePosts::new().unwrap().deliver(&frame, to, Duration::from_millis(300)).await
}

#[tokio::test]
async fn a_frame_reaches_the_relay_under_its_connections_name() {
    let take = async |Path(id): Path<String>, headers: HeaderMap, body: String| {
        let fence = [("x-fence", "3")];
        match id.as_str() {
            "I8mz/c2b=" => {
                let said =
                    ["x-call-sid", "x-stream-sid", "x-relay", "x-sole"].map(|name| headers[name].to_str().unwrap());
                assert_eq!((said, body.as_str()), (["CA1", "MZ1", "relay", "1"], "{\"event\":\"media\"}"));
                (StatusCode::NO_CONTENT, fence)
            }
            "lost=" => {
                let lost: Lost = serde_json::from_str(headers["x-lost"].to_str().unwrap()).unwrap();
                assert_eq!((lost.lease.fence, lost.dead), (2, true));
                (StatusCode::ACCEPTED, fence)
            }
            "full=" => (StatusCode::TOO_MANY_REQUESTS, fence),
            "draining=" => (StatusCode::SERVICE_UNAVAILABLE, fence),
            "works=" => (StatusCode::LOCKED, fence),
            "claimed=" => (StatusCode::CONFLICT, fence),
            "another=" => (StatusCode::MISDIRECTED_REQUEST, fence),
            "odd=" => (StatusCode::IM_A_TEAPOT, fence),
            _ => (StatusCode::NOT_FOUND, fence),
        }
    };
    let forget = async |Path(id): Path<String>| {
        assert_eq!(id, "I8mz/c2b=");
        StatusCode::NO_CONTENT
    };
    let relay = holder(serve(Router::new().route("/frames/{id}", post(take).merge(delete(forget)))).await);
    let frame = "{\"event\":\"media\"}";
    let lost = Lost { lease: holder(relay.address.clone()).lease(2), dead: true };
    assert_eq!(deliver("lost=", &relay, frame, Some(&lost)).await, Outcome::Kept);
    for (connection, outcome) in [
        ("I8mz/c2b=", Outcome::Taken { fence: 3 }),
        ("full=", Outcome::Taken { fence: 3 }),
        ("draining=", Outcome::Declined),
        ("works=", Outcome::Busy),
        ("claimed=", Outcome::Claimed),
        ("another=", Outcome::Dead),
        ("unknown=", Outcome::NotMine),
        ("odd=", Outcome::NotMine),
    ] {
        assert_eq!(deliver(connection, &relay, frame, None).await, outcome, "{connection}");
    }
    let posts = FramePosts::new().unwrap();
    assert_eq!(posts.closed(&"I8mz/c2b=".into(), &relay.address).await, Ok(()));
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_a_dead_relays() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let relay = holder(format!("http://{closed}").parse().unwrap());
    assert_eq!(deliver("I8=", &relay, "1", None).await, Outcome::Dead);
    let posts = FramePosts::new().unwrap();
    assert_eq!(posts.ask_to_yield(&"CA1".into(), &relay.lease(1)).await, Yielding::Dead);
}

#[tokio::test]
async fn a_kept_connection_that_has_died_costs_no_frame() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = holder(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
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
    let (posts, connection, call, stream) = (FramePosts::new().unwrap(), "I8=".into(), "CA1".into(), "MZ1".into());
    for text in ["1", "2"] {
        let frame = Frame { connection: &connection, call: &call, stream: &stream, text, sole: true, lost: None };
        assert_eq!(posts.deliver(&frame, &relay, Duration::from_secs(2)).await, Outcome::Kept, "it names no fence");
    }
    server.await.unwrap();
}

#[tokio::test]
async fn a_relay_that_says_nothing_is_not_waited_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = holder(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
    let begun = tokio::time::Instant::now();
    assert_eq!(deliver("I8=", &relay, "1", None).await, Outcome::Silent);
    let posts = FramePosts::new().unwrap();
    assert_eq!(posts.ask_to_yield(&"CA1".into(), &relay.lease(1)).await, Yielding::Silent);
    assert!(begun.elapsed() < Duration::from_secs(4));
}
