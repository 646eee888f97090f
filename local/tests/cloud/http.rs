//! The HTTP API: events as API Gateway makes them, and answers as it understands them.

use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use local::cloud::Cloud;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::toys::{events, toy_cloud};

async fn told(cloud: &Cloud, path: &str, told: Value) -> Response {
    let url = cloud.origin().join(path).unwrap();
    Client::new().get(url).query(&[("told", told.to_string())]).send().await.unwrap()
}

async fn message(response: Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_webhook_arrives_as_a_version_2_event() {
    let cloud = toy_cloud(|_| {}).await;
    let url = cloud.origin().join("/twiml?a=%20b&a=c").unwrap();
    let request = Client::new().post(url).header("X-Twilio-Signature", "abc=");
    let response = request.form(&[("From", "+15550100"), ("Name", "é")]).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("apigw-requestid"));
    let event = events(&cloud, "twiml").remove(0);
    assert_eq!(event["rawQueryString"], "a=%20b&a=c");
    let event: ApiGatewayV2httpRequest = serde_json::from_value(event).unwrap();
    assert_eq!(event.route_key.as_deref(), Some("POST /twiml"));
    assert_eq!(event.headers["x-twilio-signature"], "abc=");
    assert!(event.is_base64_encoded);
    assert_eq!(STANDARD.decode(event.body.unwrap()).unwrap(), b"From=%2B15550100&Name=%C3%A9");
    cloud.stop().await;
}

#[tokio::test]
async fn every_other_path_goes_to_the_default_route() {
    let cloud = toy_cloud(|_| {}).await;
    let response = told(&cloud, "/calls/CA1%2F2", json!({})).await;
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["event"]["routeKey"], "$default");
    assert_eq!(body["event"]["rawPath"], "/calls/CA1%2F2");
    assert_eq!(events(&cloud, "api").len(), 1);
    cloud.stop().await;
}

#[tokio::test]
async fn an_answer_has_status_headers_cookies_and_a_binary_body() {
    let cloud = toy_cloud(|_| {}).await;
    let answer = json!({ "statusCode": 206, "headers": { "Content-Type": "audio/wav" }, "cookies": ["a=1", "b=2"],
        "body": STANDARD.encode([0, 255]), "isBase64Encoded": true });
    let response = told(&cloud, "/any", json!({ "do": "answer", "answer": answer })).await;
    assert_eq!(response.status(), 206);
    assert_eq!(response.headers()["content-type"], "audio/wav");
    assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
    assert_eq!(response.bytes().await.unwrap(), [0, 255].as_slice());
    cloud.stop().await;
}

#[tokio::test]
async fn a_failing_function_is_an_internal_server_error() {
    let cloud = toy_cloud(|_| {}).await;
    let expected = (500, json!({ "message": "Internal Server Error" }));
    for what in ["fail", "panic", "exit"] {
        assert_eq!(message(told(&cloud, "/any", json!({ "do": what })).await).await, expected, "{what}");
    }
    let malformed = told(&cloud, "/any", json!({ "do": "answer", "answer": "not a response" })).await;
    assert_eq!(message(malformed).await, expected);
    cloud.stop().await;
}

#[tokio::test]
async fn a_slow_function_is_unavailable() {
    let cloud = toy_cloud(|options| options.http_integration = Duration::from_millis(200)).await;
    let response = told(&cloud, "/any", json!({ "do": "hang" })).await;
    assert_eq!(message(response).await, (503, json!({ "message": "Service Unavailable" })));
    cloud.stop().await;
}

#[tokio::test]
async fn more_than_ten_megabytes_are_too_much() {
    let cloud = toy_cloud(|_| {}).await;
    let body = vec![b'a'; 10 * 1024 * 1024 + 1];
    let response = Client::new().post(cloud.origin().join("/any").unwrap()).body(body).send().await.unwrap();
    assert_eq!(message(response).await, (413, json!({ "message": "Request Entity Too Large" })));
    assert!(events(&cloud, "api").is_empty());
    cloud.stop().await;
}
