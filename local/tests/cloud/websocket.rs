//! The WebSocket API, as a caller's side meets it.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use futures_util::{SinkExt, StreamExt};
use local::cloud::{Cloud, Jitter, REGION};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::toys::{events, eventually, toy_cloud};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn request(cloud: &Cloud, stage: &str) -> Request {
    let url = format!("ws://127.0.0.1:{}/{stage}", cloud.origin().port().unwrap());
    url.into_client_request().unwrap()
}

pub(crate) async fn connect(cloud: &Cloud) -> Socket {
    connect_async(request(cloud, "call")).await.unwrap().0
}

/// The connection's id, as the functions know it. For clouds with one connection.
pub(crate) fn connection_id(cloud: &Cloud) -> String {
    let connect = events(cloud, "ws-connect").pop().unwrap();
    connect["requestContext"]["connectionId"].as_str().unwrap().to_owned()
}

async fn refusal(request: Request) -> (u16, Value) {
    match connect_async(request).await.unwrap_err() {
        Error::Http(response) => {
            (response.status().as_u16(), serde_json::from_slice(response.body().as_ref().unwrap()).unwrap())
        }
        other => panic!("{other}"),
    }
}

pub(crate) async fn text(socket: &mut Socket) -> Value {
    let message = tokio::time::timeout(Duration::from_secs(20), socket.next()).await.unwrap().unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

pub(crate) async fn close_code(socket: &mut Socket) -> u16 {
    loop {
        match tokio::time::timeout(Duration::from_secs(20), socket.next()).await.unwrap() {
            Some(Ok(Message::Close(frame))) => return frame.unwrap().code.into(),
            Some(Ok(_)) => {}
            other => panic!("no close frame but {other:?}"),
        }
    }
}

fn frame(body: Value) -> Message {
    Message::text(body.to_string())
}

#[tokio::test]
async fn the_upgrade_waits_for_connect_and_carries_its_headers() {
    let cloud = toy_cloud(|_| {}).await;
    let mut request = request(&cloud, "call");
    request.headers_mut().insert("x-twilio-signature", "abc=".parse().unwrap());
    let (_socket, response) = connect_async(request).await.unwrap();
    assert_eq!(response.status(), 101);
    let event = events(&cloud, "ws-connect").remove(0);
    let event: ApiGatewayWebsocketProxyRequest = serde_json::from_value(event).unwrap();
    assert_eq!(event.headers["X-Twilio-Signature"], "abc=");
    assert_eq!(event.request_context.stage.as_deref(), Some("call"));
    assert_eq!(event.request_context.event_type.as_deref(), Some("CONNECT"));
    assert!(event.request_context.connection_id.unwrap().ends_with('='));
    cloud.stop().await;
}

#[tokio::test]
async fn the_status_of_connect_is_the_handshakes() {
    let cloud = toy_cloud(|_| {}).await;
    for (told, status) in [
        (json!({ "do": "answer", "answer": { "statusCode": 403 } }), 403),
        (json!({ "do": "answer", "answer": { "statusCode": 401 } }), 401),
        (json!({ "do": "answer", "answer": {} }), 502),
        (json!({ "do": "fail" }), 502),
        (json!({ "do": "exit" }), 502),
    ] {
        let mut request = request(&cloud, "call");
        request.headers_mut().insert("x-told", told.to_string().parse().unwrap());
        assert_eq!(refusal(request).await.0, status, "{told}");
    }
    assert!(events(&cloud, "ws-disconnect").is_empty());
    cloud.stop().await;
}

#[tokio::test]
async fn a_sub_protocol_is_spoken_only_if_connect_says_so() {
    let cloud = toy_cloud(|_| {}).await;
    let offer = || {
        let mut request = request(&cloud, "call");
        request.headers_mut().insert("sec-websocket-protocol", "one,two".parse().unwrap());
        request
    };
    let error = connect_async(offer()).await.unwrap_err();
    assert!(error.to_string().contains("SubProtocol"), "{error}");
    let told = json!({ "do": "answer", "answer": { "statusCode": 200, "headers": { "Sec-WebSocket-Protocol": "two", "x-more": "1" } } });
    let mut request = offer();
    request.headers_mut().insert("x-told", told.to_string().parse().unwrap());
    let (_socket, response) = connect_async(request).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "two");
    assert!(!response.headers().contains_key("x-more"));
    cloud.stop().await;
}

#[tokio::test]
async fn a_message_is_an_invocation_without_headers_or_an_answer() {
    let cloud = toy_cloud(|_| {}).await;
    let mut socket = connect(&cloud).await;
    let body = json!({ "event": "media", "media": { "payload": "//8=" } });
    socket.send(frame(body.clone())).await.unwrap();
    let event = eventually(|| events(&cloud, "ws-default").pop()).await;
    assert!(event.get("headers").is_none());
    assert_eq!(event["requestContext"]["routeKey"], "$default");
    assert_eq!(event["requestContext"]["connectionId"], connection_id(&cloud));
    let event: ApiGatewayWebsocketProxyRequest = serde_json::from_value(event).unwrap();
    assert_eq!(event.body.unwrap(), body.to_string());
    // What comes back first is the error of the second message, not an answer to the first.
    socket.send(frame(json!({ "do": "fail" }))).await.unwrap();
    assert_eq!(text(&mut socket).await["message"], "Internal server error");
    cloud.stop().await;
}

#[tokio::test]
async fn a_failed_integration_puts_an_error_into_the_socket_and_leaves_it_open() {
    let cloud = toy_cloud(|_| {}).await;
    let mut socket = connect(&cloud).await;
    for told in ["fail", "panic", "exit"] {
        socket.send(frame(json!({ "do": told }))).await.unwrap();
        let error = text(&mut socket).await;
        assert_eq!(error["message"], "Internal server error");
        assert_eq!(error["connectionId"], connection_id(&cloud));
        assert!(error["requestId"].is_string());
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_slow_message_does_not_hold_up_the_next() {
    let cloud = toy_cloud(|_| {}).await;
    let mut socket = connect(&cloud).await;
    socket.send(frame(json!({ "do": "hang" }))).await.unwrap();
    eventually(|| events(&cloud, "ws-default").pop()).await;
    socket.send(frame(json!({ "do": "fail" }))).await.unwrap();
    assert_eq!(text(&mut socket).await["message"], "Internal server error");
    cloud.stop().await;
}

#[tokio::test]
async fn frames_arrive_all_and_out_of_order() {
    let jitter = Jitter { up_to: Duration::from_millis(50), seed: 7 };
    let cloud = toy_cloud(|options| options.faults.jitter = Some(jitter)).await;
    let mut socket = connect(&cloud).await;
    for number in 0..100 {
        socket.send(frame(json!({ "number": number }))).await.unwrap();
    }
    let events = eventually(|| Some(events(&cloud, "ws-default")).filter(|events| events.len() == 100)).await;
    let number = |event: &Value| -> u64 {
        serde_json::from_str::<Value>(event["body"].as_str().unwrap()).unwrap()["number"].as_u64().unwrap()
    };
    let arrived: Vec<u64> = events.iter().map(number).collect();
    assert_eq!(arrived.iter().copied().collect::<BTreeSet<_>>(), (0..100).collect());
    assert!(!arrived.is_sorted());
    cloud.stop().await;
}

#[tokio::test]
async fn what_is_too_big_closes_with_1009() {
    let cloud = toy_cloud(|_| {}).await;
    let mut at_the_limit = connect(&cloud).await;
    at_the_limit.send(Message::text("a".repeat(32 * 1024))).await.unwrap();
    eventually(|| events(&cloud, "ws-default").pop()).await;

    let mut big_frame = connect(&cloud).await;
    big_frame.send(Message::text("a".repeat(32 * 1024 + 1))).await.unwrap();
    assert_eq!(close_code(&mut big_frame).await, 1009);

    let mut huge_frame = connect(&cloud).await;
    // It may be cut off before all of it is written.
    let _ = huge_frame.send(Message::text("a".repeat(10 * 1024 * 1024))).await;
    assert_eq!(close_code(&mut huge_frame).await, 1009);

    let mut big_message = connect(&cloud).await;
    for part in 0..5 {
        let opcode = if part == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message("a".repeat(30 * 1024), OpCode::Data(opcode), part == 4);
        big_message.send(Message::Frame(frame)).await.unwrap();
    }
    assert_eq!(close_code(&mut big_message).await, 1009);
    assert_eq!(events(&cloud, "ws-default").len(), 1);
    cloud.stop().await;
}

#[tokio::test]
async fn a_binary_message_closes_with_1003() {
    let cloud = toy_cloud(|_| {}).await;
    let mut socket = connect(&cloud).await;
    socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(close_code(&mut socket).await, 1003);
    cloud.stop().await;
}

#[tokio::test]
async fn silence_and_age_close_with_1001() {
    let cloud = toy_cloud(|options| options.sockets.idle = Duration::from_millis(100)).await;
    assert_eq!(close_code(&mut connect(&cloud).await).await, 1001);
    cloud.stop().await;

    let cloud = toy_cloud(|options| options.sockets.longest = Duration::from_millis(300)).await;
    let (mut writer, mut reader) = connect(&cloud).await.split();
    let talking = tokio::spawn(async move { while writer.send(Message::text("{}")).await.is_ok() {} });
    let code = loop {
        if let Message::Close(frame) = reader.next().await.unwrap().unwrap() {
            break u16::from(frame.unwrap().code);
        }
    };
    assert_eq!(code, 1001);
    talking.abort();
    cloud.stop().await;
}

#[tokio::test]
async fn disconnect_is_told_how_it_ended() {
    let cloud = toy_cloud(|_| {}).await;
    let ended = |count: usize| {
        let cloud = &cloud;
        eventually(move || events(cloud, "ws-disconnect").get(count - 1).cloned())
    };
    let code = |event: &Value| event["requestContext"]["disconnectStatusCode"].as_u64();

    let mut socket = connect(&cloud).await;
    socket.close(Some(CloseFrame { code: 1000.into(), reason: "bye".into() })).await.unwrap();
    let event = ended(1).await;
    assert_eq!(code(&event), Some(1000));
    assert_eq!(event["requestContext"]["disconnectReason"], "bye");
    assert_eq!(event["requestContext"]["connectionId"], connection_id(&cloud));

    connect(&cloud).await.close(None).await.unwrap();
    assert_eq!(code(&ended(2).await), Some(1005));
    drop(connect(&cloud).await);
    assert_eq!(code(&ended(3).await), Some(1006));
    cloud.stop().await;
}

#[tokio::test]
async fn the_control_stage_lets_in_only_signed_requests() {
    let cloud = toy_cloud(|_| {}).await;
    let (status, body) = refusal(request(&cloud, "control")).await;
    assert_eq!((status, &body["message"]), (403, &json!("Forbidden")));
    assert!(events(&cloud, "ws-connect").is_empty());

    let mut forged = signed(&cloud);
    forged.headers_mut().insert("x-voicebridge-relay", "another".parse().unwrap());
    assert_eq!(refusal(forged).await.0, 403);

    let (mut socket, _) = connect_async(signed(&cloud)).await.unwrap();
    let event = events(&cloud, "ws-connect").remove(0);
    assert_eq!(event["requestContext"]["stage"], "control");
    assert_eq!(event["headers"]["x-voicebridge-relay"], "relay-1");
    // The stage has no route for messages.
    socket.send(frame(json!({}))).await.unwrap();
    assert_eq!(text(&mut socket).await["message"], "Forbidden");
    cloud.stop().await;
}

fn signed(cloud: &Cloud) -> Request {
    let mut request = request(cloud, "control");
    request.headers_mut().insert("x-voicebridge-relay", "relay-1".parse().unwrap());
    let identity = cloud.access_key().credentials().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("execute-api")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let headers = [("x-voicebridge-relay", "relay-1")].into_iter();
    let signable = SignableRequest::new("GET", request.uri().to_string(), headers, SignableBody::Bytes(b"")).unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    request
}
