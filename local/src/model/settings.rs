//! The session object: its defaults, and what `session.update` makes of it.

use serde_json::{Map, Value, json};

use super::shape::Refusal;
use super::vad::Hearing;

/// The effective session, as `session.created` and `session.updated` show it.
#[derive(Debug)]
pub(super) struct Settings {
    session: Value,
}

impl Settings {
    pub(super) fn new(id: &str, model: &str, expires_at: u64) -> Self {
        let pcm = json!({"type": "audio/pcm", "rate": 24_000});
        Self {
            session: json!({
                "type": "realtime", "object": "realtime.session", "id": id, "model": model,
                "output_modalities": ["audio"], "instructions": "You are a helpful, witty, and friendly AI.",
                "tools": [], "tool_choice": "auto", "max_output_tokens": "inf", "tracing": null, "prompt": null,
                "expires_at": expires_at, "include": null,
                "audio": {
                    "input": {
                        "format": pcm, "transcription": null, "noise_reduction": null,
                        "turn_detection": turn_detection(&json!({"type": "server_vad"})),
                    },
                    "output": {"format": pcm, "voice": "marin", "speed": 1},
                },
            }),
        }
    }

    pub(super) fn session(&self) -> &Value {
        &self.session
    }

    /// Applies a sparse update whose shape has been checked.
    pub(super) fn update(&mut self, update: &Value, voice_is_fixed: bool) -> Result<(), Refusal> {
        if update["type"] != "realtime" {
            return Err(refused("the scripted model holds realtime sessions only", "session.type"));
        }
        for side in ["input", "output"] {
            let format = &update["audio"][side]["format"]["type"];
            if !format.is_null() && format != "audio/pcmu" {
                return Err(refused("the scripted model speaks audio/pcmu only", "session.audio"));
            }
        }
        let voice = &update["audio"]["output"]["voice"];
        if voice_is_fixed && !voice.is_null() && *voice != self.session["audio"]["output"]["voice"] {
            let message = "Cannot update a conversation's voice if assistant audio is present.".to_owned();
            return Err(Refusal { code: "cannot_update_voice", message, param: None });
        }
        merge(&mut self.session, update);
        Ok(())
    }

    fn vad(&self) -> &Value {
        &self.session["audio"]["input"]["turn_detection"]
    }

    /// How to listen for turns; `None` if the client commits them itself.
    pub(super) fn hearing(&self) -> Option<Hearing> {
        let vad = self.vad();
        let number = |name: &str, default: u64| vad[name].as_u64().unwrap_or(default);
        #[allow(clippy::cast_possible_truncation, reason = "a threshold between 0 and 1")]
        let threshold = vad["threshold"].as_f64().unwrap_or(0.5) as f32;
        Some(match vad["type"].as_str()? {
            "semantic_vad" => {
                let silence_duration_ms = match vad["eagerness"].as_str() {
                    Some("low") => 8_000,
                    Some("high") => 2_000,
                    _ => 4_000,
                };
                Hearing { threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms }
            }
            _ => Hearing {
                threshold,
                prefix_padding_ms: number("prefix_padding_ms", 300),
                silence_duration_ms: number("silence_duration_ms", 500),
            },
        })
    }

    pub(super) fn creates_responses(&self) -> bool {
        self.vad()["create_response"].as_bool().unwrap_or(true)
    }

    pub(super) fn interrupts_responses(&self) -> bool {
        self.vad()["interrupt_response"].as_bool().unwrap_or(true)
    }

    pub(super) fn transcribes(&self) -> bool {
        self.session["audio"]["input"]["transcription"].is_object()
    }
}

fn refused(message: &str, param: &str) -> Refusal {
    Refusal { code: "invalid_value", message: message.to_owned(), param: Some(param.to_owned()) }
}

fn merge(session: &mut Value, update: &Value) {
    for (name, value) in update.as_object().into_iter().flatten() {
        let sections = ["audio", "input", "output"].contains(&name.as_str()) && value.is_object();
        if sections {
            merge(&mut session[name], value);
        } else if name == "turn_detection" && value.is_object() {
            session[name] = turn_detection(value);
        } else if name != "model" {
            // The model of a session cannot be changed.
            session[name] = value.clone();
        }
    }
}

/// With the defaults of its kind.
fn turn_detection(given: &Value) -> Value {
    let mut whole = if given["type"] == "semantic_vad" {
        json!({"type": "semantic_vad", "eagerness": "auto"})
    } else {
        json!({
            "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200,
            "idle_timeout_ms": null,
        })
    };
    whole["create_response"] = true.into();
    whole["interrupt_response"] = true.into();
    let given = given.as_object().cloned().unwrap_or_else(Map::new);
    given.into_iter().filter(|(_, value)| !value.is_null()).for_each(|(name, value)| whole[name] = value);
    whole
}
