//! How a session responds: what the script has to say to what happened last, and how a response ends.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Session, Stimulus, refused};
use crate::model::reply::{End, Reply};
use crate::model::script::{Act, Script};
use crate::model::shape::Refusal;

impl Session {
    pub(super) fn create_response(&mut self, given: &Value, now_ms: u64) -> Result<(), Refusal> {
        if given["conversation"] == "none" {
            let message = "The scripted model gives no responses outside the conversation.".to_owned();
            return Err(refused("invalid_value", message, "response.conversation"));
        }
        if let Some(active) = &self.reply {
            let id = active.id();
            let message = format!(
                "Conversation already has an active response in progress: {id}. Wait until the response is \
                 finished before creating a new one."
            );
            return Err(Refusal { code: "conversation_already_has_active_response", message, param: None });
        }
        self.respond(given, now_ms);
        Ok(())
    }

    pub(super) fn cancel_response(&mut self, now_ms: u64) -> Result<(), Refusal> {
        if self.reply.is_none() {
            let message = "Cancellation failed: no active response found".to_owned();
            return Err(Refusal { code: "response_cancel_not_active", message, param: None });
        }
        self.end_reply(&End::Cancelled { reason: "client_cancelled" }, now_ms);
        Ok(())
    }

    pub(super) fn respond(&mut self, given: &Value, now_ms: u64) {
        let script = Arc::clone(&self.script);
        let acts = told(given, &script).unwrap_or_else(|| self.acts(&script));
        let acts: Vec<Act> = acts
            .iter()
            .filter(|act| given["tool_choice"] != "none" || !matches!(act, Act::Call { .. }))
            .cloned()
            .collect();
        self.stimulus = Stimulus::Nothing;
        let (number, mut names) = (self.number, self.names);
        let mut name = |kind: &str| {
            names += 1;
            format!("{kind}_{number:x}_{}", if script.echo { "echo".to_owned() } else { format!("{names:x}") })
        };
        let id = name("resp");
        let reply = if script.echo {
            Reply::open(id, name("item"))
        } else {
            Reply::plan(id, &acts, &script, now_ms, &mut self.dice, &mut name)
        };
        self.names = names;
        let response = self.response(&reply, "in_progress", &Value::Null, &Value::Null);
        self.reply = Some(reply);
        self.send(json!({"type": "response.created", "response": response}));
        while self.script.echo && self.advance(now_ms) {}
    }

    /// What the script has to say to what happened last.
    fn acts<'a>(&self, script: &'a Script) -> &'a [Act] {
        if script.recognise {
            return self.memory.reply(script);
        }
        let reply = match &self.stimulus {
            Stimulus::Nothing if self.conversation.is_empty() => Some(&script.greeting),
            Stimulus::Nothing => None,
            Stimulus::Utterance(number) => script.turns.get(*number).map(|turn| &turn.reply),
            Stimulus::Pressed(keys) => script.pressed.get(keys),
            Stimulus::Results(tools) => tools.iter().find_map(|tool| script.results.get(tool)),
        };
        reply.filter(|reply| !reply.is_empty()).unwrap_or(&script.otherwise)
    }

    pub(super) fn end_reply(&mut self, end: &End, now_ms: u64) {
        if let Some(played) = self.reply.as_mut().and_then(Reply::cut) {
            self.play(played, now_ms);
        }
        self.finish(end, now_ms);
    }

    pub(super) fn finish(&mut self, end: &End, now_ms: u64) {
        let Some(reply) = self.reply.take() else { return };
        let (status, details) = match end {
            End::Completed => ("completed", Value::Null),
            End::Cancelled { reason } => ("cancelled", json!({"type": "cancelled", "reason": reason})),
            End::Failed { code } => {
                let error = json!({"type": "server_error", "code": code, "message": "The script says so."});
                ("failed", json!({"type": "failed", "error": error}))
            }
        };
        let usage = self.usage(&reply);
        let response = self.response(&reply, status, &details, &usage);
        self.record.report.responses.push(status.to_owned());
        self.send(json!({"type": "response.done", "response": response}));
        let limit = |name: &str| json!({"name": name, "limit": 50_000, "remaining": 49_000, "reset_seconds": 0.5});
        self.send(json!({"type": "rate_limits.updated", "rate_limits": [limit("requests"), limit("tokens")]}));
        if std::mem::take(&mut self.owed) {
            self.respond(&Value::Null, now_ms);
        }
    }

    /// Invented, but in proportion: a token for 50 ms said, 100 ms heard, four letters.
    fn usage(&self, reply: &Reply) -> Value {
        let (bytes, letters) = reply.sent();
        let (heard, said, text) = (self.position.as_millis() / 100, bytes as u64 / 400, letters as u64 / 4);
        let cached = json!({"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0});
        json!({
            "total_tokens": 100 + heard + said + text, "input_tokens": 100 + heard, "output_tokens": said + text,
            "input_token_details": {
                "text_tokens": 100, "audio_tokens": heard, "image_tokens": 0, "cached_tokens": 0,
                "cached_tokens_details": cached,
            },
            "output_token_details": {"text_tokens": text, "audio_tokens": said},
        })
    }

    fn response(&self, reply: &Reply, status: &str, details: &Value, usage: &Value) -> Value {
        let session = self.settings.session();
        json!({
            "object": "realtime.response", "id": reply.id(), "status": status, "status_details": details,
            "output": reply.output(), "conversation_id": self.conversation_id(),
            "output_modalities": session["output_modalities"], "max_output_tokens": session["max_output_tokens"],
            "audio": {"output": {
                "format": session["audio"]["output"]["format"], "voice": session["audio"]["output"]["voice"],
            }},
            "usage": usage, "metadata": null,
        })
    }
}

/// What the script has to say to these instructions.
fn told<'a>(given: &Value, script: &'a Script) -> Option<&'a [Act]> {
    let instructions = given["instructions"].as_str()?;
    script.told.iter().find(|(what, _)| instructions.contains(*what)).map(|(_, acts)| acts.as_slice())
}
