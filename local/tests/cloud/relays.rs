//! Relays: kept up, reached directly, drained at the end, and never left behind.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use local::cloud::{Cloud, Options, StartError};
use shared::calls::MediaPath;
use tokio::process::Command;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::toys::{eventually, toy, toy_cloud, toy_options};
use crate::websocket::{connect, text};

async fn with_relays(count: usize, change: impl FnOnce(&mut Options)) -> Cloud {
    toy_cloud(|options| {
        options.relays = count;
        options.model_url = Some("ws://127.0.0.1:1/v1/realtime".parse().unwrap());
        options.programs.insert("relay".to_owned(), toy("toys::relay"));
        change(options);
    })
    .await
}

fn kill(pid: u32) {
    let status = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

pub(crate) fn is_alive(pid: u32) -> bool {
    // A process that has ended but was not waited for is a zombie, and dead enough.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_relay_that_dies_is_replaced() {
    let cloud = with_relays(1, |_| {}).await;
    let first = cloud.relay_pid(0).unwrap();
    kill(first);
    let second = eventually(|| cloud.relay_pid(0).filter(|pid| *pid != first)).await;
    assert!(is_alive(second));
    assert_eq!(cloud.relay_starts(0), 2);
    let health = reqwest::get(format!("{}/health", cloud.relay_url(0).unwrap())).await.unwrap();
    assert_eq!(health.text().await.unwrap(), "OK");
    cloud.stop().await;
    assert!(!is_alive(second));
}

#[tokio::test]
async fn direct_streams_reach_the_relays_in_turn_with_their_headers() {
    let cloud = with_relays(2, |options| options.media_path = MediaPath::Direct).await;
    let mut pids = Vec::new();
    for _ in 0..2 {
        let mut request = cloud.public_wss_url().as_str().into_client_request().unwrap();
        request.headers_mut().insert("x-twilio-signature", "abc=".parse().unwrap());
        let (mut socket, _) = connect_async(request).await.unwrap();
        let seen = text(&mut socket).await;
        assert_eq!(seen["signature"], "abc=");
        assert_eq!(seen["proto"], "http");
        assert_eq!(seen["host"], format!("localhost:{}", cloud.origin().port().unwrap()));
        pids.push(seen["pid"].as_u64().unwrap());
        let large = Message::text("a".repeat(200 * 1024));
        socket.send(large.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), large);
    }
    assert_ne!(pids[0], pids[1]);
    cloud.stop().await;
}

#[tokio::test]
async fn without_a_relay_a_direct_stream_is_unavailable() {
    let cloud = toy_cloud(|options| options.media_path = MediaPath::Direct).await;
    match connect_async(cloud.public_wss_url().as_str()).await.unwrap_err() {
        Error::Http(response) => assert_eq!(response.status(), 503),
        other => panic!("{other}"),
    }
    cloud.stop().await;
}

#[tokio::test]
async fn relays_are_asked_to_drain_and_killed_if_they_do_not() {
    let cloud = with_relays(1, |_| {}).await;
    let (pid, log) = (cloud.relay_pid(0).unwrap(), cloud.logs().join("relay-0.log"));
    // Its folder goes away with the cloud; what is open can still be read.
    let mut log = std::fs::File::open(log).unwrap();
    cloud.stop().await;
    assert!(!is_alive(pid));
    assert!(std::io::read_to_string(&mut log).unwrap().contains("drained"));

    let stubborn = |options: &mut Options| {
        options.programs.insert("relay".to_owned(), toy("toys::stubborn_relay"));
        options.drain = Duration::from_millis(100);
        options.farewell = Duration::from_millis(100);
    };
    let cloud = with_relays(1, stubborn).await;
    let pid = cloud.relay_pid(0).unwrap();
    cloud.stop().await;
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn nothing_outlives_a_cloud_that_is_killed() {
    let folder = Folder::new("killed");
    let log = std::fs::File::create(folder.0.join("cloud.log")).unwrap();
    let program = toy("toys::cloud");
    let mut command = Command::new(program.path);
    command.args(program.args).env("TOY_FOLDER", &folder.0).stdout(log).stderr(Stdio::null()).kill_on_drop(true);
    let mut cloud = command.spawn().unwrap();
    eventually(|| std::fs::read_to_string(folder.0.join("cloud.log")).ok().filter(|log| log.contains("started"))).await;
    let children = children_of(cloud.id().unwrap());
    // One warm process for each function at least, the relay and its guard.
    assert!(children.len() >= 8, "{children:?}");
    cloud.kill().await.unwrap();
    eventually(|| children.iter().all(|pid| !is_alive(*pid)).then_some(())).await;
}

pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    let pids =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        after_name.split(' ').nth(1) == Some(&parent.to_string())
    })
    .collect()
}

#[tokio::test]
async fn a_taken_port_and_a_missing_program_are_named() {
    let cloud = toy_cloud(|_| {}).await;
    let port = cloud.origin().port().unwrap();
    let error = Cloud::start(toy_options(|options| options.port = port)).await.unwrap_err();
    assert!(matches!(error, StartError::Port { port: taken, .. } if taken == port));
    let options = Options { program_folder: Some("no-such-folder".into()), relays: 0, ..Options::temporary() };
    let error = Cloud::start(options).await.unwrap_err();
    assert!(matches!(error, StartError::NoProgram(path) if path.starts_with("no-such-folder")));
    cloud.stop().await;
}

#[tokio::test]
async fn a_relay_that_dies_again_and_again_is_not_waited_for() {
    let options = toy_options(|options| {
        options.relays = 1;
        options.model_url = Some("ws://127.0.0.1:1/v1/realtime".parse().unwrap());
        options.programs.insert("relay".to_owned(), toy("toys::broken_function"));
    });
    assert!(matches!(Cloud::start(options).await.unwrap_err(), StartError::Relay(_)));
}

#[tokio::test]
async fn somebody_must_do_the_talking() {
    let error = Cloud::start(toy_options(|options| options.relays = 1)).await.unwrap_err();
    assert!(matches!(error, StartError::Settings(text) if text.contains("OPENAI_API_KEY")));
}

#[tokio::test]
async fn a_public_address_needs_a_real_auth_token() {
    let env = [("PUBLIC_URL".to_owned(), "https://abc.example".to_owned())].into();
    let error = Cloud::start(Options { env, ..Options::temporary() }).await.unwrap_err();
    assert!(matches!(error, StartError::Settings(text) if text.contains("TWILIO_AUTH_TOKEN")));
}

#[tokio::test]
async fn a_stopped_cloud_closes_its_sockets_and_its_port() {
    let cloud = toy_cloud(|_| {}).await;
    let mut socket = connect(&cloud).await;
    let origin = cloud.origin().clone();
    let logs = cloud.logs().to_owned();
    cloud.stop().await;
    while let Some(Ok(_)) = socket.next().await {}
    assert!(reqwest::get(origin).await.unwrap_err().is_connect());
    assert!(!Path::new(&logs).exists());
}

#[tokio::test]
async fn what_is_stored_in_a_folder_is_there_the_next_time() {
    let folder = Folder::new("kept");
    let start = || toy_cloud(|options| options.data = local::cloud::Data::Folder(folder.0.clone()));
    let cloud = start().await;
    let s3 = aws_sdk_s3::config::Builder::from(&cloud.sdk_config()).endpoint_url(cloud.s3_url()).build();
    let put = aws_sdk_s3::Client::from_conf(s3).put_object().bucket(local::cloud::BUCKET).key("a/b.txt");
    put.body(aws_sdk_s3::primitives::ByteStream::from_static(b"kept")).send().await.unwrap();
    put_item(&cloud).await;
    cloud.stop().await;

    let cloud = start().await;
    assert_eq!(std::fs::read(cloud.bucket_folder(local::cloud::BUCKET).join("a/b.txt")).unwrap(), b"kept");
    let item = dynamodb(&cloud).get_item().table_name(local::cloud::TABLE).key("pk", s("A")).key("sk", s("B"));
    assert!(item.send().await.unwrap().item().is_some());
    cloud.stop().await;
}

fn dynamodb(cloud: &Cloud) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::config::Builder::from(&cloud.sdk_config()).endpoint_url(cloud.dynamodb_url());
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

fn s(text: &str) -> aws_sdk_dynamodb::types::AttributeValue {
    aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned())
}

async fn put_item(cloud: &Cloud) {
    let put = dynamodb(cloud).put_item().table_name(local::cloud::TABLE).item("pk", s("A")).item("sk", s("B"));
    put.send().await.unwrap();
}

pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("voicebridge-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
