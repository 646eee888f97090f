//! The tables against the JSON Schema of the vendor's own SDK: what it takes we take, what it refuses we refuse.
//!
//! The schema lies in `contract/` of the folder `shared` beside the repository; `SHARED_DIR` names another.

use std::path::PathBuf;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::check;

fn schema() -> Validator {
    let folder = option_env!("SHARED_DIR").unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"));
    let path = PathBuf::from(folder).join("contract/realtime_client_event.schema.json");
    let text =
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; set SHARED_DIR", path.display()));
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

fn good() -> Vec<Value> {
    let tools = json!([
        {"type": "function", "name": "lookup", "description": "d", "parameters": {"type": "object", "properties": {}}},
        {"type": "mcp", "server_label": "crm", "server_url": "https://x.example", "require_approval": "never",
         "allowed_tools": ["a"], "headers": {"a": "b"}, "defer_loading": true},
    ]);
    let vad = json!({"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
        "create_response": false, "interrupt_response": true, "idle_timeout_ms": 8000});
    let input = json!({"format": {"type": "audio/pcmu"}, "noise_reduction": {"type": "near_field", "strength": 0.5},
        "transcription": {"model": "gpt-transcribe", "language": "en", "keywords": ["RX"], "delay": "low"},
        "turn_detection": vad});
    let semantic = json!({"type": "semantic_vad", "eagerness": "high", "create_response": true});
    let item = |item: Value| json!({"type": "conversation.item.create", "event_id": "e", "item": item});
    vec![
        json!({"type": "session.update", "event_id": "e", "session": {
            "type": "realtime", "model": "any-model", "output_modalities": ["audio"], "instructions": "Be kind.",
            "audio": {"input": input, "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.25}},
            "tools": tools, "tool_choice": {"type": "function", "name": "lookup"}, "parallel_tool_calls": false,
            "reasoning": {"effort": "low"}, "max_output_tokens": "inf", "tracing": {"workflow_name": "w"},
            "truncation": {"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 8000}},
            "include": ["item.input_audio_transcription.logprobs"]}}),
        json!({"type": "session.update", "session": {"type": "realtime", "truncation": "auto", "tracing": "auto",
            "max_output_tokens": 4096, "tool_choice": "required",
            "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": semantic},
                      "output": {"voice": {"id": "voice_1"}}}}}),
        json!({"type": "session.update", "session": {"type": "transcription", "audio": {"input": {"noise_reduction": null}}}}),
        json!({"type": "input_audio_buffer.append", "audio": "////"}),
        json!({"type": "input_audio_buffer.commit", "event_id": "e"}),
        json!({"type": "input_audio_buffer.clear"}),
        json!({"type": "output_audio_buffer.clear"}),
        item(json!({"type": "message", "role": "system", "content": [{"type": "input_text", "text": "t"}]})),
        item(json!({"id": "i", "type": "message", "role": "user", "status": "completed",
            "content": [{"type": "input_text", "text": "t"}, {"type": "input_audio", "audio": "//", "transcript": "t"}]})),
        item(json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "t"}]})),
        item(json!({"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"})),
        item(json!({"type": "function_call_output", "call_id": "c", "output": "{}"})),
        item(json!({"type": "mcp_approval_response", "id": "i", "approval_request_id": "a", "approve": true})),
        json!({"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 1240}),
        json!({"type": "conversation.item.delete", "item_id": "i"}),
        json!({"type": "conversation.item.retrieve", "item_id": "i"}),
        json!({"type": "response.create"}),
        json!({"type": "response.create", "response": {"instructions": "i", "output_modalities": ["text"],
            "audio": {"output": {"format": {"type": "audio/pcma"}, "voice": "ash"}}, "tools": tools, "tool_choice": "none",
            "max_output_tokens": 12, "reasoning": {"effort": "high"}, "conversation": "none", "metadata": {"a": "b"},
            "input": [{"type": "item_reference", "id": "i"},
                      {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "t"}]}]}}),
        json!({"type": "response.cancel", "response_id": "r"}),
    ]
}

/// The vendor's past, and what people get wrong.
fn bad() -> Vec<Value> {
    let session = |session: Value| json!({"type": "session.update", "session": session});
    let input = |input: Value| session(json!({"type": "realtime", "audio": {"input": input}}));
    vec![
        session(json!({"modalities": ["audio"], "voice": "alloy", "input_audio_format": "g711_ulaw"})),
        session(json!({"type": "realtime", "temperature": 0.8})),
        input(json!({"format": {"type": "audio/pcmu", "rate": 8000}})),
        input(json!({"format": {"type": "g711_ulaw"}})),
        input(json!({"format": "audio/pcmu"})),
        input(json!({"turn_detection": {"type": "semantic_vad", "idle_timeout_ms": 5000}})),
        session(json!({"type": "realtime", "tools": [{"type": "function", "name": "n", "strict": true}]})),
        json!({"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 12.5}),
        json!({"type": "conversation.item.truncate", "item_id": "i", "audio_end_ms": 12}),
        json!({"type": "conversation.item.create", "item": {"type": "message", "role": "assistant",
            "content": [{"type": "text", "text": "t"}]}}),
        json!({"type": "response.create", "response": {"modalities": ["audio"]}}),
        json!({"type": "input_audio_buffer.append"}),
        json!({"type": "session.begin"}),
        json!({"event_id": "e"}),
        json!(["type", "response.create"]),
    ]
}

/// The event with one thing changed, for every thing in it and every way of changing it.
fn mutants(event: &Value) -> Vec<Value> {
    let mut mutants = Vec::new();
    visit(event, &mut |mutant| mutants.push(mutant));
    mutants
}

fn visit(value: &Value, emit: &mut dyn FnMut(Value)) {
    match value {
        Value::Object(map) => {
            let mut more = map.clone();
            more.insert("unheard_of".to_owned(), json!(1));
            emit(Value::Object(more));
            for (name, inner) in map {
                let with = |value: Option<Value>| {
                    let mut changed = map.clone();
                    match value {
                        Some(value) => changed.insert(name.clone(), value),
                        None => changed.remove(name),
                    };
                    Value::Object(changed)
                };
                emit(with(None));
                let others = [json!(7), json!(7.5), json!("nonsense"), json!(true), json!([]), json!({}), json!([7])];
                others.into_iter().for_each(|other| emit(with(Some(other))));
                visit(inner, &mut |changed| emit(with(Some(changed))));
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                visit(inner, &mut |changed| {
                    let mut list = list.clone();
                    list[index] = changed;
                    emit(Value::Array(list));
                });
            }
        }
        _ => {}
    }
}

/// Where we are stricter than the schema, because the real API is: numbers have bounds, and what a thing is must be
/// said where the schema lets it be guessed.
fn stricter_on_purpose(refusal: &super::Refusal) -> bool {
    let param = refusal.param.as_deref().unwrap_or_default();
    let guessed = ["format.type", "tools[0].type", "tools[1].type"];
    refusal.message.contains("Expected a number between") || guessed.iter().any(|end| param.ends_with(end))
}

#[test]
fn what_the_schema_takes_is_taken() {
    let schema = schema();
    for event in good() {
        assert!(schema.is_valid(&event), "{event:#}");
        assert_eq!(check(&event), Ok(()), "{event:#}");
    }
}

#[test]
fn what_the_schema_refuses_is_refused() {
    let schema = schema();
    for event in bad() {
        assert!(!schema.is_valid(&event), "{event:#}");
        assert!(check(&event).is_err(), "{event:#}");
    }
}

#[test]
fn every_small_change_gets_the_same_verdict() {
    let schema = schema();
    let mutants: Vec<Value> = good().iter().flat_map(mutants).collect();
    assert!(mutants.len() > 1_000, "{}", mutants.len());
    for event in mutants {
        match (schema.is_valid(&event), check(&event)) {
            (true, Err(refusal)) => assert!(stricter_on_purpose(&refusal), "{refusal:?}\n{event}"),
            (false, Ok(())) => panic!("taken, though the schema refuses it: {event}"),
            _ => {}
        }
    }
}

#[test]
fn a_refusal_names_the_place() {
    let event = json!({"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"pitch": 2}}}});
    let refusal = check(&event).unwrap_err();
    assert_eq!((refusal.code, refusal.param.as_deref()), ("unknown_parameter", Some("session.audio.output.pitch")));
    let refusal = check(&json!({"type": "conversation.item.delete"})).unwrap_err();
    assert_eq!(refusal.message, "Missing required parameter: 'item_id'.");
    let refusal = check(&json!({"type": "nonsense"})).unwrap_err();
    assert_eq!((refusal.code, refusal.param.as_deref()), ("invalid_value", Some("type")));
}
