//! What the gateways hand over, as events.

use std::collections::BTreeMap;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::redact::Secret;
use shared::twilio::signature::Signer;

use super::{AUTH_TOKEN, CALL, PUBLIC_URL, STRANGER, STREAM};

/// A request as the HTTP API hands it over. A body that is a form comes base64-encoded.
pub(in crate::handlers) struct Http {
    method: &'static str,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    form: Vec<(String, String)>,
    /// Instead of a form.
    body: Option<Vec<u8>>,
    address: &'static str,
}

impl Http {
    pub(in crate::handlers) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(in crate::handlers) fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    pub(in crate::handlers) fn new(method: &'static str, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let headers = BTreeMap::from([("host".to_owned(), "forged.example.org".to_owned())]);
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            form: Vec::new(),
            body: None,
            address: STRANGER,
        }
    }

    pub(in crate::handlers) fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        self.form = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.header("content-type", "application/x-www-form-urlencoded; charset=UTF-8")
    }

    pub(in crate::handlers) fn document(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", kind)
    }

    pub(in crate::handlers) fn json(self, document: &Value) -> Self {
        self.document("application/json", document.to_string())
    }

    pub(in crate::handlers) fn from(mut self, address: &'static str) -> Self {
        self.address = address;
        self
    }

    pub(in crate::handlers) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With Twilio's signature over the public URL.
    pub(in crate::handlers) fn signed(self) -> Self {
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        let url = format!("{PUBLIC_URL}{}{query}", self.path);
        let signature = Signer::new(&Secret::new(AUTH_TOKEN)).sign(&url, &self.form);
        self.header("x-twilio-signature", &signature)
    }

    pub(in crate::handlers) fn event(&self) -> ApiGatewayV2httpRequest {
        use base64::Engine as _;
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.form).finish();
        let mut event: Value = serde_json::from_str(include_str!("../../../tests/fixtures/http.json")).unwrap();
        event["rawPath"] = json!(self.path);
        event["rawQueryString"] = json!(self.query);
        event["headers"] = json!(self.headers);
        event["requestContext"]["http"]["method"] = json!(self.method);
        event["requestContext"]["http"]["path"] = json!(self.path);
        event["requestContext"]["http"]["sourceIp"] = json!(self.address);
        let body = self.body.clone().unwrap_or(form.into_bytes());
        event["body"] = json!(base64::engine::general_purpose::STANDARD.encode(body));
        event["isBase64Encoded"] = json!(true);
        serde_json::from_value(event).unwrap()
    }
}

/// One of the WebSocket events in `tests/fixtures`, changed where it matters.
pub(in crate::handlers) fn ws_event(fixture: &str, change: impl FnOnce(&mut Value)) -> Box<RawValue> {
    let mut event: Value = serde_json::from_str(fixture).unwrap();
    change(&mut event);
    serde_json::value::to_raw_value(&event).unwrap()
}

pub(in crate::handlers) const CONNECT: &str = include_str!("../../../tests/fixtures/ws-connect.json");
pub(in crate::handlers) const MESSAGE: &str = include_str!("../../../tests/fixtures/ws-message.json");
pub(in crate::handlers) const DISCONNECT: &str = include_str!("../../../tests/fixtures/ws-disconnect.json");
pub(in crate::handlers) const CONNECTION: &str = "I8mzEc2bPHcCIWQ=";

/// A frame that came over [`CONNECTION`].
pub(in crate::handlers) fn frame(text: &str) -> Box<RawValue> {
    ws_event(MESSAGE, |event| event["body"] = json!(text))
}

pub(in crate::handlers) fn start(token: &str) -> Box<RawValue> {
    frame(
        &json!({
            "event": "start", "sequenceNumber": "1", "streamSid": STREAM,
            "start": {
                "accountSid": "AC1", "streamSid": STREAM, "callSid": CALL, "tracks": ["inbound"],
                "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
                "customParameters": { "token": token },
            },
        })
        .to_string(),
    )
}

pub(in crate::handlers) fn media(sequence: u32) -> String {
    json!({
        "event": "media", "sequenceNumber": sequence.to_string(), "streamSid": STREAM,
        "media": { "track": "inbound", "chunk": "1", "timestamp": "20", "payload": "////" },
    })
    .to_string()
}
