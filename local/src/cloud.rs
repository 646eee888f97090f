//! The cloud on a laptop: what the template deploys, in one process and the processes it starts.
//!
//! | in AWS | here |
//! |---|---|
//! | HTTP API, WebSocket APIs, load balancer | `http_api`, `websocket_api`, `load_balancer`, behind one origin |
//! | Lambda | `functions`: processes of the real binaries, fed by the real Runtime API |
//! | `@connections`, `lambda:Invoke` | `management_api`, `lambda_api`, at an address that no tunnel shows |
//! | Twilio's REST API | `call::exchange`, if there is one; at the same address |
//! | CloudFront and S3 for the console | `console` |
//! | DynamoDB, S3 | embedded: `dynamodb`, `s3` |
//! | Fargate | `relays`: processes that are started again when they die |
//!
//! Nothing in `functions` or `shared` knows of it: the binaries find their endpoints in their environment, as
//! they do in AWS.

mod console;
pub(crate) mod dates;
mod dynamodb;
mod environment;
mod events;
pub mod functions;
mod http_api;
mod lambda_api;
mod load_balancer;
mod management_api;
mod names;
mod options;
mod origin;
mod posts;
mod processes;
mod relays;
mod runtime_api;
mod s3;
mod services;
mod sigv4;
mod socket;
mod stack;
mod store;
mod variables;
mod weather;
mod websocket_api;

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::SdkConfig;
use axum::Router;
use axum::serve::ListenerExt;
use shared::redact::Secret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use functions::Functions;
pub use options::{CONSOLE, Data, Faults, Options, Peculiar, Program};
pub use posts::Post;
use posts::Posts;
pub(crate) use processes::signal;
use relays::Relays;
pub use services::Forecast;
use services::Services;
pub use sigv4::AccessKey;
use stack::Sockets;
pub use stack::{ACCOUNT, BUCKET, REGION, TABLE};
use variables::Addresses;
pub use weather::{Trouble, Weather};
pub use websocket_api::{Jitter, SocketLimits};

/// What webhooks are signed with when nothing else is configured; accepted only when `PUBLIC_URL` is this machine.
pub const LOCAL_AUTH_TOKEN: &str = "voicebridge-on-a-laptop";
/// What a simulated caller goes by. The bridge is told of it only together with an exchange that knows the callers:
/// it would ask Twilio to hang up.
pub const LOCAL_ACCOUNT_SID: &str = "AC00000000000000000000000000000000";

/// The relays have this long to answer, once they are started.
const LONGEST_START: Duration = Duration::from_secs(30);

/// Why the cloud did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("port {port} cannot be had")]
    Port { port: u16, source: std::io::Error },
    #[error("{what} cannot be used")]
    Folder { what: String, source: std::io::Error },
    #[error("{} is not there: build it with `cargo build -p functions`", .0.display())]
    NoProgram(PathBuf),
    #[error("no randomness for the access key")]
    Random(#[from] getrandom::Error),
    #[error("DynamoDB does not start: {0}")]
    DynamoDb(String),
    #[error("S3 does not start: {0}")]
    S3(String),
    #[error("the store cannot be set up: {0}")]
    Store(String),
    #[error("{0}")]
    Settings(&'static str),
    #[error("a relay does not come up; its log is in {}", .0.display())]
    Relay(PathBuf),
}

/// A running cloud. Dropping it ends its processes; [`stop`](Self::stop) waits until they have ended.
#[derive(Debug)]
pub struct Cloud {
    addresses: Addresses,
    services: Services,
    functions: Arc<Functions>,
    relays: Arc<OnceLock<Relays>>,
    sockets: Sockets,
    posts: Option<Arc<Posts>>,
    twilio_auth_token: Secret,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Cloud {
    /// Starts everything, and returns when calls can come.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        // Boxed, because it is large and its callers should not be.
        Box::pin(stack::start(options)).await
    }

    /// `http://localhost:{port}`.
    pub fn origin(&self) -> &Url {
        &self.addresses.origin
    }

    /// What the binaries were told: the origin, or what stands before it.
    pub fn public_url(&self) -> &Url {
        &self.addresses.public_url
    }

    /// Where Twilio opens its streams, and what it signs.
    pub fn public_wss_url(&self) -> &Url {
        &self.addresses.public_wss_url
    }

    /// What webhooks must be signed with.
    pub fn twilio_auth_token(&self) -> &Secret {
        &self.twilio_auth_token
    }

    /// For `aws-sdk-apigatewaymanagement`: `@connections` of a stage: `call`, `control` or `logs`.
    pub fn connections_url(&self, stage: &str) -> String {
        format!("{}/{stage}", self.lambda_url())
    }

    /// For `aws-sdk-lambda`.
    pub fn lambda_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.addresses.backend_port)
    }

    pub fn dynamodb_url(&self) -> String {
        self.services.dynamodb_url()
    }

    /// As it is behind the weather.
    pub fn calm_dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.sdk_config());
        aws_sdk_dynamodb::Client::from_conf(config.endpoint_url(self.services.calm_dynamodb_url()).build())
    }

    /// What DynamoDB and S3 do to their clients, if [`Faults::weather`] was chosen.
    pub fn weather(&self) -> Option<&Forecast> {
        self.services.weather()
    }

    /// What was posted to callers since this was asked last, if [`Faults::witness`] was chosen.
    pub fn posts(&self) -> Vec<Post> {
        self.posts.as_ref().map(|posts| posts.take()).unwrap_or_default()
    }

    pub fn s3_url(&self) -> String {
        self.services.s3_url()
    }

    pub fn access_key(&self) -> &AccessKey {
        &self.services.key
    }

    /// Credentials and region for clients; each needs its endpoint besides.
    pub fn sdk_config(&self) -> SdkConfig {
        self.services.sdk_config()
    }

    pub fn functions(&self) -> &Functions {
        &self.functions
    }

    /// Where the processes write, one file each function and relay.
    pub fn logs(&self) -> &Path {
        &self.services.logs
    }

    /// Where objects of a bucket are.
    pub fn bucket_folder(&self, bucket: &str) -> PathBuf {
        self.services.objects.join(bucket)
    }

    /// The process that is this relay just now.
    pub fn relay_pid(&self, number: usize) -> Option<u32> {
        self.relays.get()?.pid(number)
    }

    /// `http://127.0.0.1:port`: its `/frames`, `/metrics`, `/health`.
    pub fn relay_url(&self, number: usize) -> Option<String> {
        Some(format!("http://{}", self.relays.get()?.private(number)?))
    }

    /// A signal to a relay, by its name: `KILL`, `STOP`, `CONT`. One that is told `TERM` gets no more new streams.
    pub async fn signal_relay(&self, number: usize, name: &str) -> std::io::Result<()> {
        let Some(pid) = self.relay_pid(number) else { return Ok(()) };
        if let Some(relays) = self.relays.get().filter(|_| name == "TERM") {
            relays.take_off_list(number);
        }
        processes::signal(pid, name).await
    }

    /// Ends a function's process without a word.
    pub async fn kill_process(&self, pid: u32) -> std::io::Result<()> {
        processes::signal(pid, "KILL").await
    }

    /// How often this relay was started.
    pub fn relay_starts(&self, number: usize) -> u32 {
        self.relays.get().map_or(0, |relays| relays.starts(number))
    }

    /// Lets the relays drain, then ends everything and waits for it.
    pub async fn stop(self) {
        if let Some(relays) = self.relays.get() {
            relays.stop().await;
        }
        self.sockets.close().await;
        self.functions.stop().await;
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.services.stop().await;
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.stopping.cancel();
        self.sockets.stopping.cancel();
        self.functions.abandon();
        if let Some(relays) = self.relays.get() {
            relays.abandon();
        }
    }
}

async fn listen(port: u16) -> Result<TcpListener, StartError> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|source| StartError::Port { port, source })
}

fn serve(listener: TcpListener, router: Router, tasks: &TaskTracker, stopping: CancellationToken) {
    // Small messages in a hurry; a failure to say so costs only time.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let server = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>());
    tasks.spawn(async move { stopping.run_until_cancelled(server.into_future()).await });
}
