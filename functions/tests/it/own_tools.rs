//! Tools of one's own against real sockets: services that answer too much, too slowly, or with something else; names that lead
//! where nobody may go; and the ledger that sees to it that nothing happens twice.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::{any, get, post};
use functions::adapters::clock::SystemClock;
use functions::adapters::http_fetch::HttpFetch;
use functions::adapters::http_tools::{HttpTools, Resolve};
use functions::adapters::own_functions::OwnFunctions;
use functions::adapters::tool_secrets::SecretsOfTools;
use functions::handlers::tool_call::{OwnDoors, ToolCall};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use shared::config::ToolsConfig;
use shared::ports::{ReadAudit as _, ToolLedger as _};
use shared::tools::own::OwnTool;
use shared::tools::{ToolErrorKind, ToolOutcome, ToolRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

use crate::http_server::serve;
use crate::world::{CALL, lambda_at, store};

const SECRET: &str = "s3cret-0f-the-crm";

/// Names that lead where a test says.
struct Names(BTreeMap<&'static str, Vec<IpAddr>>);

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str, _port: u16) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        let found = self.0.get(host).cloned();
        Box::pin(async move { found.ok_or_else(|| std::io::ErrorKind::NotFound.into()) })
    }
}

fn names() -> Names {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    Names(BTreeMap::from([
        ("service.example", vec![ip("127.0.0.1")]),
        ("metadata.example", vec![ip("169.254.169.254")]),
        ("both.example", vec![ip("93.184.215.14"), ip("127.0.0.1")]),
        ("mapped.example", vec![ip("::ffff:127.0.0.1")]),
        ("nowhere.example", Vec::new()),
    ]))
}

type Tools =
    ToolCall<functions::adapters::dynamo::Store, HttpFetch, HttpTools, SecretsOfTools, OwnFunctions, SystemClock>;

struct World {
    tools: Arc<Tools>,
    store: functions::adapters::dynamo::Store,
    /// `http://service.example:PORT/`, which is trusted.
    service: Url,
    port: u16,
}

/// A service that tools may ask although it is on this machine.
async fn world(service: Router) -> World {
    world_at(serve(service).await, Vec::new()).await
}

async fn world_at(listens: Url, functions: Vec<String>) -> World {
    let port = listens.port().unwrap();
    let store = store().await;
    let nowhere: Url = "http://127.0.0.1:9".parse().unwrap();
    let config = ToolsConfig {
        table: "t".to_owned(),
        weather_url: nowhere.clone(),
        geocoding_url: nowhere,
        guard: format!("service.example:{port}").parse().unwrap(),
        secrets_arn: None,
        functions: functions.clone(),
    };
    let own = OwnDoors {
        http: HttpTools::new(config.guard.clone(), names()),
        secrets: SecretsOfTools::environment(|key| (key == "TOOL_SECRET_CRM_KEY").then(|| SECRET.to_owned())),
        functions: OwnFunctions::new(lambda_at(&listens), functions),
    };
    let tools = Arc::new(ToolCall::new(store.clone(), HttpFetch::new(), own, SystemClock, config));
    World { tools, store, service: format!("http://service.example:{port}/").parse().unwrap(), port }
}

fn request(call: &str, target: Value) -> ToolRequest {
    let definition = json!({
        "name": "own_tool",
        "description": "A tool.",
        "parameters": { "type": "object", "properties": { "q": { "type": "string" } } },
        "target": target,
        "timeout_ms": 1_500,
    });
    let own: OwnTool = serde_json::from_value(definition).unwrap();
    ToolRequest {
        sid: CALL.into(),
        call: call.into(),
        name: "own_tool".to_owned(),
        arguments: r#"{"q":"a b/../c"}"#.into(),
        agent: "default".into(),
        own: Some(Box::new(own)),
    }
}

impl World {
    fn get(&self, path: &str) -> Value {
        json!({ "type": "http", "method": "GET", "url": self.service.join(path).unwrap().as_str().replace("%7B", "{").replace("%7D", "}") })
    }

    /// The outcome of one GET, and the cause that the audit has for it.
    async fn ask(&self, path: &str) -> (ToolOutcome, Option<String>) {
        self.run(request(path, self.get(path))).await
    }

    async fn run(&self, request: ToolRequest) -> (ToolOutcome, Option<String>) {
        let outcome = self.tools.handle(&request).await;
        let runs = self.store.tool_runs(&request.sid).await.unwrap();
        let run = runs.into_iter().rev().find(|run| run.call == request.call).unwrap();
        assert_eq!(run.error, outcome.as_ref().err().map(|error| error.kind));
        (outcome, run.cause)
    }

    async fn cause(&self, path: &str) -> String {
        self.ask(path).await.1.unwrap()
    }
}

async fn echo(headers: HeaderMap, uri: axum::http::Uri, body: Bytes) -> axum::response::Response {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let said = json!({
        "uri": uri.to_string(),
        "host": header("host"),
        "authorization": header("authorization"),
        "key": header("idempotency-key").map(|key| key.len()),
        "encoding": header("accept-encoding"),
        "type": header("content-type"),
        "body": serde_json::from_slice::<Value>(&body).unwrap_or_default(),
    });
    axum::Json(said).into_response()
}

#[tokio::test]
async fn a_request_arrives_as_it_was_defined_and_no_secret_comes_back() {
    let world = world(Router::new().route("/{*any}", any(echo))).await;
    let mut target = world.get("orders/{q}?x=1");
    target["method"] = json!("PUT");
    target["headers"] = json!({ "Authorization": "Bearer {{secret:CRM_KEY}}" });
    target["body"] = json!({ "template": { "for": "{q}" } });
    let (outcome, _) = world.run(request("c1", target)).await;
    let text = outcome.unwrap().into_revealed();
    assert!(!text.contains(SECRET), "{text}");
    let said: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(said["uri"], "/orders/a%20b%2F..%2Fc?x=1");
    assert_eq!(said["host"], format!("service.example:{}", world.port));
    assert_eq!((&said["authorization"], &said["key"]), (&json!("Bearer ‹secret›"), &json!(32)));
    assert_eq!((&said["encoding"], &said["type"]), (&json!("identity"), &json!("application/json")));
    assert_eq!(said["body"], json!({ "for": "a b/../c" }));
}

#[tokio::test]
async fn no_name_and_no_redirect_leads_a_tool_inside() {
    let reached = Arc::new(AtomicUsize::new(0));
    let inside = async |State(reached): State<Arc<AtomicUsize>>| {
        reached.fetch_add(1, Ordering::Relaxed);
        axum::Json(json!({ "role": "admin" }))
    };
    let inner = serve(Router::new().fallback(inside).with_state(reached.clone())).await.port().unwrap();
    let to = |url: String| get(async move || (StatusCode::FOUND, [(header::LOCATION, url)]));
    let service = Router::new()
        .route("/literal", to("http://169.254.169.254/latest/meta-data/".to_owned()))
        .route("/name", to("http://metadata.example/latest/meta-data/".to_owned()))
        .route("/v6", to("http://[fd00:ec2::254]/".to_owned()))
        .route("/number", to("http://2130706433/".to_owned()))
        .route("/localhost", to("http://localhost/".to_owned()))
        .route("/port", to(format!("http://127.0.0.1:{inner}/")))
        .route("/same-name", to(format!("http://service.example:{inner}/")))
        .route("/file", to("file:///etc/passwd".to_owned()))
        .route("/round", to("/round".to_owned()))
        .route("/fine", to("/there".to_owned()))
        .route("/there", get(async || axum::Json(json!(1))));
    let world = world(service).await;
    for path in ["literal", "name", "v6", "number", "localhost", "port", "same-name", "file"] {
        assert_eq!(world.cause(path).await, "address_refused", "{path}");
    }
    assert_eq!(world.cause("round").await, "too_many_redirects");
    assert_eq!(world.ask("fine").await.0, Ok("1".into()));
    for name in ["metadata", "both", "mapped"] {
        let target = json!({ "type": "http", "method": "GET", "url": format!("http://{name}.example/") });
        let (outcome, cause) = world.run(request(name, target)).await;
        assert_eq!((outcome.unwrap_err().kind, cause.as_deref()), (ToolErrorKind::Internal, Some("address_refused")));
    }
    for name in ["nowhere", "unknown"] {
        let target = json!({ "type": "http", "method": "GET", "url": format!("http://{name}.example/") });
        assert_eq!(world.run(request(name, target)).await.1.as_deref(), Some("unresolvable"));
    }
    assert_eq!(reached.load(Ordering::Relaxed), 0, "nothing was ever connected");
}

#[tokio::test]
async fn an_answer_that_is_too_much_or_no_data_is_refused() {
    let big = || format!("\"{}\"", "x".repeat(5 * 1024 * 1024));
    let endless = async || {
        let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 16_384])));
        ([(header::CONTENT_TYPE, "application/json")], axum::body::Body::from_stream(chunks))
    };
    let json = |body: &'static [u8]| get(async move || ([(header::CONTENT_TYPE, "application/json")], body));
    let bomb = get(async || {
        ([(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, "gzip")], &b"\x1f\x8b\x08"[..])
    });
    let service = Router::new()
        .route("/big", get(async move || ([(header::CONTENT_TYPE, "application/json")], big())))
        .route("/endless", get(endless))
        .route("/html", get(async || axum::response::Html("<html>hello</html>")))
        .route("/not-json", json(b"{\"a\":"))
        .route("/not-utf8", json(b"\"\xff\xfe\""))
        .route("/not-text", get(async || ([(header::CONTENT_TYPE, "text/plain")], &b"Gru\xdf"[..])))
        .route("/bomb", bomb)
        .route("/down", get(async || StatusCode::BAD_GATEWAY))
        .route("/empty", get(async || StatusCode::NO_CONTENT));
    let world = world(service).await;
    for (path, cause) in [
        ("big", "answer_too_large"),
        ("endless", "answer_too_large"),
        ("html", "html"),
        ("not-json", "not_json"),
        ("not-utf8", "not_json"),
        ("not-text", "not_text"),
        ("bomb", "compressed"),
        ("down", "http_502"),
    ] {
        assert_eq!(world.cause(path).await, cause, "{path}");
    }
    assert_eq!(world.ask("empty").await.0, Ok(r#"{"status":204}"#.into()));
}

/// A server that says this to whoever connects, and then nothing; or goes on, byte by byte.
async fn raw(says: &'static [u8], drips: bool) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                let _read = socket.read(&mut buffer).await;
                let _written = socket.write_all(says).await;
                while drips && socket.write_all(b" ").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn a_service_that_drips_or_breaks_off_is_not_waited_for() {
    let drip =
        world_at(raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", true).await, Vec::new()).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(drip.cause("loris").await, "timed_out");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let head = world_at(raw(b"HTTP/1.1 200 OK\r\nX-Slow: a", true).await, Vec::new()).await;
    assert_eq!(head.cause("slow-head").await, "timed_out");
    let short = raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{}", false).await;
    assert_eq!(world_at(short, Vec::new()).await.cause("wrong-length").await, "broken_off");
    let nonsense = world_at(raw(b"SSH-2.0-OpenSSH_9.6\r\n", false).await, Vec::new()).await;
    assert_eq!(nonsense.cause("no-http").await, "broken_off");
}

#[tokio::test]
async fn what_is_asked_twice_is_done_once_also_when_the_caller_has_hung_up() {
    let done = Arc::new(AtomicUsize::new(0));
    let book = async |State(done): State<Arc<AtomicUsize>>| {
        tokio::time::sleep(Duration::from_millis(600)).await;
        axum::Json(json!({ "booking": done.fetch_add(1, Ordering::Relaxed) + 1 }))
    };
    let world = world(Router::new().route("/book", post(book)).with_state(done.clone())).await;
    let mut target = world.get("book");
    target["method"] = json!("POST");
    target["body"] = json!("arguments");
    let request = request("call_1", target);
    // The function goes on when nobody waits for it any more; another relay asks for the same in the meantime.
    let (tools, asked) = (world.tools.clone(), request.clone());
    let function = tokio::spawn(async move { tools.handle(&asked).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(world.tools.handle(&request).await, Ok(r#"{"booking":1}"#.into()));
    assert_eq!(function.await.unwrap(), Ok(r#"{"booking":1}"#.into()));
    assert_eq!(world.tools.handle(&request).await, Ok(r#"{"booking":1}"#.into()));
    let runs = world.store.tool_runs(&request.sid).await.unwrap();
    assert_eq!((done.load(Ordering::Relaxed), runs.len(), runs[0].status), (1, 1, Some(200)));
    assert_eq!(world.store.begin(&request).await.unwrap(), Some(Ok(r#"{"booking":1}"#.into())));
}

#[tokio::test]
async fn a_service_that_is_busy_is_asked_again_if_that_does_no_harm() {
    let asked = Arc::new(AtomicUsize::new(0));
    let busy = async |State(asked): State<Arc<AtomicUsize>>| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => axum::Json(json!({ "ok": true })).into_response(),
    };
    let world = world(Router::new().route("/busy", get(busy)).with_state(asked.clone())).await;
    let mut target = world.get("busy");
    target["retries"] = json!(1);
    assert_eq!(world.run(request("c1", target)).await.0, Ok(r#"{"ok":true}"#.into()));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_function_is_invoked_once_and_only_if_the_installation_names_it() {
    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:orders";
    let invoked = Arc::new(AtomicUsize::new(0));
    let lambda = async |State(invoked): State<Arc<AtomicUsize>>, body: Bytes| {
        let event: Value = serde_json::from_slice(&body).unwrap();
        match invoked.fetch_add(1, Ordering::Relaxed) {
            0 => axum::Json(json!({ "asked": event["arguments"]["q"], "call": event["call"] })).into_response(),
            _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    };
    let service = serve(Router::new().fallback(lambda).with_state(invoked.clone())).await;
    let world = world_at(service, vec![ARN.to_owned()]).await;
    let target = |arn: &str| json!({ "type": "lambda", "arn": arn });
    let (outcome, _) = world.run(request("c1", target(ARN))).await;
    assert_eq!(outcome, Ok(format!(r#"{{"asked":"a b/../c","call":"{CALL}"}}"#).into()));
    let (outcome, _) = world.run(request("c2", target(ARN))).await;
    assert_eq!((outcome.unwrap_err().kind, invoked.load(Ordering::Relaxed)), (ToolErrorKind::Unavailable, 2));
    let (outcome, _) = world.run(request("c3", target(&ARN.replace("orders", "secrets")))).await;
    assert_eq!((outcome.unwrap_err().kind, invoked.load(Ordering::Relaxed)), (ToolErrorKind::Internal, 2));
}
