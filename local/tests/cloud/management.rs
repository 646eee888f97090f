//! `@connections`, with the real client.

use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::Builder;
use aws_sdk_apigatewaymanagement::config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use futures_util::StreamExt;
use local::cloud::Cloud;
use serde_json::json;

use crate::toys::{events, eventually, toy_cloud};
use crate::websocket::{close_code, connect, connection_id, text};

fn client(cloud: &Cloud) -> Client {
    let config = Builder::from(&cloud.sdk_config()).endpoint_url(cloud.connections_url("call"));
    Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
}

#[tokio::test]
async fn a_post_arrives_as_one_text_message_in_order() {
    let cloud = toy_cloud(|_| {}).await;
    let mut socket = connect(&cloud).await;
    for number in 0..20 {
        let data = Blob::new(json!({ "number": number, "text": "é" }).to_string());
        client(&cloud).post_to_connection().connection_id(connection_id(&cloud)).data(data).send().await.unwrap();
    }
    for number in 0..20 {
        assert_eq!(text(&mut socket).await, json!({ "number": number, "text": "é" }));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_closed_or_unknown_connection_is_gone() {
    let cloud = toy_cloud(|_| {}).await;
    let mut socket = connect(&cloud).await;
    let id = connection_id(&cloud);
    socket.close(None).await.unwrap();
    eventually(|| events(&cloud, "ws-disconnect").pop()).await;
    for id in [id.as_str(), "I8mzEc2bPHcCIWQ="] {
        let client = client(&cloud);
        let post = client.post_to_connection().connection_id(id).data(Blob::new("{}")).send().await;
        assert!(post.unwrap_err().into_service_error().is_gone_exception());
        let get = client.get_connection().connection_id(id).send().await;
        assert!(get.unwrap_err().into_service_error().is_gone_exception());
        let delete = client.delete_connection().connection_id(id).send().await;
        assert!(delete.unwrap_err().into_service_error().is_gone_exception());
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_deleted_connection_is_closed_after_what_was_posted() {
    let cloud = toy_cloud(|_| {}).await;
    let mut socket = connect(&cloud).await;
    let (client, id) = (client(&cloud), connection_id(&cloud));
    client.post_to_connection().connection_id(&id).data(Blob::new("{}")).send().await.unwrap();
    client.delete_connection().connection_id(&id).send().await.unwrap();
    let post = client.post_to_connection().connection_id(&id).data(Blob::new("{}")).send().await;
    assert!(post.unwrap_err().into_service_error().is_gone_exception());
    assert_eq!(text(&mut socket).await, json!({}));
    assert_eq!(close_code(&mut socket).await, 1000);
    assert!(socket.next().await.is_none());
    let event = eventually(|| events(&cloud, "ws-disconnect").pop()).await;
    assert_eq!(event["requestContext"]["disconnectStatusCode"], 1000);
    cloud.stop().await;
}

#[tokio::test]
async fn a_connection_can_be_looked_at() {
    let cloud = toy_cloud(|_| {}).await;
    let _socket = connect(&cloud).await;
    let found = client(&cloud).get_connection().connection_id(connection_id(&cloud)).send().await.unwrap();
    assert_eq!(found.identity().unwrap().source_ip(), Some("127.0.0.1"));
    assert!(found.connected_at().unwrap() <= found.last_active_at().unwrap());
    cloud.stop().await;
}

#[tokio::test]
async fn more_than_128_kilobytes_are_too_large() {
    let cloud = toy_cloud(|_| {}).await;
    let _socket = connect(&cloud).await;
    let post = |bytes: usize| {
        let request = client(&cloud).post_to_connection().connection_id(connection_id(&cloud));
        request.data(Blob::new(vec![b'a'; bytes])).send()
    };
    post(128 * 1024).await.unwrap();
    let error = post(128 * 1024 + 1).await.unwrap_err();
    assert!(error.into_service_error().is_payload_too_large_exception());
    cloud.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_a_limit() {
    let cloud = toy_cloud(|_| {}).await;
    let _socket = connect(&cloud).await;
    let (client, id) = (client(&cloud), connection_id(&cloud));
    let data = Blob::new(vec![b'a'; 128 * 1024]);
    // The kernel's buffers hold a few megabytes; ours comes after them.
    let mut posts = 0;
    let error = loop {
        match client.post_to_connection().connection_id(&id).data(data.clone()).send().await {
            Ok(_) => posts += 1,
            Err(error) => break error,
        }
        assert!(posts < 1000, "nothing is ever full");
    };
    assert!(error.into_service_error().is_limit_exceeded_exception());
    cloud.stop().await;
}

#[tokio::test]
async fn unsigned_requests_are_forbidden() {
    let cloud = toy_cloud(|_| {}).await;
    let _socket = connect(&cloud).await;
    let id = connection_id(&cloud).replace('=', "%3D");
    let url = format!("{}/@connections/{id}", cloud.connections_url("call"));
    let response = reqwest::Client::new().post(url).body("{}").send().await.unwrap();
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()["x-amzn-errortype"], "ForbiddenException");
    cloud.stop().await;
}
