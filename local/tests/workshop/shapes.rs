//! What the scripted model sends against what others wrote: the vendor's own examples, and our dialect.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use bytestring::ByteString;
use serde_json::{Value, json};
use shared::model::{Backend, ModelEvent, ResponseStatus, dialect};

use crate::client::{Client, model, silence, speech, vad};

/// One conversation in which everything happens, and all that was sent in it.
async fn everything() -> Vec<Value> {
    let script = "pace 2\nthink 0ms\ngreeting\n  say agent-ready \"A long answer.\"\nhear \"Is it ready?\"\n  \
                  say \"One moment.\"\n  call lookup {\"id\": 7}\nresult lookup\n  say \"Yes.\"\notherwise\n  fail server_error";
    let model = model(script).await;
    let mut client = Client::session(&model, vad()).await;
    let create = json!({"type": "response.create"});
    client.send(&create).await;
    let item = client.find("response.output_audio.delta").await["item_id"].clone();
    client.append(&[speech("caller-prescription"), silence(700)].concat()).await;
    client.find("conversation.item.input_audio_transcription.completed").await;
    client
        .send(&json!({"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": 40}))
        .await;
    client.send(&create).await;
    let call = client.find("response.function_call_arguments.done").await["call_id"].clone();
    client.find("response.done").await;
    let output = json!({"type": "function_call_output", "call_id": call, "output": "{}"});
    client.send(&json!({"type": "conversation.item.create", "item": output})).await;
    client.send(&create).await;
    client.find("response.done").await;
    client.append(&[speech("caller-menu"), silence(700)].concat()).await;
    client.find("conversation.item.input_audio_transcription.failed").await;
    for event in [
        json!({"type": "input_audio_buffer.clear"}),
        json!({"type": "conversation.item.delete", "item_id": item}),
        json!({"type": "response.cancel"}),
        create,
    ] {
        client.send(&event).await;
    }
    client.find("rate_limits.updated").await;
    client.frames.iter().map(|frame| serde_json::from_str(frame).unwrap()).collect()
}

/// The examples by type.
fn examples() -> BTreeMap<String, Vec<Value>> {
    let folder = option_env!("SHARED_DIR").unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"));
    let path = PathBuf::from(folder).join("contract/realtime_server_examples.jsonl");
    let text =
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; set SHARED_DIR", path.display()));
    let mut examples: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for example in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        examples.entry(example["type"].as_str().unwrap().to_owned()).or_default().push(example);
    }
    examples
}

/// Names of fields at every depth, as paths. Lists are looked into; free-form objects are not.
fn names(value: &Value, path: &str, names_found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) if !path.ends_with(".parameters") => {
            for (name, inner) in map {
                let path = format!("{path}.{name}");
                names(inner, &path, names_found);
                names_found.insert(path);
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| names(inner, path, names_found)),
        _ => {}
    }
}

fn names_of(event: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    names(event, "", &mut found);
    found
}

/// Where the examples are of another kind of item or session than ours, or leave out what the real API sends.
fn known_difference(name: &str) -> bool {
    let items = [".item", ".response.output"].iter().any(|prefix| name.starts_with(prefix));
    let audio_formats = name.ends_with(".format.rate");
    let vad = name.contains(".turn_detection.");
    let details = name.starts_with(".response.status_details") || name.starts_with(".response.usage");
    let ours = name.starts_with(".session.tools") || name.starts_with(".session.audio.input.transcription.");
    items || audio_formats || vad || details || ours || name == ".obfuscation"
}

#[tokio::test]
async fn every_event_has_the_fields_of_its_example() {
    let examples = examples();
    for event in everything().await {
        let kind = event["type"].as_str().unwrap();
        let Some(examples) = examples.get(kind) else { panic!("there is no example of {kind}") };
        let ours = names_of(&event);
        let theirs: BTreeSet<String> = examples.iter().flat_map(names_of).collect();
        let differences: Vec<&String> =
            ours.symmetric_difference(&theirs).filter(|name| !known_difference(name)).collect();
        // A transcript's part has no text, and a text's no transcript.
        let differences: Vec<_> = differences.into_iter().filter(|name| !name.starts_with(".part.")).collect();
        assert!(differences.is_empty(), "{kind}: {differences:?}\n{event:#}");
    }
}

#[tokio::test]
async fn an_item_is_what_the_api_says_an_item_is() {
    let known = json!({
        "message": ["content", "id", "object", "role", "status", "type"],
        "function_call": ["arguments", "call_id", "id", "name", "object", "status", "type"],
        "function_call_output": ["call_id", "id", "object", "output", "status", "type"],
    });
    for event in everything().await {
        let outputs = event["response"]["output"].as_array().cloned().unwrap_or_default();
        for item in std::iter::once(event["item"].clone()).chain(outputs).filter(Value::is_object) {
            let names: Vec<&String> = item.as_object().unwrap().keys().collect();
            assert_eq!(json!(names), known[item["type"].as_str().unwrap()], "{item:#}");
        }
    }
}

/// What our dialect should make of it.
fn intended(event: &Value) -> &'static str {
    match event["type"].as_str().unwrap() {
        "session.created" => "Created",
        "session.updated" => "Ready",
        "input_audio_buffer.speech_started" => "SpeechStarted",
        "input_audio_buffer.speech_stopped" => "SpeechStopped",
        "input_audio_buffer.committed" => "Committed",
        "conversation.item.input_audio_transcription.delta" => "CallerSays",
        "conversation.item.input_audio_transcription.completed"
        | "conversation.item.input_audio_transcription.failed" => "CallerSaid",
        "response.created" => "ResponseStarted",
        "response.output_audio.delta" => "Audio",
        "response.output_audio.done" => "AudioDone",
        "response.output_audio_transcript.delta" => "AgentSays",
        "response.output_audio_transcript.done" => "AgentSaid",
        "response.output_item.done" if event["item"]["type"] == "function_call" => "ToolCall",
        "response.done" => "ResponseDone",
        "error" => "Error",
        _ => "Noted",
    }
}

#[tokio::test]
async fn our_dialect_reads_every_event_as_what_it_is() {
    let mut statuses = Vec::new();
    for event in everything().await {
        let decoded = dialect(Backend::OpenaiRealtime).decode(&ByteString::from(event.to_string())).unwrap();
        let name = format!("{decoded:?}");
        let name = name.split(|letter: char| !letter.is_alphanumeric()).next().unwrap();
        assert_eq!(name, intended(&event), "{event:#}");
        if let ModelEvent::ResponseDone { status, .. } = decoded {
            statuses.push(status);
        }
    }
    assert_eq!(statuses[..3], [ResponseStatus::Cancelled, ResponseStatus::Completed, ResponseStatus::Completed]);
    assert!(matches!(&statuses[3], ResponseStatus::Failed { code, .. } if code == "server_error"));
}
