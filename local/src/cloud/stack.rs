//! The stack: which functions there are, what routes lead to them, and the order in which all of it starts.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use http::Method;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::console::Console;
use super::functions::{FunctionSpec, Functions};
use super::http_api::{HttpApi, Route};
use super::lambda_api::LambdaApi;
use super::management_api::ManagementApi;
use super::names::{self, Names};
use super::options::{Options, Program};
use super::origin::{self, Origin};
use super::posts::Posts;
use super::relays::{RelaySpec, Relays};
use super::services::{Services, port};
use super::variables::{Addresses, Variables};
use super::websocket_api::{Auth, Connections, WebSocketApi};
use super::{Cloud, LONGEST_START, StartError, lambda_api, listen, management_api, processes, runtime_api, serve};
use crate::call::exchange::{phone_numbers, rest};

pub const REGION: &str = "us-east-1";
pub const ACCOUNT: &str = "000000000000";
pub const TABLE: &str = "voicebridge";
pub const BUCKET: &str = "voicebridge-recordings";

const LONGEST_GOODBYE: Duration = Duration::from_millis(300);

/// A function of the stack; its name is its binary's.
struct Deployed {
    name: &'static str,
    environments: usize,
    warm: usize,
    timeout: Duration,
}

const fn deployed(name: &'static str, environments: usize, warm: usize, timeout_seconds: u64) -> Deployed {
    Deployed { name, environments, warm, timeout: Duration::from_secs(timeout_seconds) }
}

const FUNCTIONS: [Deployed; 7] = [
    deployed("twiml", 4, 1, 10),
    deployed("ws-connect", 4, 1, 10),
    deployed("ws-disconnect", 2, 1, 10),
    deployed("ws-default", 6, 3, 5),
    deployed("tool-call", 4, 1, 30),
    deployed("api", 2, 1, 10),
    deployed("ws-logs", 4, 1, 10),
];

/// What Twilio calls. Everything else goes to `api`, which also knows what to say to an unknown path.
const WEBHOOKS: [(Method, &str); 10] = [
    (Method::GET, "/twiml"),
    (Method::POST, "/twiml"),
    (Method::GET, "/incoming-call"),
    (Method::POST, "/incoming-call"),
    (Method::GET, "/twiml/resume"),
    (Method::POST, "/twiml/resume"),
    (Method::POST, "/twiml/line"),
    (Method::POST, "/twiml/transfer"),
    (Method::POST, "/stream/status"),
    (Method::POST, "/call/status"),
];

/// A relay only listens on its control channel; what it might say there has no route.
const CALL_ROUTES: [(&str, &str); 3] =
    [("$connect", "ws-connect"), ("$default", "ws-default"), ("$disconnect", "ws-disconnect")];
const CONTROL_ROUTES: [(&str, &str); 2] = [("$connect", "ws-connect"), ("$disconnect", "ws-disconnect")];
const LOGS_ROUTES: [(&str, &str); 3] = [("$connect", "ws-logs"), ("$default", "ws-logs"), ("$disconnect", "ws-logs")];

pub(super) async fn start(options: Options) -> Result<Cloud, StartError> {
    let (origin_listener, backend_listener) = (listen(options.port).await?, listen(0).await?);
    let runtime_listener = listen(0).await?;
    let addresses = Addresses::new(&options, port(&origin_listener)?, port(&backend_listener)?)?;
    let services = Services::start(&options.data, options.faults.weather).await?;
    let variables = Variables::new(&options, &addresses, &services)?;
    let specs = specs(&options, &variables, &services)?;
    let runtime_api = format!("http://127.0.0.1:{}", port(&runtime_listener)?);
    let functions = Arc::new(Functions::new(specs, &runtime_api, names::seed()?));
    let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
    let sockets = Sockets::new(&options, &functions, &services)?;
    let serving = runtime_api::serve(runtime_listener, Arc::clone(&functions), tasks.clone(), stopping.clone());
    tasks.spawn(serving);
    let posts = options.faults.witness.then(Arc::<Posts>::default);
    let mut backend = backend(&functions, &services, &sockets, posts.clone());
    if let Some(exchange) = options.exchange.clone() {
        backend = backend.merge(rest::router(exchange));
    }
    if let Some(numbers) = options.phone_numbers.clone() {
        backend = backend.merge(phone_numbers::router(numbers));
    }
    serve(backend_listener, backend, &tasks, stopping.clone());
    let relays = Arc::new(OnceLock::new());
    let origin = Origin {
        media_path: options.media_path,
        sockets: sockets.clone(),
        console: Console::new(options.console.clone(), &services.s3_url(), &addresses.streams()),
        http: http_api(&options, &functions)?,
        relays: Arc::clone(&relays),
    };
    serve(origin_listener, origin::router(origin), &tasks, stopping.clone());
    functions.warm_up();
    let twilio_auth_token = variables.twilio_auth_token();
    let cloud = Cloud { addresses, services, functions, relays, sockets, posts, twilio_auth_token, stopping, tasks };
    start_relays(&cloud, &options, variables).await?;
    Ok(cloud)
}

/// The WebSocket APIs, by their stages, and what is connected.
#[derive(Debug, Clone)]
pub(crate) struct Sockets {
    pub(crate) call: Arc<WebSocketApi>,
    pub(crate) control: Arc<WebSocketApi>,
    pub(crate) logs: Arc<WebSocketApi>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stopping: CancellationToken,
}

impl Sockets {
    fn new(options: &Options, functions: &Arc<Functions>, services: &Services) -> Result<Self, StartError> {
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let api = |stage, auth, routes, jitter| -> Result<Arc<WebSocketApi>, StartError> {
            Ok(Arc::new(WebSocketApi {
                stage,
                auth,
                functions: Arc::clone(functions),
                routes,
                limits: options.sockets.clone(),
                jitter,
                names: Names::new(names::seed()?),
                tasks: tasks.clone(),
                stopping: stopping.clone(),
                connections: Connections::default(),
            }))
        };
        let call = api("call", Auth::Anyone, CALL_ROUTES.into(), options.faults.jitter)?;
        let control = api("control", Auth::Signed(services.key.clone()), CONTROL_ROUTES.into(), None)?;
        let logs = api("logs", Auth::Anyone, LOGS_ROUTES.into(), None)?;
        Ok(Self { call, control, logs, tasks, stopping })
    }

    pub(crate) fn apis(&self) -> [&Arc<WebSocketApi>; 3] {
        [&self.call, &self.control, &self.logs]
    }

    /// Says goodbye to all, and does not wait long for the answers.
    pub(crate) async fn close(&self) {
        for connection in self.apis().into_iter().flat_map(|api| api.connections.all()) {
            connection.delete();
        }
        self.tasks.close();
        let _ = tokio::time::timeout(LONGEST_GOODBYE, self.tasks.wait()).await;
        self.stopping.cancel();
        self.tasks.wait().await;
    }
}

/// The cloud's own APIs, which are for our processes and for nobody who comes through a tunnel.
fn backend(functions: &Arc<Functions>, services: &Services, sockets: &Sockets, posts: Option<Arc<Posts>>) -> Router {
    let key = services.key.clone();
    let apis = sockets.apis().map(|api| (api.stage, Arc::clone(api))).into();
    lambda_api::router(LambdaApi { functions: Arc::clone(functions), key: key.clone() })
        .merge(management_api::router(ManagementApi { apis, key, posts }))
}

async fn start_relays(cloud: &Cloud, options: &Options, variables: Variables) -> Result<(), StartError> {
    if options.relays == 0 {
        return Ok(());
    }
    let spec = RelaySpec {
        program: program(options, "relay")?,
        env: variables.relays,
        key: cloud.services.key.clone(),
        peculiar: options.faults.relays.clone(),
        restart_after: options.faults.restart_after,
        logs: cloud.services.logs.clone(),
        patience: options.drain + options.farewell,
    };
    let relays = cloud.relays.get_or_init(|| Relays::start(spec, options.relays));
    match tokio::time::timeout(LONGEST_START, relays.all_up()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(StartError::Relay(cloud.services.logs.clone())),
    }
}

fn specs(options: &Options, variables: &Variables, services: &Services) -> Result<Vec<FunctionSpec>, StartError> {
    let spec = |function: &Deployed| {
        let name = function.name.to_owned();
        let Program { path, args } = program(options, &name)?;
        let limit = options.environments.get(&name).copied().unwrap_or(function.environments).max(1);
        Ok(FunctionSpec {
            program: path,
            args,
            env: variables.functions.clone(),
            timeout: options.timeouts.get(&name).copied().unwrap_or(function.timeout),
            memory_mb: 256,
            limit,
            warm: options.warm.get(&name).copied().unwrap_or(function.warm).min(limit),
            log: services.logs.join(format!("{name}.log")),
            name,
        })
    };
    FUNCTIONS.iter().map(spec).collect()
}

fn program(options: &Options, name: &str) -> Result<Program, StartError> {
    if let Some(program) = options.programs.get(name) {
        return Ok(program.clone());
    }
    let folder = match &options.program_folder {
        Some(folder) => folder.clone(),
        None => processes::program_folder()
            .map_err(|source| StartError::Folder { what: "the program's own folder".to_owned(), source })?,
    };
    let path: PathBuf = folder.join(name);
    if path.is_file() { Ok(Program { path, args: Vec::new() }) } else { Err(StartError::NoProgram(path)) }
}

fn http_api(options: &Options, functions: &Arc<Functions>) -> Result<HttpApi, StartError> {
    let webhook = |(method, path)| Route { method, path, function: "twiml" };
    Ok(HttpApi {
        functions: Arc::clone(functions),
        routes: WEBHOOKS.into_iter().map(webhook).collect(),
        default: "api",
        integration: options.http_integration,
        names: Names::new(names::seed()?),
    })
}
