//! What the logs must not say. The test listens to all that a call makes the relay write above debug level.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::caller::Talk;
use crate::world::{AUTH_TOKEN, CALLER_NUMBER, MODEL_KEY, until};

/// Dialled by the caller.
const CARD: &str = "4111111111111111";

#[derive(Debug, Clone, Default)]
struct Ear(Arc<Mutex<Vec<u8>>>);

impl Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Ear {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_no_number_and_no_spoken_word_reaches_the_logs() {
    let ear = Ear::default();
    let logs = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_writer(ear.clone()).finish();
    // The runtime of a test has one thread: this one.
    let _listening = tracing::subscriber::set_default(logs);
    let Talk { model: _model, house, mut session, mut caller } = Talk::begin().await;
    for event in [
        json!({ "type": "input_audio_buffer.speech_started", "audio_start_ms": 1, "item_id": "i1" }),
        json!({ "type": "conversation.item.input_audio_transcription.completed", "item_id": "i1",
            "content_index": 0, "transcript": "my-spoken-word" }),
        json!({ "type": "response.created", "response": { "id": "r1" } }),
        json!({ "type": "response.output_item.done", "response_id": "r1", "item": { "id": "i2",
            "type": "function_call", "status": "completed", "call_id": "c1", "name": "get_weather",
            "arguments": r#"{"location":"my-home-town"}"# } }),
        json!({ "type": "response.done", "response": { "id": "r1", "status": "completed" } }),
        json!({ "type": "error", "error": { "type": "invalid_request_error", "code": "invalid_value",
            "message": "you said my-spoken-word" } }),
    ] {
        session.say(event).await;
    }
    session.socket_garbage("{\"type\":\"my-spoken-word").await;
    caller.send("{\"event\":\"my-spoken-word\"".to_owned()).await;
    for key in CARD.chars().chain(['#']) {
        caller.press(key).await;
    }
    while !session.expect("conversation.item.create").await.to_string().contains(CARD) {}
    caller.stop().await;
    until(&house.shelf.kept, |kept| kept.finished.contains(&"CA1".into()).then_some(())).await;
    house.relay.stop().await;
    let heard = String::from_utf8(ear.0.lock().unwrap().clone()).unwrap();
    assert!(heard.contains("call over") && heard.contains("CA1"), "{heard}");
    for secret in
        [AUTH_TOKEN, MODEL_KEY, CALLER_NUMBER, CARD, "token-CA1", "my-spoken-word", "my-home-town", "temperature"]
    {
        assert!(!heard.contains(secret), "{secret} in {heard}");
    }
}
