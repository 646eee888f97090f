//! The services of one test: its own table, its own bucket.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use functions::adapters::dynamo::{Store, schema};
use functions::adapters::s3::RecordingStore;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use shared::agent::Agent;
use shared::calls::{Call, CallStatus, Channel, Holder, MediaPath};
use shared::ports::PortResult;
use tokio::net::TcpListener;
use url::Url;

use crate::http_server::serve;

pub(crate) const TABLE: &str = "voicebridge";
pub(crate) const CALL: &str = "CA00000000000000000000000000000001";

pub(crate) async fn dynamo() -> aws_sdk_dynamodb::Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    let client = dynamo_at(&url);
    schema::ensure_table(&client, TABLE).await.unwrap();
    client
}

pub(crate) fn dynamo_at(url: &Url) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&sdk(url))
}

/// Tried once, as the app does it.
pub(crate) fn lambda_at(url: &Url) -> aws_sdk_lambda::Client {
    let config = aws_sdk_lambda::config::Builder::from(&sdk(url));
    aws_sdk_lambda::Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
}

pub(crate) async fn store() -> Store {
    Store::new(dynamo().await, TABLE)
}

pub(crate) struct Bucket {
    pub(crate) client: aws_sdk_s3::Client,
    pub(crate) recordings: RecordingStore,
    folder: PathBuf,
}

impl Drop for Bucket {
    fn drop(&mut self) {
        // What cannot be removed stays below the build's folder, and goes with it.
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) async fn bucket() -> Bucket {
    let folder = scratch();
    std::fs::create_dir_all(folder.join("recordings")).unwrap();
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(&folder).unwrap());
    service.set_auth(SimpleAuth::from_single("test", "test"));
    let url = serve(Router::new().fallback(s3).with_state(service.build())).await;
    let config = aws_sdk_s3::config::Builder::from(&sdk(&url)).force_path_style(true).build();
    let client = aws_sdk_s3::Client::from_conf(config);
    Bucket { recordings: RecordingStore::new(client.clone(), "recordings"), client, folder }
}

async fn s3(State(service): State<S3Service>, request: Request) -> axum::response::Response {
    service.call(request.map(s3s::Body::http_body_unsync)).await.unwrap().map(Body::new)
}

/// A folder of this test's own, below the build's.
fn scratch() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("it-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn sdk(url: &Url) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url.as_str())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

pub(crate) fn call(number: u32) -> Call {
    Call {
        sid: format!("CA{number:032}").into(),
        from: "+15551234567".into(),
        to: "+15557654321".into(),
        agent: Agent::default(),
        media_path: MediaPath::Gateway,
        channel: Channel::Telephone,
        status: CallStatus::Ringing,
        began_at_ms: 1_795_000_000_000 + u64::from(number),
        lease: None,
        streams: 1,
        review: None,
    }
}

pub(crate) fn holder(relay: &str) -> Holder {
    Holder { relay: relay.into(), address: format!("http://{relay}.example.com:8081").parse().unwrap() }
}

/// How many of these attempts, made at once, succeed.
pub(crate) async fn race<F: Future<Output = PortResult<T>> + Send + 'static, T: Send + 'static>(
    attempts: usize,
    attempt: impl Fn(usize) -> F,
) -> (usize, BTreeSet<String>) {
    let attempts: Vec<_> = (0..attempts).map(|number| tokio::spawn(attempt(number))).collect();
    let (mut won, mut faults) = (0, BTreeSet::new());
    for attempt in attempts {
        match attempt.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => drop(faults.insert(error.to_string())),
        }
    }
    (won, faults)
}
