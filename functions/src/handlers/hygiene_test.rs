//! Listens to the logs: no number, no word and no secret is said aloud, whatever happens.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use shared::agent::Agent;
use shared::calls::{CallStatus, Ending, MediaPath};
use shared::config::{ApiConfig, ConnectConfig, LogsConfig, ToolsConfig, TwimlConfig, WebhookAuth};
use shared::console::Keys;
use shared::limits::{CallLimits, Gate, Rate};
use shared::ownership::Outcome;
use shared::redact::Secret;
use shared::tools::ToolRequest;
use shared::tools::own::HttpFault;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::api::Api;
use super::testing::{
    AUTH_TOKEN, CALL, CALLED, CALLER, CONNECT, CONNECTION, CRM_KEY, DISCONNECT, Http, NOW_MS, PUBLIC_URL,
    PUBLIC_WSS_URL, STRANGER, STREAM, World, frame, media, start, test_calls, ws_event,
};
use super::tool_call::{OwnDoors, ToolCall};
use super::twiml::Twiml;
use super::ws_connect::WsConnect;
use super::ws_default::WsDefault;
use super::ws_disconnect::WsDisconnect;
use super::ws_logs::WsLogs;

const CONSOLE_TOKEN: &str = "console-token-4711";
const STREAM_TOKEN: &str = "stream-token-4711";
const ANOTHER_CALL: &str = "CA00000000000000000000000000000002";
const SPOKEN: &str = "Springfield";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn twiml(world: &World) -> Twiml<World, World, World, World, World> {
    let config = TwimlConfig {
        public_url: PUBLIC_URL.parse().unwrap(),
        public_wss_url: PUBLIC_WSS_URL.parse().unwrap(),
        auth: WebhookAuth::Signed(Secret::new(AUTH_TOKEN)),
        gate: Gate { strangers: Rate::per_minute(2), ..Gate::default() },
        limits: CallLimits { of_a_caller: Rate::per_minute(1), at_once: Some(40) },
        media_path: MediaPath::Gateway,
        table: "t".to_owned(),
        control_url: "https://control.example.com/control".parse().unwrap(),
        telephony: None,
        agent: Agent::default(),
    };
    Twiml::new(world.clone(), world.clone(), Some(world.clone()), world.clone(), world.clone(), config)
}

/// Good and bad, with the store in order and on fire.
async fn webhooks(world: &World) {
    let incoming = [("CallSid", CALL), ("From", CALLER), ("To", CALLED)];
    let twiml = twiml(world);
    for request in [
        Http::post("/twiml").form(&incoming).signed(),
        Http::post("/twiml").form(&incoming),
        Http::post("/twiml").form(&[("From", CALLER), ("SpeechResult", SPOKEN)]).signed(),
        Http::get(&format!("/twiml?CallSid={CALL}&From=%2B15551234567")),
        Http::post("/twiml").form(&[("CallSid", ANOTHER_CALL), ("From", CALLER), ("To", CALLED)]).signed(),
        Http::post("/twiml/resume").form(&incoming).signed(),
        Http::post("/call/status").form(&[("CallSid", CALL), ("From", CALLER), ("CallStatus", "completed")]).signed(),
        Http::post("/stream/status")
            .form(&[("CallSid", CALL), ("StreamSid", STREAM), ("StreamEvent", "stream-error"), ("StreamError", SPOKEN)])
            .signed(),
        Http::new("PATCH", "/twiml"),
    ] {
        twiml.handle(request.event()).await;
    }
}

async fn sockets(world: &World) {
    let config = ConnectConfig {
        public_wss_url: PUBLIC_WSS_URL.parse().unwrap(),
        auth: WebhookAuth::Signed(Secret::new(AUTH_TOKEN)),
        gate: Gate { strangers: Rate::per_minute(1), ..Gate::default() },
        table: "t".to_owned(),
    };
    let connect = WsConnect::new(world.clone(), &config);
    let forged = ws_event(CONNECT, |event| event["headers"]["X-Twilio-Signature"] = json!(AUTH_TOKEN));
    connect.handle(&forged).await;
    connect.handle(&forged).await;
    let frames = WsDefault::new(world.clone(), world.clone(), world.clone());
    for event in [start("stolen-4711"), start(STREAM_TOKEN), frame(&media(2)), frame(SPOKEN), frame("{\"event\":1}")] {
        frames.handle(&event).await;
    }
    world.state().outcomes_at = [("relay-1".into(), Outcome::NotMine)].into();
    frames.handle(&frame(&media(3))).await;
    world.state().outcomes_at = [("relay-1".into(), Outcome::Dead)].into();
    frames.handle(&frame(&media(4))).await;
    WsDisconnect::new(world.clone(), world.clone()).handle(&ws_event(DISCONNECT, |_| {})).await;
}

async fn the_rest(world: &World) {
    let config = ApiConfig {
        public_url: PUBLIC_URL.parse().unwrap(),
        media_path: MediaPath::Gateway,
        table: "t".to_owned(),
        bucket: "b".to_owned(),
        control_url: "https://control.example.com/control".parse().unwrap(),
        telephony: None,
        tool_call_function: "tool-call".to_owned(),
        guard: Default::default(),
        model_url: "wss://api.openai.com/v1/realtime".parse().unwrap(),
        model_key: Some(Secret::new("sk-1")),
        model: "gpt-realtime-2.1".to_owned(),
        console: Keys::new(Some(Secret::new(CONSOLE_TOKEN)), &PUBLIC_URL.parse().unwrap()),
        oidc: None,
        edge: Some(Secret::new("edge-token")),
        origins: vec!["https://console.example.com".to_owned()],
        test_calls: test_calls(),
    };
    let api = Api::new(
        (world.clone(), world.clone(), world.clone()),
        world.clone(),
        Some(world.clone()),
        world.clone(),
        (world.clone(), Box::new(world.clone())),
        config,
        Arc::new(world.clone()),
    );
    for token in [CONSOLE_TOKEN, "wrong-token-4711"] {
        let request = Http::get(&format!("/calls/{CALL}")).header("authorization", &format!("Bearer {token}"));
        api.handle(request.event()).await;
    }
    for (method, path, document) in [
        ("POST", "/api/agents".to_owned(), json!({ "id": "night", "instructions": SPOKEN })),
        ("PUT", format!("/api/numbers/{CALLED}"), json!({ "agent": "night" })),
        ("POST", format!("/api/calls/{CALL}/agent"), json!({ "agent": "night" })),
        ("PUT", "/api/agents/night".to_owned(), json!({ "voice": SPOKEN })),
        ("DELETE", format!("/api/callers/{CALLER}"), json!({})),
    ] {
        for token in [CONSOLE_TOKEN, "wrong-token-4711"] {
            let request = Http::new(method, &path).json(&document);
            api.handle(request.header("authorization", &format!("Bearer {token}")).event()).await;
        }
    }
    consoles(world).await;
    let nowhere: url::Url = "http://127.0.0.1:9".parse().unwrap();
    let config = ToolsConfig {
        table: "t".to_owned(),
        weather_url: nowhere.clone(),
        geocoding_url: nowhere,
        guard: Default::default(),
        secrets_arn: None,
        functions: Vec::new(),
    };
    let own = OwnDoors { http: world.clone(), secrets: world.clone(), functions: world.clone() };
    let tools = ToolCall::new(world.clone(), world.clone(), own, world.clone(), config);
    world.state().tools.answers = [Err(HttpFault::BrokenOff)].into();
    let booking = Box::new(shared::testkit::own_tool());
    for (call, name, arguments) in [
        ("0", "book_table", format!("{{\"name\":\"{SPOKEN}\"}}")),
        ("1", "get_weather", format!("{{\"place\":\"{SPOKEN}\"}}")),
        ("1", "get_weather", format!("{{\"place\":\"{SPOKEN}\"}}")),
        ("2", "lookup_prescription", format!("{{\"number\":\"{SPOKEN}\"}}")),
        ("3", "lookup_menu", SPOKEN.to_owned()),
        ("4", "take_message", format!("{{\"number\":\"{CALLER}\",\"text\":\"{SPOKEN}\"}}")),
        ("5", "schedule_callback", format!("{{\"number\":\"{CALLER}\",\"when\":\"{SPOKEN}\",\"why\":\"x\"}}")),
    ] {
        let arguments = arguments.as_str().into();
        let _outcome = tools
            .handle(&ToolRequest {
                sid: CALL.into(),
                call: call.into(),
                name: name.to_owned(),
                arguments,
                agent: "default".into(),
                own: (name == "book_table").then(|| booking.clone()),
            })
            .await;
    }
}

/// Consoles that watch, with a token and without.
async fn consoles(world: &World) {
    let config = LogsConfig {
        table: "t".to_owned(),
        logs_url: "https://logs.example.com/logs".parse().unwrap(),
        control_url: "https://control.example.com/control".parse().unwrap(),
        console: Keys::new(Some(Secret::new(CONSOLE_TOKEN)), &PUBLIC_URL.parse().unwrap()),
    };
    let logs = WsLogs::new(world.clone(), world.clone(), world.clone(), world.clone(), &config);
    logs.handle(&ws_event(CONNECT, |event| event["headers"]["Origin"] = json!("https://console.example.com"))).await;
    for said in [
        json!({ "action": "hello", "token": "wrong-token-4711" }),
        json!({ "action": "hello", "token": CONSOLE_TOKEN }),
        json!({ "action": "listen", "call": CALL }),
        json!({ "action": "subscribe", "call": CALL }),
        json!({ "action": SPOKEN }),
    ] {
        logs.handle(&frame(&said.to_string())).await;
    }
    logs.handle(&ws_event(DISCONNECT, |_| {})).await;
}

/// Everything that can be done in one world, and what was logged at `level` and above.
fn listen(level: LevelFilter) -> String {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().json().without_time().with_max_level(level).with_writer(log.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            for status in [CallStatus::InProgress, CallStatus::Ended(Ending::ModelUnavailable)] {
                let world = World::new().with_connection(CONNECTION).with_token(STREAM_TOKEN, NOW_MS + 1);
                webhooks(&world).await;
                let world = world.with_call(status);
                sockets(&world).await;
                the_rest(&world).await;
                world.state().broken = true;
                webhooks(&world).await;
                sockets(&world).await;
                the_rest(&world).await;
            }
        });
    });
    let text = log.0.lock().unwrap().clone();
    String::from_utf8(text).unwrap()
}

#[test]
fn no_number_no_word_and_no_secret_is_said_aloud() {
    let log = listen(LevelFilter::INFO);
    let codes = ["call_opened", "signature_refused", "webhook_malformed", "stream_refused", "stream_bound"];
    for code in codes.into_iter().chain([
        "frame_garbled",
        "frame_dropped",
        "call_lost",
        "tool_failed",
        "store_failed",
        "stream_failed",
        "caller_limited",
        "address_limited",
        "rate_not_counted",
        "agent_saved",
        "caller_erased",
        "console_token_refused",
        "console_watches",
    ]) {
        assert!(log.contains(&format!("\"code\":\"{code}\"")), "`{code}` was not provoked:\n{log}");
    }
    for secret in ["1555", STRANGER, "4711", SPOKEN, AUTH_TOKEN, "token-1", CRM_KEY] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "`{secret}` is in the log");
    }
}

#[test]
fn not_even_debugging_tells_a_number_or_a_secret() {
    let log = listen(LevelFilter::TRACE);
    for secret in ["15551234567", "15557654321", AUTH_TOKEN, STREAM_TOKEN, CONSOLE_TOKEN] {
        assert!(!log.contains(secret), "`{secret}` is in the log");
    }
}
