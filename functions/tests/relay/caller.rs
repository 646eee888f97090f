//! The carrier's side of a stream: a WebSocket on the direct path, single posts on the gateway path.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use http::StatusCode;
use serde_json::{Value, json};
use shared::calls::MediaPath;
use shared::ownership::Lost;
use shared::redact::Secret;
use shared::twilio::signature::Signer;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::model::{Model, Session};
use crate::world::{AUTH_TOKEN, House, soon};

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What the carrier would sign the upgrade with.
pub fn signature(url: &str) -> String {
    Signer::new(&Secret::new(AUTH_TOKEN)).sign(url, &[])
}

pub async fn dial(house: &House, signature: Option<&str>) -> Result<Socket, Error> {
    let url = format!("ws://{}/call", house.relay.listening.public);
    let mut request = url.into_client_request().unwrap();
    if let Some(signature) = signature {
        request.headers_mut().insert("x-twilio-signature", signature.parse().unwrap());
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

/// A caller on the direct path.
#[derive(Debug)]
pub struct Caller {
    pub socket: Socket,
    pub stream: String,
    sequence: u64,
}

impl Caller {
    /// Connects and says `connected` and `start`.
    pub async fn call(house: &House, sid: &str) -> Self {
        Self::with_token(house, sid, &format!("token-{sid}")).await
    }

    pub async fn with_token(house: &House, sid: &str, token: &str) -> Self {
        let mut socket = dial(house, Some(&signature("wss://voice.example.com/call"))).await.unwrap();
        let stream = format!("MZ{sid}");
        socket.send(Message::text(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#)).await.unwrap();
        socket.send(Message::text(start(&stream, sid, token).to_string())).await.unwrap();
        Self { socket, stream, sequence: 1 }
    }

    /// On a socket that was let in already.
    pub async fn on(mut socket: Socket, sid: &str, token: &str) -> Self {
        let stream = format!("MZ{sid}");
        socket.send(Message::text(start(&stream, sid, token).to_string())).await.unwrap();
        Self { socket, stream, sequence: 1 }
    }

    pub async fn send(&mut self, text: String) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub async fn speak(&mut self, audio: &[u8]) {
        self.sequence += 1;
        let frame = media(&self.stream, self.sequence, audio);
        self.send(frame.to_string()).await;
    }

    pub async fn press(&mut self, digit: char) {
        self.sequence += 1;
        let dtmf = json!({
            "event": "dtmf", "sequenceNumber": self.sequence.to_string(), "streamSid": self.stream,
            "dtmf": { "track": "inbound_track", "digit": digit.to_string() },
        });
        self.send(dtmf.to_string()).await;
    }

    pub async fn stop(&mut self) {
        self.sequence += 1;
        let stop = json!({ "event": "stop", "sequenceNumber": self.sequence.to_string(), "streamSid": self.stream });
        self.send(stop.to_string()).await;
    }

    /// The next message; `None` when the relay has closed the stream.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match soon(self.socket.next()).await? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }

    /// This many bytes of what the agent says.
    pub async fn hear(&mut self, bytes: usize) -> Vec<u8> {
        let mut heard = Vec::with_capacity(bytes);
        while heard.len() < bytes {
            heard.extend(audio_of(&self.next().await.expect("more to hear")));
        }
        heard
    }
}

pub fn start(stream: &str, sid: &str, token: &str) -> Value {
    json!({
        "event": "start", "sequenceNumber": "1", "streamSid": stream,
        "start": {
            "accountSid": "AC1", "streamSid": stream, "callSid": sid, "tracks": ["inbound"],
            "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
            "customParameters": { "token": token },
        },
    })
}

/// Frame `sequence` of a stream whose second message was its first audio.
pub fn media(stream: &str, sequence: u64, audio: &[u8]) -> Value {
    json!({
        "event": "media", "sequenceNumber": sequence.to_string(), "streamSid": stream,
        "media": {
            "track": "inbound", "chunk": (sequence - 1).to_string(),
            "timestamp": ((sequence - 2) * 20).to_string(), "payload": STANDARD.encode(audio),
        },
    })
}

pub fn audio_of(message: &Value) -> Vec<u8> {
    message["media"]["payload"].as_str().map(|text| STANDARD.decode(text).unwrap()).unwrap_or_default()
}

/// Twenty milliseconds that nobody else says.
pub fn utterance(speaker: usize, number: usize) -> Vec<u8> {
    (0..160).map(|index| (speaker * 31 + number * 7 + index) as u8).collect()
}

/// A direct call under way: the model is asked for its greeting.
#[derive(Debug)]
pub struct Talk {
    pub model: Model,
    pub house: House,
    pub session: Session,
    pub caller: Caller,
}

impl Talk {
    /// Call `CA1`.
    pub async fn begin() -> Self {
        let mut model = Model::new().await;
        let house = House::new(&model.url).await;
        house.prepared("CA1", MediaPath::Direct).await;
        let mut session = model.ready().await;
        let caller = Caller::call(&house, "CA1").await;
        session.expect("response.create").await;
        Self { model, house, session, caller }
    }
}

/// A caller on the gateway path: `ws-default` posts each frame.
#[derive(Debug, Clone)]
pub struct Posting {
    pub sid: String,
    pub stream: String,
    pub connection: String,
    /// Which relay is meant; none is named otherwise.
    pub relay: Option<String>,
    client: reqwest::Client,
}

impl Posting {
    pub fn new(sid: &str) -> Self {
        Self {
            sid: sid.to_owned(),
            stream: format!("MZ{sid}"),
            connection: format!("{sid}+/id="),
            relay: None,
            client: reqwest::Client::new(),
        }
    }

    pub async fn post(&self, house: &House, frame: String) -> StatusCode {
        self.request(house, frame).send().await.unwrap().status()
    }

    fn request(&self, house: &House, frame: String) -> reqwest::RequestBuilder {
        let request = self.client.post(house.frames_url(&self.connection)).body(frame);
        let request =
            request.header("x-call-sid", &self.sid).header("x-stream-sid", &self.stream).header("x-sole", "1");
        match &self.relay {
            Some(relay) => request.header("x-relay", relay),
            None => request,
        }
    }

    /// A frame that brings the call with it. Returns the fence with which it is held from then on.
    pub async fn take_over(&self, house: &House, sequence: u64, lost: Lost) -> (StatusCode, Option<u64>) {
        let frame = media(&self.stream, sequence, &[7; 160]).to_string();
        let lost = serde_json::to_string(&lost).unwrap();
        let answer = self.request(house, frame).header("x-lost", lost).send().await.unwrap();
        let fence = answer.headers().get("x-fence").map(|fence| fence.to_str().unwrap().parse().unwrap());
        (answer.status(), fence)
    }

    pub async fn start(&self, house: &House) -> StatusCode {
        self.post(house, start(&self.stream, &self.sid, "token").to_string()).await
    }

    pub async fn speak(&self, house: &House, sequence: u64, audio: &[u8]) -> StatusCode {
        self.post(house, media(&self.stream, sequence, audio).to_string()).await
    }

    pub async fn disconnect(&self, house: &House) -> StatusCode {
        self.client.delete(house.frames_url(&self.connection)).send().await.unwrap().status()
    }
}
