//! A model that a test plays by hand, over a real WebSocket; and models that misbehave at once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use url::Url;

use crate::world::soon;

/// How a model takes a connection, in order; the last one holds for all that follow.
#[derive(Debug, Clone)]
pub enum Manner {
    /// As it should: the test plays the session.
    Speaks,
    /// Answers the handshake with this status.
    Status(u16),
    /// Accepts, and says nothing, not even 101.
    Mute,
    /// Shakes hands, then sends this many useless frames.
    Garbage(usize),
    /// Shakes hands, then neither reads nor writes.
    Freezes,
    /// Shakes hands, then drops the connection without a word.
    Drops,
}

#[derive(Debug)]
pub struct Model {
    pub url: Url,
    sessions: mpsc::Receiver<Session>,
}

#[derive(Debug)]
pub struct Session {
    pub path: String,
    pub authorization: String,
    pub socket: WebSocketStream<TcpStream>,
}

impl Model {
    pub async fn new() -> Self {
        Self::with([Manner::Speaks]).await
    }

    pub async fn with(manners: impl IntoIterator<Item = Manner>) -> Self {
        let manners: Vec<Manner> = manners.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("ws://{}/v1/realtime", listener.local_addr().unwrap())).unwrap();
        let (sender, sessions) = mpsc::channel(256);
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let manner = manners.get(number).or(manners.last()).unwrap().clone();
                tokio::spawn(meet(stream, manner, sender.clone()));
            }
        });
        Self { url, sessions }
    }

    pub async fn session(&mut self) -> Session {
        soon(self.sessions.recv()).await.unwrap()
    }

    /// A session that is configured and has been asked to greet.
    pub async fn ready(&mut self) -> Session {
        let mut session = self.session().await;
        session.configure().await;
        session
    }
}

async fn meet(mut stream: TcpStream, manner: Manner, sessions: mpsc::Sender<Session>) {
    match manner {
        Manner::Speaks => _ = sessions.send(shake_hands(stream).await).await,
        Manner::Status(status) => {
            let mut request = [0; 4096];
            let _read = stream.read(&mut request).await.unwrap();
            let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        Manner::Mute => {
            let mut everything = Vec::new();
            let _until_they_hang_up = stream.read_to_end(&mut everything).await;
        }
        Manner::Garbage(frames) => {
            let mut session = shake_hands(stream).await;
            for number in 0..frames {
                let frame = if number % 2 == 0 { Message::text("{not json") } else { Message::binary(vec![0; 9]) };
                if session.socket.send(frame).await.is_err() {
                    return;
                }
            }
            sessions.send(session).await.unwrap();
        }
        Manner::Freezes => {
            let session = shake_hands(stream).await;
            std::future::pending::<()>().await;
            drop(session);
        }
        Manner::Drops => drop(shake_hands(stream).await),
    }
}

async fn shake_hands(stream: TcpStream) -> Session {
    stream.set_nodelay(true).unwrap();
    let (mut path, mut authorization) = (String::new(), String::new());
    #[allow(clippy::result_large_err, reason = "tungstenite's own signature")]
    let note = |request: &Request, response: Response| {
        path = request.uri().to_string();
        authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async(stream, note).await.unwrap();
    Session { path, authorization, socket }
}

impl Session {
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match soon(self.socket.next()).await? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next command of this type; others are passed over.
    pub async fn expect(&mut self, kind: &str) -> Value {
        loop {
            let command = self.next().await.unwrap_or_else(|| panic!("the relay closed before {kind}"));
            if command["type"] == kind {
                return command;
            }
        }
    }

    pub async fn say(&mut self, event: Value) {
        self.socket.send(Message::text(event.to_string())).await.unwrap();
    }

    pub async fn socket_garbage(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub async fn configure(&mut self) {
        self.say(json!({ "type": "session.created", "event_id": "e", "session": { "id": "sess_1" } })).await;
        self.expect("session.update").await;
        self.say(json!({ "type": "session.updated", "event_id": "e", "session": {} })).await;
    }

    /// Whether this session comes to be asked for a greeting, or is closed before.
    pub async fn is_greeted(&mut self) -> bool {
        let ready = json!({ "type": "session.updated", "event_id": "e", "session": {} });
        if self.socket.send(Message::text(ready.to_string())).await.is_err() {
            return false;
        }
        while let Some(command) = self.next().await {
            if command["type"] == "response.create" {
                return true;
            }
        }
        false
    }

    /// A whole spoken response, one delta for each piece.
    pub async fn speak(&mut self, response: &str, pieces: &[Vec<u8>]) {
        let item = format!("item_{response}");
        self.say(json!({ "type": "response.created", "response": { "id": response, "status": "in_progress" } })).await;
        for piece in pieces {
            self.say(json!({
                "type": "response.output_audio.delta", "response_id": response, "item_id": item,
                "output_index": 0, "content_index": 0, "delta": STANDARD.encode(piece),
            }))
            .await;
        }
        self.say(json!({
            "type": "response.output_audio.done", "response_id": response, "item_id": item,
            "output_index": 0, "content_index": 0,
        }))
        .await;
        self.say(json!({ "type": "response.done", "response": { "id": response, "status": "completed" } })).await;
    }

    /// The next `count` frames of the caller's audio, as they were sent.
    pub async fn hear(&mut self, count: usize) -> Vec<String> {
        let mut heard = Vec::with_capacity(count);
        while heard.len() < count {
            let append = self.expect("input_audio_buffer.append").await;
            heard.push(append["audio"].as_str().unwrap().to_owned());
        }
        heard
    }
}
