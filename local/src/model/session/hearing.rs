//! What a session does with the caller's audio: turns, their items, their transcription; or the echo.

use std::sync::Arc;

use serde_json::{Value, json};
use shared::audio::Payload;
use shared::time::Samples;

use super::{Sent, Session, Stimulus, refused};
use crate::model::reply::End;
use crate::model::shape::Refusal;
use crate::model::vad::{Heard, Vad};

/// From the end of a turn to its transcription.
const TRANSCRIBE_MS: u64 = 150;
/// Less than this cannot be committed.
const SHORTEST_TURN: Samples = Samples::from_millis(100);

impl Session {
    pub(super) fn listen(&mut self) {
        self.vad = self.settings.hearing().map(|hearing| Vad::new(hearing, self.position));
    }

    pub(super) fn append(&mut self, audio: &str, now_ms: u64) -> Result<(), Refusal> {
        let invalid =
            |_| refused("invalid_value", "Invalid 'audio'. Expected base64-encoded audio bytes.".to_owned(), "audio");
        let mulaw = Payload::parse(audio.into()).map_err(invalid)?.decode();
        self.record.appended(&mulaw);
        self.position += Samples(mulaw.len() as u64);
        self.uncommitted += Samples(mulaw.len() as u64);
        if self.script.recognise {
            self.ear.hear(&mulaw);
        }
        if self.script.echo {
            self.echo(audio, &mulaw, now_ms);
            return Ok(());
        }
        let heard = self.vad.as_mut().map(|vad| vad.hear(&mulaw)).unwrap_or_default();
        heard.into_iter().for_each(|heard| self.heard(heard, now_ms));
        Ok(())
    }

    /// Byte for byte: the text itself goes back.
    fn echo(&mut self, audio: &str, mulaw: &[u8], now_ms: u64) {
        if self.reply.is_none() {
            self.respond(&json!({}), now_ms);
        }
        self.record.sent(mulaw);
        self.conversation.sounded(&format!("item_{:x}_echo", self.number), mulaw.len());
        self.names += 1;
        let (event, number) = (self.names, self.number);
        let ids = format!(
            r#""event_id":"event_{number:x}_{event:x}","response_id":"resp_{number:x}_echo","item_id":"item_{number:x}_echo""#
        );
        self.outbox.push_back(Sent::Frame(format!(
            r#"{{"type":"response.output_audio.delta",{ids},"output_index":0,"content_index":0,"delta":"{audio}"}}"#
        )));
    }

    fn heard(&mut self, heard: Heard, now_ms: u64) {
        match heard {
            Heard::Started { at_ms } => {
                let item = self.name("item");
                self.turn = Some(item.clone());
                self.send(
                    json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": at_ms, "item_id": item}),
                );
                if self.settings.interrupts_responses() && self.reply.is_some() {
                    self.end_reply(&End::Cancelled { reason: "turn_detected" }, now_ms);
                }
            }
            Heard::Stopped { at_ms } => {
                let item = self.turn.take().unwrap_or_else(|| self.name("item"));
                self.send(json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": at_ms, "item_id": item}));
                self.commit(item, now_ms);
                self.respond_to_turn(now_ms);
            }
        }
    }

    fn respond_to_turn(&mut self, now_ms: u64) {
        if !self.settings.creates_responses() {
            return;
        }
        if self.reply.is_some() {
            self.owed = true;
        } else {
            self.respond(&Value::Null, now_ms);
        }
    }

    pub(super) fn commit_by_hand(&mut self, now_ms: u64) -> Result<(), Refusal> {
        if self.uncommitted < SHORTEST_TURN {
            let message = format!(
                "Error committing input audio buffer: buffer too small. Expected at least {}ms of audio, but buffer only \
                 has {}ms of audio.",
                SHORTEST_TURN.as_millis(),
                self.uncommitted.as_millis()
            );
            return Err(Refusal { code: "input_audio_buffer_commit_empty", message, param: None });
        }
        let item = self.turn.take().unwrap_or_else(|| self.name("item"));
        self.listen();
        self.commit(item, now_ms);
        Ok(())
    }

    /// The caller's turn becomes an item, and is made out a little later.
    fn commit(&mut self, item: String, now_ms: u64) {
        self.uncommitted = Samples::ZERO;
        let previous = self.conversation.last().map(str::to_owned);
        self.send(json!({"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item}));
        let content = json!([{"type": "input_audio", "transcript": null}]);
        let value = json!({
            "id": item, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
            "content": content,
        });
        self.send_item("conversation.item.added", value.clone());
        self.send_item("conversation.item.done", value);
        self.stimulus = Stimulus::Utterance(self.utterances);
        let text = self.make_out();
        if self.settings.transcribes() {
            self.transcribe(&item, text, now_ms + TRANSCRIBE_MS);
        }
        self.utterances += 1;
    }

    /// The words of the turn that has just ended, by its sound or by its number.
    fn make_out(&mut self) -> Option<String> {
        let script = Arc::clone(&self.script);
        if !script.recognise {
            return script.turns.get(self.utterances).map(|turn| turn.heard.clone());
        }
        let heard = self.ear.take().heard();
        self.memory.heard(heard, &script)
    }

    fn transcribe(&mut self, item: &str, text: Option<String>, at_ms: u64) {
        let Some(text) = text else {
            let error = json!({
                "type": "transcription_error", "code": "audio_unintelligible",
                "message": "The audio could not be transcribed.", "param": null,
            });
            let kind = "conversation.item.input_audio_transcription.failed";
            return self.at(at_ms, json!({"type": kind, "item_id": item, "content_index": 0, "error": error}));
        };
        let kind = "conversation.item.input_audio_transcription.delta";
        for word in text.split_inclusive(' ') {
            self.at(at_ms, json!({"type": kind, "item_id": item, "content_index": 0, "delta": word}));
        }
        let tokens = text.len() as u64 / 4 + 1;
        let details = json!({"text_tokens": 0, "audio_tokens": tokens});
        let usage = json!({
            "type": "tokens", "total_tokens": 2 * tokens, "input_tokens": tokens, "input_token_details": details,
            "output_tokens": tokens,
        });
        let kind = "conversation.item.input_audio_transcription.completed";
        self.at(at_ms, json!({"type": kind, "item_id": item, "content_index": 0, "transcript": text, "usage": usage}));
    }
}
