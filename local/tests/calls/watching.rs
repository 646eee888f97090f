//! Consoles that watch real calls through the real binaries, as a browser would.

use std::collections::BTreeMap;

use futures_util::{SinkExt as _, StreamExt as _};
use local::call::{CallReport, Caller};
use local::model::Script;
use serde_json::{Value, json};
use shared::calls::MediaPath;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Duration, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::house::{House, MACHINE, events};

const MODEL: &str = include_str!("../../assets/scripts/pharmacy.model");
const CALLER: &str = include_str!("../../assets/scripts/pharmacy.caller");
const PATIENCE: Duration = Duration::from_secs(30);

/// A console: what it knows, each thing once and in its latest form.
struct Console {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    cursor: Value,
    calls: BTreeMap<String, Value>,
    lines: BTreeMap<(u64, u64), Value>,
    events: BTreeMap<(u64, u64), Value>,
    /// Every form in which lines were shown.
    forms: Vec<Value>,
    heard: BTreeMap<String, usize>,
    /// By name, what tools were asked and answered.
    tools: BTreeMap<String, Value>,
}

impl Console {
    async fn come(house: &House, hello: Value) -> Self {
        let url = format!("{}logs", house.cloud.origin().as_str().replacen("http", "ws", 1));
        let (socket, _) = connect_async(url).await.unwrap();
        let mut console = Self {
            socket,
            cursor: Value::Null,
            calls: BTreeMap::new(),
            lines: BTreeMap::new(),
            events: BTreeMap::new(),
            forms: Vec::new(),
            heard: BTreeMap::new(),
            tools: BTreeMap::new(),
        };
        console.say(hello).await;
        let greeting = console.next().await;
        assert_eq!((&greeting["type"], &greeting["role"]), (&"hello".into(), &"admin".into()), "{greeting}");
        console.until(|_, frame| (frame["replayed"] == true).then_some(())).await;
        console
    }

    async fn say(&mut self, what: Value) {
        self.socket.send(Message::text(what.to_string())).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("in time").expect("an open socket").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(_) => panic!("the console was dropped"),
                _ => {}
            }
        }
    }

    /// Reads until it has seen what it waits for.
    async fn until<R>(&mut self, mut seen: impl FnMut(&Self, &Value) -> Option<R>) -> R {
        loop {
            let frame = self.next().await;
            if let Some(cursor) = frame.get("cursor") {
                self.cursor = cursor.clone();
            }
            frame["entries"].as_array().into_iter().flatten().for_each(|entry| self.learn(entry));
            if let Some(found) = seen(self, &frame) {
                return found;
            }
        }
    }

    fn learn(&mut self, entry: &Value) {
        let number = |value: &Value| value.as_u64().unwrap();
        match entry["kind"].as_str().unwrap() {
            "call" => _ = self.calls.insert(entry["call"]["sid"].as_str().unwrap().to_owned(), entry["call"].clone()),
            "line" => {
                self.forms.push(entry.clone());
                self.lines.insert((number(&entry["fence"]), number(&entry["line"]["number"])), entry.clone());
            }
            "event" => {
                self.events.insert((number(&entry["fence"]), number(&entry["number"])), entry["event"].clone());
            }
            "audio" => {
                let side = entry["side"].as_str().unwrap().to_owned();
                *self.heard.entry(side).or_default() += entry["mulaw"].as_str().unwrap().len() * 3 / 4;
            }
            "tool" => _ = self.tools.insert(entry["name"].as_str().unwrap().to_owned(), entry.clone()),
            "quality" => {}
            other => panic!("{other}"),
        }
    }

    fn has_ended(&self) -> bool {
        self.events.values().any(|event| event["event"] == "ended")
            && self.calls.values().any(|call| call["status"]["status"] == "ended")
    }

    /// Texts of final lines, in order.
    fn transcript(&self) -> Vec<String> {
        self.lines.values().map(|entry| entry["line"]["text"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

async fn house() -> House {
    let script: Script = MODEL.parse().unwrap();
    House::start(MediaPath::Gateway, script, |_| {}).await
}

fn calling(house: &House) -> JoinHandle<CallReport> {
    tokio::spawn(Caller::new(house.config(CALLER)).run())
}

/// What the API tells of the transcript.
async fn written(house: &House, sid: &str) -> Vec<String> {
    let call = house.ended(sid).await;
    let lines = call["transcript"].as_array().unwrap();
    lines.iter().map(|line| line["text"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_console_sees_words_while_they_are_spoken_and_hears_both_sides() {
    let _alone = MACHINE.lock().await;
    let house = house().await;
    let mut console = Console::come(&house, json!({ "action": "hello" })).await;
    let calling = calling(&house);
    let sid = console.until(|console, _| console.calls.keys().next().cloned()).await;
    console.say(json!({ "action": "listen", "call": sid })).await;
    console.until(|console, _| console.has_ended().then_some(())).await;
    let report = calling.await.unwrap();
    assert_eq!(report.sid, sid);
    assert_eq!(console.transcript(), written(&house, &sid).await);
    assert!(console.lines.values().all(|entry| entry["final"] == true), "{:#?}", console.lines);
    // The scripted model makes out what a caller said all at once.
    let grows = |entry: &Value| entry["line"]["speaker"] == "agent" && entry["final"] == false;
    assert!(console.forms.iter().any(grows), "no line grew: {:#?}", console.forms);
    for speaker in ["agent", "caller"] {
        assert!(console.heard.get(speaker).is_some_and(|bytes| *bytes > 8_000), "{speaker}: {:?}", console.heard);
    }
    let looked_up = &console.tools["lookup_prescription"];
    assert!(looked_up["arguments"].as_str().unwrap().contains("RX-1234"), "{looked_up}");
    assert!(looked_up["output"].as_str().unwrap().contains("amoxicillin"), "{looked_up}");
    console.say(json!({ "action": "ping" })).await;
    console.until(|_, frame| (frame["type"] == "pong").then_some(())).await;
    house.stop().await;
}

/// Whatever session of the model's hears the caller first, answers.
const SHORT: &str = r#"
pace 4
greeting
  say agent-greeting "Thank you for calling Harbour Street Pharmacy and Kitchen. How can I help you?"
resumed
  say agent-moment "One moment, I will check."
hear "Lovely. Thank you, goodbye."
  say agent-goodbye "Goodbye, and thank you for calling."
"#;
const PATIENT: &str = r#"
patience 40s
wait for agent
wait 8s
say caller-goodbye "Lovely. Thank you, goodbye."
wait for agent
wait 2s
hang up
"#;

/// Its socket breaks in the middle of a call, and the relay that has the call dies while it is away.
#[tokio::test]
async fn a_console_that_comes_back_with_its_cursor_misses_nothing() {
    let _alone = MACHINE.lock().await;
    let script: Script = SHORT.parse().unwrap();
    let house = House::start(MediaPath::Gateway, script, |options| options.relays = 2).await;
    let mut before = Console::come(&house, json!({ "action": "hello" })).await;
    let calling = tokio::spawn(Caller::new(house.config(PATIENT)).run());
    before.until(|console, _| console.lines.values().any(|entry| entry["final"] == true).then_some(())).await;
    let Console { socket, cursor, calls, lines, events: seen_before, .. } = before;
    drop(socket);
    let sid = calls.keys().next().unwrap().clone();
    house.cloud.signal_relay(holder(&house).await, "KILL").await.unwrap();
    // What nobody sees.
    crate::house::until(async || {
        let call = house.get(&format!("calls/{sid}")).await;
        (!events(&call, "resumed").is_empty()).then_some(())
    })
    .await;
    let mut after = Console::come(&house, json!({ "action": "hello", "since": cursor })).await;
    after.until(|console, _| console.has_ended().then_some(())).await;
    calling.await.unwrap();
    after.lines.extend(lines.into_iter().filter(|(key, _)| !after.lines.contains_key(key)).collect::<Vec<_>>());
    let seen = after.transcript();
    let written = written(&house, &sid).await;
    assert!(written.len() >= 2 && written.iter().all(|line| seen.contains(line)), "{written:#?} of {seen:#?}");
    let told: Vec<Value> = house.ended(&sid).await["events"].as_array().unwrap().clone();
    let all: Vec<&Value> = seen_before.values().chain(after.events.values()).collect();
    assert!(told.iter().all(|event| all.contains(&&event["event"])), "{told:#?} of {all:#?}");
    house.stop().await;
}

/// Which of the two relays has the call.
async fn holder(house: &House) -> usize {
    let metrics = async |number: usize| {
        let url = format!("{}/metrics", house.cloud.relay_url(number).unwrap());
        reqwest::get(url).await.unwrap().text().await.unwrap()
    };
    let has_calls = |text: &str| text.lines().any(|line| line == "voicebridge_relay_calls 1");
    crate::house::until(async || {
        for number in 0..2 {
            if has_calls(&metrics(number).await) {
                return Some(number);
            }
        }
        None
    })
    .await
}

#[tokio::test]
async fn a_page_from_elsewhere_and_a_message_without_sense_are_refused() {
    let _alone = MACHINE.lock().await;
    let house = house().await;
    let url = format!("{}logs", house.cloud.origin().as_str().replacen("http", "ws", 1));
    let request = |origin: &'static str| {
        let mut request = tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(&url).unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        request
    };
    assert!(connect_async(request("https://evil.example")).await.is_err());
    let (mut socket, _) = connect_async(request("http://localhost:5173")).await.unwrap();
    socket.send(Message::text("{}")).await.unwrap();
    let refused = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
    let refused: Value = serde_json::from_str(refused.to_text().unwrap()).unwrap();
    assert_eq!((&refused["type"], &refused["status"]), (&"refused".into(), &400.into()));
    while let Some(Ok(message)) = timeout(PATIENCE, socket.next()).await.unwrap() {
        assert!(message.is_close(), "{message}");
    }
    house.stop().await;
}
