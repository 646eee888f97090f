//! The other end of a simulated call, as small as a test needs: TwiML from a list, and a closure for the stream.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, post};
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use local::call::{CallReport, Caller, Config};
use serde_json::Value;
use shared::redact::Secret;
use shared::twilio::signature::{Content, HEADER, Request as Signed, Signer};
use shared::twilio::webhook::Form;
use tokio::net::TcpListener;

pub(crate) const TOKEN: &str = "12345";

/// A form that was posted.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) path: String,
    pub(crate) form: BTreeMap<String, String>,
}

type OnStream = Arc<dyn Fn(Stream) -> BoxFuture<'static, ()> + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Bridge {
    pub(crate) origin: String,
    /// What `/twiml`, `/twiml/1`, `/twiml/2` … answer; `{ws}` is the stream's address.
    documents: Arc<Vec<String>>,
    posts: Arc<Mutex<Vec<Post>>>,
    streams: Arc<Mutex<Vec<HeaderMap>>>,
    on_stream: OnStream,
}

impl Bridge {
    pub(crate) async fn start<F>(documents: &[&str], on_stream: impl Fn(Stream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let ws = format!("{}/call", origin.replace("http", "ws"));
        let bridge = Self {
            documents: Arc::new(
                documents.iter().map(|text| text.replace("{ws}", &ws).replace("{origin}", &origin)).collect(),
            ),
            origin,
            posts: Arc::default(),
            streams: Arc::default(),
            on_stream: Arc::new(move |stream| Box::pin(on_stream(stream))),
        };
        let app = Router::new().route("/call", any(stream)).fallback(post(webhook)).with_state(bridge.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        bridge
    }

    pub(crate) fn config(&self, script: &str) -> Config {
        let mut config = Config::new(format!("{}/twiml", self.origin).parse().unwrap(), Secret::new(TOKEN));
        config.script = Arc::new(script.parse().unwrap());
        config
    }

    pub(crate) async fn call(&self, script: &str) -> CallReport {
        self.run(self.config(script)).await
    }

    pub(crate) async fn run(&self, config: Config) -> CallReport {
        tokio::time::timeout(Duration::from_secs(60), Caller::new(config).run()).await.expect("the call ends")
    }

    pub(crate) fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }

    /// Headers of every upgrade.
    pub(crate) fn upgrades(&self) -> Vec<HeaderMap> {
        self.streams.lock().unwrap().clone()
    }
}

async fn webhook(State(bridge): State<Bridge>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let form = Form::parse(&body).unwrap();
    let url = format!("{}{}", bridge.origin, head.uri.path());
    if !signed(&head.headers, &url, Content::Form(form.pairs())) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let path = head.uri.path().to_owned();
    let number = path.strip_prefix("/twiml").map(|rest| rest.trim_start_matches('/').parse().unwrap_or(0_usize));
    bridge.posts.lock().unwrap().push(Post { path, form: form.pairs().iter().cloned().collect() });
    match number.map(|number| bridge.documents.get(number)) {
        Some(Some(document)) => ([("content-type", "text/xml")], document.clone()).into_response(),
        Some(None) => StatusCode::NOT_FOUND.into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

fn signed(headers: &HeaderMap, url: &str, content: Content<'_>) -> bool {
    let signature = headers.get(HEADER).and_then(|value| value.to_str().ok());
    Signer::new(&Secret::new(TOKEN)).verify(&Signed { url, content, signature }).is_ok()
}

async fn stream(State(bridge): State<Bridge>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let url = format!("{}/call", bridge.origin.replace("http", "ws"));
    if !signed(&headers, &url, Content::UrlOnly) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let number = {
        let mut streams = bridge.streams.lock().unwrap();
        streams.push(headers);
        streams.len()
    };
    upgrade.on_upgrade(async move |socket| {
        (bridge.on_stream)(Stream { socket, number, sid: String::new(), messages: Vec::new() }).await;
    })
}

/// A caller's stream, from the server's end.
pub(crate) struct Stream {
    socket: WebSocket,
    /// Counted from 1.
    pub(crate) number: usize,
    pub(crate) sid: String,
    pub(crate) messages: Vec<(Instant, Value)>,
}

impl Stream {
    /// The next message; `None` once the socket has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let Message::Text(text) = self.socket.recv().await?.ok()? else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            self.messages.push((Instant::now(), message.clone()));
            if message["event"] == "start" {
                self.sid = message["streamSid"].as_str().unwrap().to_owned();
            }
            return Some(message);
        }
    }

    pub(crate) async fn until(&mut self, event: &str) -> Option<Value> {
        loop {
            let message = self.next().await?;
            if message["event"] == event {
                return Some(message);
            }
        }
    }

    /// Everything to the end of the socket.
    pub(crate) async fn rest(&mut self) {
        while self.next().await.is_some() {}
    }

    pub(crate) async fn media(&mut self, mulaw: &[u8]) {
        let payload = shared::audio::Payload::encode(mulaw);
        let sid = self.sid.clone();
        self.send(&format!(
            r#"{{"event":"media","streamSid":"{sid}","media":{{"payload":"{}"}}}}"#,
            payload.as_base64()
        ))
        .await;
    }

    pub(crate) async fn mark(&mut self, name: &str) {
        let sid = self.sid.clone();
        self.send(&format!(r#"{{"event":"mark","streamSid":"{sid}","mark":{{"name":"{name}"}}}}"#)).await;
    }

    pub(crate) async fn clear(&mut self) {
        let sid = self.sid.clone();
        self.send(&format!(r#"{{"event":"clear","streamSid":"{sid}"}}"#)).await;
    }

    pub(crate) async fn send(&mut self, text: &str) {
        let _gone = self.socket.send(Message::Text(text.to_owned().into())).await;
    }

    /// Says that it closes, and waits until the caller has heard it.
    pub(crate) async fn close(&mut self) {
        let _gone = self.socket.send(Message::Close(None)).await;
        self.rest().await;
    }

    pub(crate) async fn send_binary(&mut self) {
        let _gone = self.socket.send(Message::Binary(vec![0; 4].into())).await;
    }

    pub(crate) fn since_start(&self, at: Instant) -> Duration {
        let start = self.messages.iter().find(|(_, message)| message["event"] == "start");
        at.duration_since(start.unwrap().0)
    }
}
