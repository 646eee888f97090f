//! The scripted model behaves as the Realtime API does.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::client::{Client, End, audio, model, silence, speech, telephone, types, vad};

const HELLO: &str = "pace 0\nthink 0ms\ngreeting\n  say agent-moment \"One moment, please.\"\n";

fn create() -> Value {
    json!({"type": "response.create", "event_id": "create"})
}

async fn refused_with(url: &str, headers: &[(&'static str, &str)]) -> u16 {
    match Client::connect(url, headers).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{:?}", other.map(|_| "connected")),
    }
}

#[tokio::test]
async fn a_handshake_needs_a_key_and_a_model() {
    let model = model(HELLO).await;
    let url = format!("{}?model=m", model.url());
    assert_eq!(refused_with(&url, &[]).await, 401);
    assert_eq!(refused_with(&url, &[("authorization", "Bearer ")]).await, 401);
    assert_eq!(refused_with(&model.url(), &[("authorization", "Bearer key")]).await, 400);
    assert!(Client::connect(&url, &[("authorization", "Bearer key")]).await.is_ok());
}

#[tokio::test]
async fn the_beta_is_gone() {
    let model = model(HELLO).await;
    let headers = [("authorization", "Bearer key"), ("openai-beta", "realtime=v1")];
    let mut client = Client::connect(&format!("{}?model=m", model.url()), &headers).await.unwrap();
    assert_eq!(client.next().await["error"]["code"], "beta_api_shape_disabled");
    assert_eq!(client.end().await, End::Closed(4000));
}

#[tokio::test]
async fn an_update_with_one_unknown_field_is_refused_whole() {
    let model = model(HELLO).await;
    let mut client = Client::session(&model, vad()).await;
    let mut update = telephone(vad());
    update["event_id"] = "second".into();
    update["session"]["instructions"] = "Be long.".into();
    update["session"]["temperature"] = json!(0.8);
    client.send(&update).await;
    let error = client.next().await;
    assert_eq!(error["error"]["code"], "unknown_parameter");
    assert_eq!(error["error"]["param"], "session.temperature");
    assert_eq!(error["error"]["event_id"], "second");
    client.send(&json!({"type": "session.update", "session": {"type": "realtime"}})).await;
    let session = client.find("session.updated").await["session"].clone();
    assert_eq!(session["instructions"], "Be brief.");
    assert_eq!(session["audio"]["input"]["turn_detection"]["create_response"], false);
}

#[tokio::test]
async fn what_is_no_event_is_an_error_and_the_session_lives() {
    let model = model(HELLO).await;
    let mut client = Client::session(&model, vad()).await;
    for (text, code) in [
        ("{", "invalid_json"),
        ("{}", "invalid_event"),
        (r#"{"type":"session.begin"}"#, "invalid_value"),
        (r#"{"type":"input_audio_buffer.append","audio":"not base64"}"#, "invalid_value"),
        (r#"{"type":"response.cancel"}"#, "response_cancel_not_active"),
        (r#"{"type":"input_audio_buffer.commit"}"#, "input_audio_buffer_commit_empty"),
        (r#"{"type":"conversation.item.retrieve","item_id":"nowhere"}"#, "item_retrieve_invalid_item_id"),
    ] {
        client.send_text(text).await;
        assert_eq!(client.next().await["error"]["code"], code, "{text}");
    }
    client.send(&create()).await;
    client.find("response.done").await;
}

#[tokio::test]
async fn a_response_comes_in_the_documented_order_and_whole() {
    let model = model(HELLO).await;
    let mut client = Client::session(&model, vad()).await;
    client.send(&create()).await;
    let events = client.until("rate_limits.updated").await;
    let mut order = types(&events);
    order.dedup();
    let deltas = ["response.output_audio_transcript.delta", "response.output_audio.delta"];
    let outline: Vec<&str> = order.iter().copied().filter(|kind| !deltas.contains(kind)).collect();
    assert_eq!(
        outline,
        [
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "conversation.item.done",
            "response.done",
            "rate_limits.updated"
        ]
    );
    assert_eq!(audio(&events), speech("agent-moment"));
    let said: String =
        events.iter().filter(|event| event["type"] == deltas[0]).filter_map(|e| e["delta"].as_str()).collect();
    assert_eq!(said, "One moment, please.");
    let done = events.iter().find(|event| event["type"] == "response.done").unwrap();
    assert_eq!(done["response"]["status"], "completed");
    assert_eq!(done["response"]["output"][0]["content"][0]["transcript"], "One moment, please.");
}

#[tokio::test]
async fn deltas_may_have_any_size_and_lose_nothing() {
    let model = model(&format!("deltas 1..777\nseed 3\n{HELLO}")).await;
    let mut client = Client::session(&model, vad()).await;
    client.send(&create()).await;
    let events = client.until("response.done").await;
    assert_eq!(audio(&events), speech("agent-moment"));
    let sizes: std::collections::BTreeSet<usize> = events
        .iter()
        .filter(|event| event["type"] == "response.output_audio.delta")
        .map(|event| audio(std::slice::from_ref(event)).len())
        .collect();
    assert!(sizes.len() > 10 && sizes.iter().any(|size| size % 3 != 0), "{sizes:?}");
}

#[tokio::test]
async fn a_turn_is_heard_committed_and_made_out() {
    let model = model("hear \"Is it ready?\"\n  say \"Yes.\"").await;
    let mut client = Client::session(&model, vad()).await;
    client.append(&[silence(600), speech("caller-prescription"), silence(700)].concat()).await;
    let events = client.until("conversation.item.input_audio_transcription.completed").await;
    let started = &events[0];
    assert_eq!(started["type"], "input_audio_buffer.speech_started");
    assert!((250..400).contains(&started["audio_start_ms"].as_u64().unwrap()), "{started}");
    let outline = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ];
    assert_eq!(types(&events)[..5], outline);
    assert!(events[..3].iter().all(|event| event["item_id"] == started["item_id"]));
    assert_eq!(events.last().unwrap()["transcript"], "Is it ready?");
    assert!(!types(&events).contains(&"response.created"), "create_response is false");
}

#[tokio::test]
async fn a_turn_is_answered_by_itself_if_so_asked() {
    let model = model("hear \"Is it ready?\"\n  say \"Yes.\"").await;
    let mut client = Client::session(&model, json!({"type": "server_vad", "silence_duration_ms": 500})).await;
    client.append(&[speech("caller-prescription"), silence(700)].concat()).await;
    client.find("response.done").await;
}

#[tokio::test]
async fn the_caller_interrupts_and_the_bridge_truncates() {
    let model = model("pace 1\nthink 0ms\ngreeting\n  say agent-ready \"A very long answer indeed.\"").await;
    let mut client = Client::session(&model, vad()).await;
    client.send(&create()).await;
    let item = client.find("response.output_audio.delta").await["item_id"].clone();
    client.append(&speech("caller-menu")[..8_000]).await;
    let events = client.until("response.done").await;
    let done = events.last().unwrap();
    assert_eq!(done["response"]["status"], "cancelled");
    assert_eq!(done["response"]["status_details"]["reason"], "turn_detected");
    assert_eq!(done["response"]["output"][0]["status"], "incomplete");

    let truncate = |item: &Value, ms: u64| json!({"type": "conversation.item.truncate", "event_id": "cut", "item_id": item, "content_index": 0, "audio_end_ms": ms});
    client.send(&truncate(&item, 60_000)).await;
    let error = client.find("error").await["error"].clone();
    let message = error["message"].as_str().unwrap();
    assert!(
        message.starts_with("Audio content of ") && message.ends_with("ms is already shorter than 60000ms"),
        "{message}"
    );
    assert_eq!((&error["event_id"], &error["code"]), (&json!("cut"), &Value::Null));

    client.send(&truncate(&item, 120)).await;
    assert_eq!(client.find("conversation.item.truncated").await["audio_end_ms"], 120);
    client.send(&truncate(&json!("nowhere"), 0)).await;
    assert_eq!(client.find("error").await["error"]["code"], "item_truncate_invalid_item_id");
    let user = json!({"type": "conversation.item.create", "item": {"id": "mine", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}});
    client.send(&user).await;
    client.send(&truncate(&json!("mine"), 0)).await;
    assert_eq!(client.find("error").await["error"]["message"], "Only model output audio messages can be truncated");
    assert_eq!(model.sessions()[0].truncations, [(item.as_str().unwrap().to_owned(), 120)]);
}

#[tokio::test]
async fn without_interruption_the_response_goes_on_and_the_next_follows() {
    let model = model("pace 4\nthink 0ms\ngreeting\n  say agent-moment \"One.\"\nhear \"x\"\n  say \"Two.\"").await;
    let mut client =
        Client::session(&model, json!({"type": "server_vad", "silence_duration_ms": 500, "interrupt_response": false}))
            .await;
    client.send(&create()).await;
    client.find("response.output_audio.delta").await;
    client.append(&[speech("caller-menu"), silence(700)].concat()).await;
    assert_eq!(client.find("response.done").await["response"]["status"], "completed");
    let second = client.find("response.done").await["response"].clone();
    assert_eq!(
        (&second["status"], &second["output"][0]["content"][0]["transcript"]),
        (&json!("completed"), &json!("Two."))
    );
}

#[tokio::test]
async fn only_one_response_is_active() {
    let model = model("pace 1\nthink 0ms\ngreeting\n  say agent-moment \"One moment.\"").await;
    let mut client = Client::session(&model, vad()).await;
    client.send(&create()).await;
    client.find("response.output_audio.delta").await;
    client.send(&json!({"type": "response.create", "event_id": "again"})).await;
    let error = client.find("error").await["error"].clone();
    assert_eq!(
        (&error["code"], &error["event_id"]),
        (&json!("conversation_already_has_active_response"), &json!("again"))
    );
    client.send(&json!({"type": "response.cancel"})).await;
    let done = client.find("response.done").await;
    assert_eq!(done["response"]["status_details"]["reason"], "client_cancelled");
    client.send(&create()).await;
    client.find("response.created").await;
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_answered() {
    let script = "pace 0\nthink 0ms\ngreeting\n  say \"One moment.\"\n  call lookup {\"id\": 7}\nresult lookup\n  say \"Found.\"";
    let model = model(script).await;
    let mut client = Client::session(&model, vad()).await;
    client.send(&create()).await;
    let events = client.until("response.done").await;
    let done = events.iter().find(|event| event["type"] == "response.function_call_arguments.done").unwrap();
    assert_eq!((&done["name"], &done["arguments"]), (&json!("lookup"), &json!("{\"id\": 7}")));
    let pieces = events.iter().filter(|event| event["type"] == "response.function_call_arguments.delta");
    assert_eq!(pieces.filter_map(|event| event["delta"].as_str()).collect::<String>(), "{\"id\": 7}");
    let item = events.iter().rfind(|event| event["type"] == "response.output_item.done").unwrap()["item"].clone();
    assert_eq!((&item["type"], &item["status"]), (&json!("function_call"), &json!("completed")));

    let output = |call: &Value| json!({"type": "conversation.item.create", "item": {"id": "out", "type": "function_call_output", "call_id": call, "output": "{\"ok\":true}"}});
    client.send(&output(&json!("call_nowhere"))).await;
    assert_eq!(client.find("error").await["error"]["code"], "invalid_tool_call_id");
    client.send(&output(&item["call_id"])).await;
    client.find("conversation.item.done").await;
    client.send(&output(&item["call_id"])).await;
    assert_eq!(client.find("error").await["error"]["code"], "item_create_duplicate_item_id");
    client.send(&create()).await;
    assert_eq!(client.find("response.output_audio_transcript.done").await["transcript"], "Found.");
    let report = &model.sessions()[0];
    assert_eq!(report.outputs, [(item["call_id"].as_str().unwrap().to_owned(), "{\"ok\":true}".to_owned())]);
}

#[tokio::test]
async fn tools_that_are_forbidden_are_not_called() {
    let model = model("pace 0\nthink 0ms\ngreeting\n  call hang_up {}\n  say \"Hello.\"").await;
    let mut client = Client::session(&model, vad()).await;
    client.send(&json!({"type": "response.create", "response": {"tool_choice": "none"}})).await;
    let done = client.find("response.done").await;
    assert_eq!(done["response"]["output"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_replayed_conversation_goes_on_where_it_was() {
    let model =
        model("pace 0\nthink 0ms\ngreeting\n  say \"Hello.\"\nhear \"a\"\n  say \"One.\"\nhear \"b\"\n  say \"Two.\"")
            .await;
    let mut client = Client::session(&model, vad()).await;
    for text in ["first", "second"] {
        let content = json!([{"type": "input_text", "text": text}]);
        client.send(&json!({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}})).await;
    }
    client.send(&create()).await;
    assert_eq!(client.find("response.output_audio_transcript.done").await["transcript"], "Two.");
}

#[tokio::test]
async fn a_response_may_fail() {
    let model =
        model("think 0ms\notherwise\n  fail inference_rate_limit_exceeded\ngreeting\n  fail server_error").await;
    let mut client = Client::session(&model, vad()).await;
    client.send(&create()).await;
    let response = client.find("response.done").await["response"].clone();
    assert_eq!(
        (&response["status"], &response["status_details"]["error"]["code"]),
        (&json!("failed"), &json!("server_error"))
    );
}

#[tokio::test]
async fn the_echo_returns_every_byte() {
    let model = model("echo\nkeep audio").await;
    let mut client = Client::session(&model, vad()).await;
    let sound: Vec<u8> = (0..20_000_u32).map(|at| (at * 7 % 251) as u8).collect();
    client.append(&sound).await;
    let mut heard = Vec::new();
    while heard.len() < sound.len() {
        heard.extend(audio(&[client.next().await]));
    }
    assert_eq!(heard, sound);
    let report = &model.sessions()[0];
    assert_eq!((&report.appended, report.appended_bytes), (&sound, 20_000));
    assert_eq!(report.appended_sha256, report.sent_sha256);
}

const KEY: [(&str, &str); 1] = [("authorization", "Bearer key")];

#[tokio::test]
async fn a_handshake_is_refused_as_often_as_the_script_says() {
    let model = model("fault status 429 sessions 2").await;
    let url = format!("{}?model=m", model.url());
    assert_eq!((refused_with(&url, &KEY).await, refused_with(&url, &KEY).await), (429, 429));
    let mut client = Client::connect(&url, &KEY).await.unwrap();
    assert_eq!(client.next().await["type"], "session.created");
}

#[tokio::test]
async fn a_session_is_closed_or_dropped_when_the_script_says() {
    for (fault, end) in [("close 1011 after 50ms", End::Closed(1011)), ("drop after 50ms", End::Dropped)] {
        let model = model(&format!("fault {fault}")).await;
        let mut client = Client::connect(&format!("{}?model=m", model.url()), &KEY).await.unwrap();
        assert_eq!(client.next().await["type"], "session.created");
        assert_eq!(client.end().await, end);
    }
}

#[tokio::test]
async fn a_stalled_session_says_nothing_and_keeps_its_socket() {
    let model = model("fault stall").await;
    let mut client = Client::connect(&format!("{}?model=m", model.url()), &KEY).await.unwrap();
    client.send(&create()).await;
    model.until(|sessions| sessions[0].events.contains_key("response.create")).await;
    let nothing = tokio::time::timeout(Duration::from_millis(200), client.next_text()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    assert!(!model.sessions()[0].closed);
}

#[tokio::test]
async fn garbage_comes_between_the_events() {
    let model = model(&format!("fault garbage\ndeltas 80\n{HELLO}")).await;
    let mut client = Client::session(&model, vad()).await;
    client.send(&create()).await;
    let mut garbage = 0;
    loop {
        let text = client.next_text().await.unwrap();
        match serde_json::from_str::<Value>(&text) {
            Ok(event) if event["type"] == "response.done" => break,
            Ok(_) => {}
            Err(_) => garbage += 1,
        }
    }
    assert!(garbage > 5, "{garbage}");
}

#[tokio::test]
async fn a_session_expires() {
    let model = model("session 100ms").await;
    let mut client = Client::session(&model, vad()).await;
    assert_eq!(client.find("error").await["error"]["code"], "session_expired");
    assert_eq!(client.end().await, End::Closed(1001));
    let sessions = model.until(|sessions| sessions[0].closed).await;
    assert_eq!(sessions[0].errors, ["session_expired"]);
}

#[tokio::test]
async fn a_stopped_model_lets_go_of_its_sockets() {
    let model = model(HELLO).await;
    let mut client = Client::session(&model, vad()).await;
    tokio::time::timeout(Duration::from_secs(5), model.stop()).await.expect("it stops");
    assert_eq!(client.end().await, End::Dropped);
}

const RECOGNISING: &str = "recognise\npace 0\nthink 0ms\ngreeting\n  say \"Good day.\"\nhear \"Are you open?\"\n  \
    say \"Until six.\"\nhear \"Is there any soup?\"\n  say \"Tomato soup.\"\nresumed\n  say \"I am back.\"";

/// The second question first: what an utterance is follows from its sound, not from its number.
#[tokio::test]
async fn a_recognising_model_knows_a_question_by_its_sound() {
    let model = model(RECOGNISING).await;
    let mut client = Client::session(&model, vad()).await;
    client.append(&local::hum::hum(3, "Is there any soup?")).await;
    client.append(&silence(900)).await;
    let heard = client.find("conversation.item.input_audio_transcription.completed").await;
    assert_eq!(heard["transcript"], "Is there any soup?");
    client.send(&create()).await;
    let said = client.find("response.output_audio_transcript.done").await;
    assert_eq!(said["transcript"], "Tomato soup.");
}

/// A session that stalls says nothing for a while and then all of it; one that is dropped is gone.
#[tokio::test]
async fn a_session_stalls_and_drops_when_it_is_told() {
    let model = model(HELLO).await;
    let mut client = Client::session(&model, vad()).await;
    let [session] = model.open()[..] else { panic!("{:?}", model.open()) };
    model.stall_session(session, Duration::from_millis(400));
    let began = std::time::Instant::now();
    client.send(&create()).await;
    client.until("response.done").await;
    assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
    model.drop_session(session);
    client.append(&silence(20)).await;
    assert_eq!(client.end().await, End::Dropped);
    model.until(|sessions| sessions.iter().all(|session| session.closed)).await;
    assert_eq!(model.open(), [0; 0]);
}
