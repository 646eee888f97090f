//! The dialect against what others wrote: the vendor's schema for what we send, the vendor's examples for what we read.
//!
//! Both lie in `contract/` of the folder `shared` beside the repository; `SHARED_DIR` names another.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::path::PathBuf;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};
use shared::agent::{Agent, Eagerness, NoiseReduction, ReasoningEffort, Transcription, Truncation, TurnDetection};
use shared::audio::Payload;
use shared::model::{
    Backend, Dialect, ModelCommand, ModelEvent, RemoteStage, ResponseStatus, SessionConfig, ToolUse, Usage, dialect,
};
use shared::redact::Secret;
use shared::session::Speaker;
use shared::tools::ToolSpec;

fn openai() -> &'static dyn Dialect {
    dialect(Backend::OpenaiRealtime)
}

#[allow(clippy::disallowed_methods, reason = "the heart does no I/O; its test reads a fixture")]
fn contract(file: &str) -> String {
    let folder =
        option_env!("SHARED_DIR").map_or(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"), |folder| folder);
    let path = PathBuf::from(folder).join("contract").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; set SHARED_DIR", path.display()))
}

fn schema() -> Validator {
    jsonschema::validator_for(&serde_json::from_str(&contract("realtime_client_event.schema.json")).unwrap()).unwrap()
}

fn sent(command: &ModelCommand) -> Value {
    let mut frame = "left over from the last one".to_owned();
    openai().encode(command, &mut frame);
    serde_json::from_str(&frame).unwrap_or_else(|error| panic!("{error}: {frame}"))
}

fn config(agent: Agent, tools: Vec<ToolSpec>) -> Box<SessionConfig> {
    let instructions = agent.instructions.clone().into();
    Box::new(SessionConfig { event: "cmd_1".into(), agent, instructions, tools })
}

fn configure(agent: Agent, tools: Vec<ToolSpec>) -> ModelCommand {
    ModelCommand::Configure(config(agent, tools))
}

#[track_caller]
fn assert_valid(schema: &Validator, event: &Value) {
    let faults: Vec<_> = schema.iter_errors(event).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}\n{event:#}");
}

#[test]
fn a_session_is_configured_for_the_telephone() {
    let agent = Agent { instructions: "Be \"kind\"\nand brief.".to_owned(), ..Agent::default() };
    let tools = vec![ToolSpec {
        name: "hang_up".to_owned(),
        description: "End the call.".to_owned(),
        parameters: json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    }];
    let event = sent(&configure(agent, tools));
    assert_valid(&schema(), &event);
    assert_eq!(
        event,
        json!({ "type": "session.update", "event_id": "cmd_1", "session": {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": "Be \"kind\"\nand brief.",
            "audio": {
                "input": {
                    "format": { "type": "audio/pcmu" },
                    "noise_reduction": { "type": "near_field" },
                    "transcription": { "model": "gpt-live-transcribe" },
                    "turn_detection": { "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300,
                        "silence_duration_ms": 500, "create_response": false, "interrupt_response": true },
                },
                "output": { "format": { "type": "audio/pcmu" }, "voice": "marin", "speed": 1.0 },
            },
            "tools": [{ "type": "function", "name": "hang_up", "description": "End the call.",
                "parameters": { "type": "object", "properties": {}, "additionalProperties": false } }],
            "tool_choice": "auto",
            "truncation": { "type": "retention_ratio", "retention_ratio": 0.8 },
        }})
    );
}

#[test]
fn a_session_that_has_spoken_is_told_all_but_the_voice() {
    let agent = Agent { speed: 1.2, language: Some("de-DE".to_owned()), ..Agent::default() };
    let event = sent(&ModelCommand::Reconfigure(config(agent, Vec::new())));
    assert_valid(&schema(), &event);
    let output = json!({ "format": { "type": "audio/pcmu" }, "speed": 1.2 });
    assert_eq!(event["session"]["audio"]["output"], output);
    assert_eq!(event["session"]["audio"]["input"]["transcription"]["language"], "de");
}

#[test]
fn servers_of_tools_are_the_vendors_to_call() {
    let server = |json: Value| serde_json::from_value(json).unwrap();
    let mcp_servers = vec![
        server(json!({ "label": "crm", "url": "https://crm.example/mcp" })),
        server(json!({ "label": "stock", "url": "https://stock.example/mcp", "description": "What is in stock",
            "allowed_tools": ["look_up"] })),
    ];
    let event = sent(&configure(Agent { mcp_servers, ..Agent::default() }, Vec::new()));
    assert_valid(&schema(), &event);
    assert_eq!(
        event["session"]["tools"],
        json!([
            { "type": "mcp", "server_label": "crm", "server_url": "https://crm.example/mcp",
                "require_approval": "never" },
            { "type": "mcp", "server_label": "stock", "server_url": "https://stock.example/mcp",
                "require_approval": "never", "server_description": "What is in stock", "allowed_tools": ["look_up"] },
        ])
    );
}

#[test]
fn every_command_is_what_the_vendor_expects() {
    let schema = schema();
    for (command, expected) in [
        (
            ModelCommand::AppendAudio(Payload::encode(&[0xFF; 160])),
            json!({ "type": "input_audio_buffer.append", "audio": Payload::encode(&[0xFF; 160]).as_base64() }),
        ),
        (
            ModelCommand::CreateResponse { event: "e".into(), instructions: None, tools: ToolUse::Allowed },
            json!({ "type": "response.create", "event_id": "e", "response": {} }),
        ),
        (
            ModelCommand::CreateResponse {
                event: "e".into(),
                instructions: Some("Say goodbye.".into()),
                tools: ToolUse::Forbidden,
            },
            json!({ "type": "response.create", "event_id": "e",
                "response": { "instructions": "Say goodbye.", "tool_choice": "none" } }),
        ),
        (ModelCommand::CancelResponse, json!({ "type": "response.cancel" })),
        (
            ModelCommand::Truncate { item: "item_1".into(), content_index: 0, heard_ms: 1_240 },
            json!({ "type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0,
                "audio_end_ms": 1_240 }),
        ),
        (
            ModelCommand::ToolOutput { call: "call_1".into(), output: r#"{"sky":"clear"}"#.into() },
            json!({ "type": "conversation.item.create", "item": { "type": "function_call_output",
                "call_id": "call_1", "output": r#"{"sky":"clear"}"# } }),
        ),
        (
            ModelCommand::Note { text: "The caller pressed 1.".into() },
            json!({ "type": "conversation.item.create", "item": { "type": "message", "role": "system",
                "content": [{ "type": "input_text", "text": "The caller pressed 1." }] } }),
        ),
        (
            ModelCommand::Remember { speaker: Speaker::Caller, text: "Is it \"open\"?".into() },
            json!({ "type": "conversation.item.create", "item": { "type": "message", "role": "user",
                "content": [{ "type": "input_text", "text": "Is it \"open\"?" }] } }),
        ),
        (
            ModelCommand::Remember { speaker: Speaker::Agent, text: "It is.".into() },
            json!({ "type": "conversation.item.create", "item": { "type": "message", "role": "assistant",
                "content": [{ "type": "output_text", "text": "It is." }] } }),
        ),
    ] {
        let event = sent(&command);
        assert_valid(&schema, &event);
        assert_eq!(event, expected);
    }
}

#[test]
fn the_schema_refuses_what_the_vendor_would() {
    let schema = schema();
    let good = sent(&configure(Agent::default(), Vec::new()));
    let broken = |path: &str, value: Value| {
        let (parent, field) = path.rsplit_once('/').unwrap();
        let mut event = good.clone();
        event.pointer_mut(parent).unwrap()[field] = value;
        event
    };
    for event in [
        broken("/session/audio/input/format/rate", json!(8_000)),
        broken("/session/audio/output/format", json!({ "type": "g711_ulaw" })),
        broken("/session/temperature", json!(0.8)),
        broken("/session/modalities", json!(["audio", "text"])),
        broken("/session/type", json!("conversation")),
        broken("/session/audio/input/turn_detection/type", json!("psychic_vad")),
        broken("/session/truncation/retention_ratio", json!(null)),
        json!({ "type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 12.5 }),
        json!({ "type": "conversation.item.truncate", "item_id": "i", "audio_end_ms": 12 }),
        json!({ "type": "input_audio_buffer.append" }),
        json!({ "type": "response.crate" }),
    ] {
        assert!(!schema.is_valid(&event), "{event}");
    }
    assert!(schema.is_valid(&good));
}

#[test]
fn the_buffer_of_the_last_frame_serves_the_next_one() {
    let mut out = String::with_capacity(1_024);
    let buffer = out.as_ptr();
    for _ in 0..3 {
        openai().encode(&ModelCommand::AppendAudio(Payload::encode(&[0x7F; 160])), &mut out);
        assert_eq!(out.as_ptr(), buffer);
    }
}

#[test]
fn values_out_of_range_are_brought_into_it() {
    let agent = Agent {
        speed: 9.0,
        turn_detection: TurnDetection::ServerVad { threshold: -1.0, prefix_padding_ms: 0, silence_duration_ms: 0 },
        truncation: Truncation::RetentionRatio(f32::NAN),
        ..Agent::default()
    };
    let event = sent(&configure(agent, Vec::new()));
    assert_eq!(event.pointer("/session/audio/output/speed"), Some(&json!(1.5)));
    assert_eq!(event.pointer("/session/audio/input/turn_detection/threshold"), Some(&json!(0.0)));
    assert_eq!(event.pointer("/session/truncation/retention_ratio"), Some(&json!(0.8)));
}

#[test]
fn the_handshake_is_ga_and_nothing_beta() {
    let agent = Agent { model: "gpt realtime/next".to_owned(), ..Agent::default() };
    let at = |endpoint: &str| openai().handshake(&endpoint.parse().unwrap(), &agent, &Secret::new("sk-1"));
    let handshake = at("wss://model.test/v1/realtime?tenant=a%26b&model=old");
    assert_eq!(handshake.url.as_str(), "wss://model.test/v1/realtime?tenant=a%26b&model=gpt+realtime%2Fnext");
    assert_eq!(handshake.headers, [("authorization", Secret::new("Bearer sk-1"))]);
    assert_eq!(at("ws://127.0.0.1:9/").url.as_str(), "ws://127.0.0.1:9/?model=gpt+realtime%2Fnext");
}

fn agents() -> impl Strategy<Value = Agent> {
    let detection = prop_oneof![
        (any::<f32>(), any::<u32>(), any::<u32>()).prop_map(|(threshold, prefix_padding_ms, silence_duration_ms)| {
            TurnDetection::ServerVad { threshold, prefix_padding_ms, silence_duration_ms }
        }),
        proptest::sample::select(vec![Eagerness::Low, Eagerness::Medium, Eagerness::High, Eagerness::Auto])
            .prop_map(|eagerness| TurnDetection::SemanticVad { eagerness }),
    ];
    let noise =
        proptest::option::of(proptest::sample::select(vec![NoiseReduction::NearField, NoiseReduction::FarField]));
    let transcription = proptest::option::of(
        (any::<String>(), proptest::option::of("[a-z]{2}"))
            .prop_map(|(model, language)| Transcription { model, language }),
    );
    let effort = proptest::option::of(proptest::sample::select(vec![
        ReasoningEffort::Minimal,
        ReasoningEffort::Low,
        ReasoningEffort::Medium,
        ReasoningEffort::High,
        ReasoningEffort::Xhigh,
    ]));
    let truncation = prop_oneof![
        Just(Truncation::Auto),
        Just(Truncation::Disabled),
        any::<f32>().prop_map(Truncation::RetentionRatio)
    ];
    let voice = prop_oneof![any::<String>(), "voice_[a-z0-9]{1,12}"];
    (detection, noise, transcription, effort, truncation, voice, any::<f32>(), any::<String>()).prop_map(
        |(turn_detection, noise_reduction, transcription, reasoning, truncation, voice, speed, instructions)| Agent {
            turn_detection,
            noise_reduction,
            transcription,
            reasoning,
            truncation,
            voice,
            speed,
            instructions,
            ..Agent::default()
        },
    )
}

#[test]
fn every_combination_of_settings_is_a_valid_session() {
    let schema = schema();
    proptest!(|(agent in agents(), name in any::<String>(), description in any::<String>())| {
        let tool = ToolSpec { name, description, parameters: json!({ "type": "object" }) };
        let event = sent(&configure(agent.clone(), vec![tool]));
        assert_valid(&schema, &event);
        prop_assert_eq!(event.pointer("/session/reasoning").is_some(), agent.reasoning.is_some());
    });
}

#[test]
fn every_example_of_the_vendor_is_understood() {
    let examples = contract("realtime_server_examples.jsonl");
    let mut heard = 0;
    for example in examples.lines() {
        let kind = serde_json::from_str::<Value>(example).unwrap()["type"].as_str().unwrap().to_owned();
        let event = openai().decode(&example.into()).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert!(is_expected(&kind, &event), "{kind}: {event:?}");
        heard += 1;
    }
    assert_eq!(heard, 47);
}

fn remote(event: &ModelEvent, expected: RemoteStage) -> bool {
    matches!(event, ModelEvent::RemoteTool { item, stage } if item.as_str() == "mcp_call_001" && *stage == expected)
}

fn is_expected(kind: &str, event: &ModelEvent) -> bool {
    match kind {
        "session.created" => matches!(event, ModelEvent::Created { session, expires_at: Some(1_756_324_625) }
            if session == "sess_C9G5QPteg4UIbotdKLoYQ"),
        "session.updated" => *event == ModelEvent::Ready,
        "response.mcp_call.in_progress" => remote(event, RemoteStage::Begun),
        "response.mcp_call.completed" => remote(event, RemoteStage::Done),
        "response.mcp_call.failed" => remote(event, RemoteStage::Failed),
        "input_audio_buffer.speech_started" => {
            *event == ModelEvent::SpeechStarted { item: "msg_003".into(), at_ms: 1_000 }
        }
        "input_audio_buffer.speech_stopped" => {
            *event == ModelEvent::SpeechStopped { item: "msg_003".into(), at_ms: 2_000 }
        }
        "input_audio_buffer.committed" => *event == ModelEvent::Committed { item: "msg_002".into() },
        "conversation.item.input_audio_transcription.delta" => {
            *event == ModelEvent::CallerSays { item: "item_CCXGQ4e1ht4cOraEYcuR2".into(), text: "Hey".into() }
        }
        "conversation.item.input_audio_transcription.completed" => {
            *event
                == ModelEvent::CallerSaid {
                    item: "item_CCXGQ4e1ht4cOraEYcuR2".into(),
                    text: Some("Hey, can you hear me?".into()),
                }
        }
        "conversation.item.input_audio_transcription.failed" => {
            *event == ModelEvent::CallerSaid { item: "msg_003".into(), text: None }
        }
        "response.created" => *event == ModelEvent::ResponseStarted { response: "resp_C9G8p7IH2WxLbkgPNouYL".into() },
        "response.done" => {
            let usage = Usage {
                input_text: 119,
                input_audio: 13,
                cached_text: 64,
                cached_audio: 0,
                output_text: 30,
                output_audio: 91,
            };
            *event
                == ModelEvent::ResponseDone {
                    response: "resp_CCXHw0UJld10EzIUXQCNh".into(),
                    status: ResponseStatus::Completed,
                    usage: Some(usage),
                }
        }
        // The example's audio is no audio, but it is base64 without its padding.
        "response.output_audio.delta" => {
            matches!(event, ModelEvent::Audio { response, item, content_index: 0, payload }
            if (response.as_str(), item.as_str()) == ("resp_001", "msg_008") && payload.samples().0 == 17)
        }
        "response.output_audio.done" => {
            *event == ModelEvent::AudioDone { response: "resp_001".into(), item: "msg_008".into() }
        }
        "response.output_audio_transcript.delta" => {
            *event == ModelEvent::AgentSays { item: "msg_008".into(), text: "Hello, how can I a".into() }
        }
        "response.output_audio_transcript.done" => {
            *event
                == ModelEvent::AgentSaid { item: "msg_008".into(), text: "Hello, how can I assist you today?".into() }
        }
        "error" => matches!(event, ModelEvent::Error(error) if error.code == "invalid_event"),
        _ => *event == ModelEvent::Noted,
    }
}
