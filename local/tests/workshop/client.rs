//! A client of the Realtime API, as small as a test needs.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use local::model::{Handle, ScriptedModel};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Nothing in these tests takes longer.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) async fn model(script: &str) -> Handle {
    ScriptedModel::start(script.parse().unwrap(), ([127, 0, 0, 1], 0).into()).await.unwrap()
}

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Everything received so far, as text.
    pub(crate) frames: Vec<String>,
}

/// How a socket ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Closed(u16),
    Dropped,
}

impl Client {
    pub(crate) async fn connect(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = connect_async(request).await?;
        Ok(Self { socket, frames: Vec::new() })
    }

    /// A session that is configured for the telephone, with more settings of turn detection.
    pub(crate) async fn session(model: &Handle, turn_detection: Value) -> Self {
        let url = format!("{}?model=test-model", model.url());
        let mut client = Self::connect(&url, &[("authorization", "Bearer key")]).await.unwrap();
        client.send(&telephone(turn_detection)).await;
        client.until("session.updated").await;
        client
    }

    pub(crate) async fn send(&mut self, event: &Value) {
        self.send_text(&event.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Audio in frames of 20 ms, all at once.
    pub(crate) async fn append(&mut self, mulaw: &[u8]) {
        for frame in mulaw.chunks(160) {
            self.send(&json!({"type": "input_audio_buffer.append", "audio": STANDARD.encode(frame)})).await;
        }
    }

    /// The next frame, or how the socket ended.
    pub(crate) async fn next_text(&mut self) -> Result<String, End> {
        loop {
            let message = tokio::time::timeout(DEADLINE, self.socket.next()).await.expect("nothing came");
            match message {
                Some(Ok(Message::Text(text))) => {
                    self.frames.push(text.to_string());
                    return Ok(text.to_string());
                }
                Some(Ok(Message::Close(Some(CloseFrame { code, .. })))) => return Err(End::Closed(code.into())),
                Some(Ok(Message::Close(None)) | Err(_)) | None => return Err(End::Dropped),
                Some(Ok(_)) => {}
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Value {
        let text = self.next_text().await.expect("the socket ended");
        serde_json::from_str(&text).unwrap()
    }

    /// Everything up to the first event of this type, with it.
    pub(crate) async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            events.push(self.next().await);
            if events.last().unwrap()["type"] == kind {
                return events;
            }
        }
    }

    /// The first event of this type; what comes before it is passed over.
    pub(crate) async fn find(&mut self, kind: &str) -> Value {
        self.until(kind).await.pop().unwrap()
    }

    pub(crate) async fn end(&mut self) -> End {
        loop {
            if let Err(end) = self.next_text().await {
                return end;
            }
        }
    }
}

pub(crate) fn telephone(turn_detection: Value) -> Value {
    json!({"type": "session.update", "event_id": "configure", "session": {
        "type": "realtime", "output_modalities": ["audio"], "instructions": "Be brief.",
        "audio": {
            "input": {"format": {"type": "audio/pcmu"}, "transcription": {"model": "gpt-live-transcribe"},
                "turn_detection": turn_detection},
            "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"},
        },
        "tools": [{"type": "function", "name": "lookup", "parameters": {"type": "object"}}],
    }})
}

/// As the bridge asks for it: it creates its responses itself.
pub(crate) fn vad() -> Value {
    json!({"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
        "create_response": false, "interrupt_response": true})
}

pub(crate) fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

/// All audio in these events.
pub(crate) fn audio(events: &[Value]) -> Vec<u8> {
    let deltas = events.iter().filter(|event| event["type"] == "response.output_audio.delta");
    deltas.flat_map(|event| STANDARD.decode(event["delta"].as_str().unwrap()).unwrap()).collect()
}

pub(crate) fn speech(name: &str) -> Vec<u8> {
    local::assets::Sounds::default().find(name).unwrap().to_vec()
}

pub(crate) fn silence(ms: usize) -> Vec<u8> {
    vec![0xFF; ms * 8]
}
