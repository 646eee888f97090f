//! Commands as client events. What the vendor's ranges do not allow is brought into them: one value out of range would
//! cost the whole `session.update`, and with it the call.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{FASTEST, OWN_VOICE, SLOWEST};
use crate::agent::{
    Agent, Eagerness, McpServer, NoiseReduction, ReasoningEffort, Transcription, Truncation, TurnDetection,
};
use crate::audio::Payload;
use crate::model::{ModelCommand, SessionConfig, ToolUse};
use crate::redact::Pii;
use crate::session::Speaker;
use crate::tools::ToolSpec;

pub(super) fn encode(command: &ModelCommand, out: &mut String) {
    out.clear();
    let event = match command {
        ModelCommand::AppendAudio(payload) => return append(payload, out),
        ModelCommand::Configure(config) => session_update(config, session(config)),
        ModelCommand::Reconfigure(config) => session_update(config, changes(config)),
        ModelCommand::CreateResponse { event, instructions, tools } => {
            response_create(event.as_str(), instructions.as_ref(), *tools)
        }
        ModelCommand::CancelResponse => json!({ "type": "response.cancel" }),
        ModelCommand::Truncate { item, content_index, heard_ms } => json!({
            "type": "conversation.item.truncate",
            "item_id": item.as_str(),
            "content_index": content_index,
            "audio_end_ms": heard_ms,
        }),
        ModelCommand::ToolOutput { call, output } => item_create(json!({
            "type": "function_call_output",
            "call_id": call.as_str(),
            "output": output.reveal(),
        })),
        ModelCommand::Note { text } => message("system", "input_text", text),
        ModelCommand::Remember { speaker: Speaker::Caller, text } => message("user", "input_text", text),
        ModelCommand::Remember { speaker: Speaker::Agent, text } => message("assistant", "output_text", text),
        ModelCommand::Remember { speaker: Speaker::Operator, text } => {
            let text = Pii::new(format!("{WHISPERED}{}", text.reveal()));
            message("system", "input_text", &text)
        }
    };
    let _infallible = write!(out, "{event}");
}

const WHISPERED: &str = "A colleague who listens in tells you this; the caller does not hear it, and is not told where you have it \
    from. Heed it from your next words on: ";

/// Fifty times a second and call: the payload is copied once, and nothing else happens.
fn append(payload: &Payload, out: &mut String) {
    const BEFORE: &str = r#"{"type":"input_audio_buffer.append","audio":""#;
    const AFTER: &str = r#""}"#;
    out.reserve(BEFORE.len() + payload.as_base64().len() + AFTER.len());
    out.push_str(BEFORE);
    out.push_str(payload.as_base64());
    out.push_str(AFTER);
}

fn item_create(item: Value) -> Value {
    json!({ "type": "conversation.item.create", "item": item })
}

fn message(role: &str, kind: &str, text: &Pii<String>) -> Value {
    item_create(json!({ "type": "message", "role": role, "content": [{ "type": kind, "text": text.reveal() }] }))
}

fn response_create(event: &str, instructions: Option<&Pii<String>>, tools: ToolUse) -> Value {
    let mut response = json!({});
    if let Some(instructions) = instructions {
        response["instructions"] = json!(instructions.reveal());
    }
    if tools == ToolUse::Forbidden {
        response["tool_choice"] = json!("none");
    }
    json!({ "type": "response.create", "event_id": event, "response": response })
}

fn session_update(config: &SessionConfig, session: Value) -> Value {
    json!({ "type": "session.update", "event_id": config.event.as_str(), "session": session })
}

/// Of a session that is under way: no voice, which is refused once it has spoken. The format is said again, so that
/// nobody takes it for one that is meant to be as usual.
fn changes(config: &SessionConfig) -> Value {
    let mut session = session(config);
    session["audio"]["output"] = json!({ "format": format(), "speed": speed(&config.agent) });
    session
}

/// The model itself is part of the URL, and cannot be changed here.
fn session(config: &SessionConfig) -> Value {
    let agent = &config.agent;
    let mut session = json!({
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": config.instructions.reveal(),
        "audio": { "input": input(agent), "output": output(agent) },
        "tools": config.tools.iter().map(tool).chain(agent.mcp_servers.iter().map(mcp_server)).collect::<Vec<_>>(),
        "tool_choice": "auto",
        "truncation": truncation(&agent.truncation),
    });
    if let Some(effort) = agent.reasoning {
        session["reasoning"] = json!({ "effort": effort_name(effort) });
    }
    session
}

/// This API knows µ-law at one rate only, and refuses to be told which.
fn format() -> Value {
    json!({ "type": "audio/pcmu" })
}

fn input(agent: &Agent) -> Value {
    json!({
        "format": format(),
        "noise_reduction": agent.noise_reduction.map(noise_reduction),
        "transcription": agent.transcription.as_ref().map(|of| transcription(of, agent.spoken())),
        "turn_detection": turn_detection(&agent.turn_detection),
    })
}

fn output(agent: &Agent) -> Value {
    json!({ "format": format(), "voice": voice(&agent.voice), "speed": speed(agent) })
}

fn speed(agent: &Agent) -> f64 {
    within(agent.speed, SLOWEST, FASTEST, 1.0)
}

/// A voice made to order goes by its id, the vendor's own by their names.
fn voice(name: &str) -> Value {
    if name.starts_with(OWN_VOICE) { json!({ "id": name }) } else { json!(name) }
}

fn noise_reduction(kind: NoiseReduction) -> Value {
    match kind {
        NoiseReduction::NearField => json!({ "type": "near_field" }),
        NoiseReduction::FarField => json!({ "type": "far_field" }),
    }
}

/// `spoken`: what the agent speaks.
fn transcription(transcription: &Transcription, spoken: Option<&str>) -> Value {
    match transcription.language.as_deref().or(spoken) {
        Some(language) => json!({ "model": transcription.model, "language": language }),
        None => json!({ "model": transcription.model }),
    }
}

/// Responses are created by the heart's sequencer alone, so that two can never race; interruptions by the server,
/// which hears the caller first.
fn turn_detection(detection: &TurnDetection) -> Value {
    let mut value = match detection {
        TurnDetection::ServerVad { threshold, prefix_padding_ms, silence_duration_ms } => json!({
            "type": "server_vad",
            "threshold": within(*threshold, 0.0, 1.0, 0.5),
            "prefix_padding_ms": prefix_padding_ms,
            "silence_duration_ms": silence_duration_ms,
        }),
        TurnDetection::SemanticVad { eagerness } => {
            json!({ "type": "semantic_vad", "eagerness": eagerness_name(*eagerness) })
        }
    };
    value["create_response"] = json!(false);
    value["interrupt_response"] = json!(true);
    value
}

fn tool(spec: &ToolSpec) -> Value {
    json!({
        "type": "function",
        "name": spec.name,
        "description": spec.description,
        "parameters": spec.parameters,
    })
}

/// The vendor calls its tools without asking us: whoever names a server here has decided that.
fn mcp_server(server: &McpServer) -> Value {
    let mut value = json!({
        "type": "mcp",
        "server_label": server.label,
        "server_url": server.url,
        "require_approval": "never",
    });
    if let Some(description) = &server.description {
        value["server_description"] = json!(description);
    }
    if !server.allowed_tools.is_empty() {
        value["allowed_tools"] = json!(server.allowed_tools);
    }
    value
}

fn truncation(truncation: &Truncation) -> Value {
    match truncation {
        Truncation::Auto => json!("auto"),
        Truncation::Disabled => json!("disabled"),
        Truncation::RetentionRatio(ratio) => {
            json!({ "type": "retention_ratio", "retention_ratio": within(*ratio, 0.0, 1.0, 0.8) })
        }
    }
}

fn eagerness_name(eagerness: Eagerness) -> &'static str {
    match eagerness {
        Eagerness::Low => "low",
        Eagerness::Medium => "medium",
        Eagerness::High => "high",
        Eagerness::Auto => "auto",
    }
}

fn effort_name(effort: ReasoningEffort) -> &'static str {
    match effort {
        ReasoningEffort::Minimal => "minimal",
        ReasoningEffort::Low => "low",
        ReasoningEffort::Medium => "medium",
        ReasoningEffort::High => "high",
        ReasoningEffort::Xhigh => "xhigh",
    }
}

/// In three decimals, because the nearest `f64` to an `f32` reads 0.800000011920929.
fn within(value: f32, least: f32, most: f32, otherwise: f32) -> f64 {
    let value = if value.is_finite() { value.clamp(least, most) } else { otherwise };
    (f64::from(value) * 1_000.0).round() / 1_000.0
}
