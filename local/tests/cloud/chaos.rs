//! What chaos needs of the cloud: weather that comes and goes, and to know who speaks to whom.

use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use local::cloud::{Cloud, TABLE, Trouble};

use crate::toys::toy_cloud;
use crate::websocket::{connect, connection_id};

const FOR_LONG: Duration = Duration::from_secs(60);

fn dynamodb(cloud: &Cloud, url: String) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::config::Builder::from(&cloud.sdk_config()).endpoint_url(url);
    aws_sdk_dynamodb::Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
}

/// The codes of the errors among thirty requests.
async fn errors(client: &aws_sdk_dynamodb::Client) -> Vec<String> {
    let mut errors = Vec::new();
    for _ in 0..30 {
        if let Err(error) = client.describe_table().table_name(TABLE).send().await {
            errors.push(error.code().unwrap_or_default().to_owned());
        }
    }
    errors
}

#[tokio::test]
async fn dynamodb_fails_as_told_and_is_well_again() {
    let cloud = toy_cloud(|options| options.faults.weather = true).await;
    let client = dynamodb(&cloud, cloud.dynamodb_url());
    let weather = cloud.weather().unwrap();
    assert_eq!(errors(&client).await, [""; 0]);
    weather.dynamodb.bring(Trouble::Throttled, FOR_LONG);
    let throttled = errors(&client).await;
    let known = ["ProvisionedThroughputExceededException", "ThrottlingException"];
    assert!(throttled.len() > 5 && throttled.iter().all(|code| known.contains(&code.as_str())), "{throttled:?}");
    assert_eq!(errors(&cloud.calm_dynamodb()).await, [""; 0], "behind the weather all is well");
    weather.dynamodb.clear();
    weather.dynamodb.bring(Trouble::Broken, FOR_LONG);
    assert!(errors(&client).await.iter().any(|code| code == "InternalServerError"));
    weather.dynamodb.clear();
    weather.dynamodb.bring(Trouble::Slow(Duration::from_millis(300)), FOR_LONG);
    let began = Instant::now();
    client.describe_table().table_name(TABLE).send().await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(300));
    cloud.stop().await;
}

#[tokio::test]
async fn s3_fails_as_told_and_is_well_again() {
    let cloud = toy_cloud(|options| options.faults.weather = true).await;
    let get = async || reqwest::get(cloud.s3_url()).await.unwrap().status().as_u16();
    let weather = &cloud.weather().unwrap().s3;
    let calm = get().await;
    weather.bring(Trouble::Throttled, FOR_LONG);
    let mut seen = Vec::new();
    for _ in 0..30 {
        seen.push(get().await);
    }
    assert!(seen.contains(&503) && seen.iter().all(|status| [calm, 503].contains(status)), "{seen:?}");
    weather.clear();
    assert_eq!(get().await, calm);
    cloud.stop().await;
}

#[tokio::test]
async fn who_posted_what_is_noted() {
    let cloud = toy_cloud(|options| options.faults.witness = true).await;
    let _socket = connect(&cloud).await;
    let id = connection_id(&cloud);
    for (by, text) in [
        ("R0S1", r#"{"event":"media","streamSid":"MZ1","media":{"payload":""}}"#),
        ("R1S4", r#"{"event":"clear","streamSid":"MZ1"}"#),
    ] {
        let key = cloud.access_key();
        let credentials = Credentials::new(format!("{}{by}", key.id), key.secret.reveal(), None, None, "test");
        let config = aws_sdk_apigatewaymanagement::config::Builder::from(&cloud.sdk_config())
            .endpoint_url(cloud.connections_url("call"))
            .credentials_provider(credentials);
        let client = aws_sdk_apigatewaymanagement::Client::from_conf(config.build());
        client.post_to_connection().connection_id(&id).data(Blob::new(text)).send().await.unwrap();
    }
    let posts = cloud.posts();
    let told: Vec<_> =
        posts.iter().map(|post| (&post.by[post.by.len() - 4..], post.stream.as_str(), post.media)).collect();
    assert_eq!(told, [("R0S1", "MZ1", true), ("R1S4", "MZ1", false)]);
    assert!(cloud.posts().is_empty(), "each is told once");
    cloud.stop().await;
}
