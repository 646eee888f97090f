use proptest::prelude::*;

use super::*;
use crate::model::Severity;

fn read(frame: &str) -> ModelEvent {
    decode(&frame.into()).unwrap()
}

fn refused(frame: &str) -> String {
    decode(&frame.into()).unwrap_err().0
}

const DELTA: &str = r#"{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_1",
    "item_id":"item_1","output_index":0,"content_index":2,"delta":"AAECAwQF","obfuscation":"x9","later":{"a":[1]}}"#;

#[test]
fn an_audio_delta_is_slices_of_its_frame() {
    let frame = ByteString::from(DELTA);
    let range = frame.as_bytes().as_ptr_range();
    let within = |text: &str| range.contains(&text.as_ptr());
    let ModelEvent::Audio { response, item, content_index, payload } = decode(&frame).unwrap() else { panic!() };
    assert!(within(response.as_str()) && within(item.as_str()) && within(payload.as_base64()));
    assert_eq!((response.as_str(), item.as_str(), content_index), ("resp_1", "item_1", 2));
    assert_eq!(payload.decode(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn audio_survives_escaped_slashes_and_missing_padding() {
    let with = |delta: &str| DELTA.replace("AAECAwQF", delta);
    for (delta, samples) in [(r"\/\/\/\/", vec![0xFF; 3]), ("//8", vec![0xFF; 2]), ("/w", vec![0xFF])] {
        let ModelEvent::Audio { payload, .. } = read(&with(delta)) else { panic!("{delta}") };
        assert_eq!(payload.decode(), samples, "{delta}");
    }
    assert_eq!(read(&with("")), ModelEvent::Noted);
    for delta in ["A", "AA A", "=AAA", "ÄÄÄÄ"] {
        assert_eq!(refused(&with(delta)), "the audio is not base64", "{delta}");
    }
}

#[test]
fn a_delta_of_ten_seconds_is_one_event() {
    let long = "////".repeat(80_000 / 3);
    let ModelEvent::Audio { payload, .. } = read(&DELTA.replace("AAECAwQF", &long)) else { panic!() };
    assert_eq!(payload.as_base64(), long);
}

#[test]
fn an_unknown_type_is_named_and_survived() {
    assert_eq!(
        read(r#"{"type":"response.smell.delta","delta":{"deep":[1,2]},"item_id":7}"#),
        ModelEvent::Unknown { kind: "response.smell.delta".to_owned() }
    );
    let endless = format!(r#"{{"type":"{}"}}"#, "é".repeat(1_000));
    assert_eq!(read(&endless), ModelEvent::Unknown { kind: "é".repeat(LONGEST_NAME) });
}

#[test]
fn a_completed_function_call_is_a_tool_call() {
    let frame = r#"{"type":"response.output_item.done","response_id":"resp_1","output_index":0,"item":{"id":"item_1",
        "object":"realtime.item","type":"function_call","status":"completed","call_id":"call_1","name":"get_weather",
        "arguments":"{\"place\":\"Zürich\"}"}}"#;
    let call = ModelEvent::ToolCall {
        response: "resp_1".into(),
        call: "call_1".into(),
        name: "get_weather".to_owned(),
        arguments: r#"{"place":"Zürich"}"#.into(),
    };
    assert_eq!(read(frame), call);
    assert_eq!(read(&frame.replace("completed", "incomplete")), ModelEvent::Noted);
    assert_eq!(read(&frame.replace("function_call\"", "message\"")), ModelEvent::Noted);
    assert_eq!(refused(&frame.replace("call_id", "call_ib")), "`item.call_id` is missing");
}

#[test]
fn a_response_ends_in_one_of_four_ways() {
    let done = |status: &str, details: &str| {
        let frame = format!(
            r#"{{"type":"response.done","response":{{"id":"r","status":"{status}","status_details":{details}}}}}"#
        );
        let ModelEvent::ResponseDone { status, usage: None, .. } = read(&frame) else { panic!() };
        status
    };
    let failed = |code: &str, severity| ResponseStatus::Failed { code: code.to_owned(), severity };
    let incomplete = |reason: &str| ResponseStatus::Incomplete { reason: reason.to_owned() };
    assert_eq!(done("completed", "null"), ResponseStatus::Completed);
    assert_eq!(done("cancelled", r#"{"type":"cancelled","reason":"turn_detected"}"#), ResponseStatus::Cancelled);
    assert_eq!(done("incomplete", r#"{"reason":"max_output_tokens"}"#), incomplete("max_output_tokens"));
    assert_eq!(done("incomplete", "null"), incomplete("incomplete"));
    assert_eq!(done("evaporated", r#""now""#), incomplete("evaporated"));
    assert_eq!(
        done("failed", r#"{"error":{"type":"server_error","code":"inference_rate_limit_exceeded"}}"#),
        failed("inference_rate_limit_exceeded", Severity::Retry)
    );
    assert_eq!(
        done("failed", r#"{"error":{"type":"insufficient_quota"}}"#),
        failed("insufficient_quota", Severity::Fatal)
    );
    assert_eq!(done("failed", "null"), failed("unknown", Severity::Retry));
}

#[test]
fn usage_is_read_as_far_as_it_is_there() {
    let usage = |text: &str| {
        let frame =
            format!(r#"{{"type":"response.done","response":{{"id":"r","status":"completed","usage":{text}}}}}"#);
        let ModelEvent::ResponseDone { usage, .. } = read(&frame) else { panic!() };
        usage
    };
    assert_eq!(usage("null"), None);
    assert_eq!(usage("[]").map(|usage| usage.input_text), Some(0));
    let some = usage(r#"{"input_token_details":{"text_tokens":5,"cached_tokens_details":{"audio_tokens":2}}}"#);
    assert_eq!(some, Some(Usage { input_text: 5, cached_audio: 2, ..Usage::default() }));
}

#[test]
fn an_error_names_its_code_its_command_and_what_it_means() {
    let ModelEvent::Error(error) = read(
        r#"{"type":"error","error":{"type":"invalid_request_error",
            "code":"conversation_already_has_active_response","message":"Wait \"a bit\"","event_id":"cmd_7"}}"#,
    ) else {
        panic!()
    };
    assert_eq!(error.code, "conversation_already_has_active_response");
    assert_eq!((error.severity, error.event), (Severity::Busy, Some("cmd_7".into())));
    assert_eq!(error.message.reveal(), "Wait \"a bit\"");
}

#[test]
fn an_error_without_a_body_is_benign() {
    for frame in [r#"{"type":"error"}"#, r#"{"type":"error","error":"oh"}"#, r#"{"type":"error","error":{"code":7}}"#] {
        let ModelEvent::Error(error) = read(frame) else { panic!("{frame}") };
        assert_eq!((error.code.as_str(), error.severity), ("unknown", Severity::Benign), "{frame}");
    }
}

#[test]
fn words_that_were_not_made_out_are_none() {
    let said = |transcript: &str| {
        let frame = format!(
            r#"{{"type":"conversation.item.input_audio_transcription.completed","item_id":"i","transcript":{transcript}}}"#
        );
        let ModelEvent::CallerSaid { text, .. } = read(&frame) else { panic!() };
        text.map(Pii::into_revealed)
    };
    assert_eq!(said(r#""Gr\u00fc\u00df Gott""#).as_deref(), Some("Grüß Gott"));
    assert_eq!(said(r#"" \n""#), None);
    assert_eq!(said("null"), None);
}

#[test]
fn the_caller_is_heard_even_when_the_item_has_no_name() {
    assert_eq!(
        read(r#"{"type":"input_audio_buffer.speech_started","audio_start_ms":1000.7}"#),
        ModelEvent::SpeechStarted { item: ItemId::default(), at_ms: 1_000 }
    );
}

#[test]
fn what_is_no_event_is_refused_and_not_quoted() {
    for (frame, fault) in [
        ("", "not a JSON object"),
        ("hello", "not a JSON object"),
        (r#"["session.updated",0,0,0,0,0,0,0,0,0,0,0]"#, "not a JSON object"),
        (r#""secret words""#, "not a JSON object"),
        ("{hello", "syntax error at column 2"),
        (r#"{"type":"#, "early end error at column 8"),
        ("{}", "`type` is missing"),
        (r#"{"type":7}"#, "`type` is missing"),
        (r#"{"type":"response.output_audio.delta"}"#, "`delta` is missing"),
        (r#"{"type":"response.output_audio.delta","delta":"AAAA"}"#, "`response_id` is missing"),
        (r#"{"type":"response.created"}"#, "`response.id` is missing"),
    ] {
        assert_eq!(refused(frame), fault, "{frame}");
    }
}

/// Frames that are nearly right: a known type with any JSON in the fields we read.
fn nearly() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("-1e300".to_owned()),
        Just("[[],{}]".to_owned()),
        Just(r#""\ud800""#.to_owned()),
        Just(r#""x""#.to_owned()),
        Just(r#"{"id":"i","type":"function_call","status":"completed","error":{"code":[]}}"#.to_owned()),
    ];
    let field = prop_oneof![
        Just("response_id"),
        Just("item_id"),
        Just("delta"),
        Just("content_index"),
        Just("audio_start_ms"),
        Just("session"),
        Just("response"),
        Just("item"),
        Just("error"),
    ];
    let kinds: Vec<&'static str> = KNOWN
        .into_iter()
        .chain([
            "response.output_audio.delta",
            "response.output_audio.done",
            "response.output_item.done",
            "response.created",
            "response.done",
            "session.created",
            "error",
            "input_audio_buffer.speech_started",
        ])
        .collect();
    (proptest::sample::select(kinds), proptest::collection::btree_map(field, value, 0..6)).prop_map(|(kind, fields)| {
        let fields: String = fields.iter().map(|(name, value)| format!(r#","{name}":{value}"#)).collect();
        format!(r#"{{"type":"{kind}"{fields}}}"#)
    })
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_never_a_panic(text in any::<String>(), cut in 0..DELTA.len()) {
        let _either = decode(&text.into());
        let mut frame = DELTA.to_owned();
        frame.truncate(cut);
        prop_assert!(decode(&frame.into()).is_err());
    }

    #[test]
    fn fields_of_any_shape_never_panic(frame in nearly()) {
        let event = decode(&frame.into());
        let unknown = matches!(event, Ok(ModelEvent::Unknown { .. }));
        prop_assert!(!unknown);
    }

    #[test]
    fn bytes_put_into_a_frame_never_panic(at in 0..DELTA.len(), byte in any::<char>()) {
        let mut frame = DELTA.to_owned();
        frame.insert(at, byte);
        let _either = decode(&frame.into());
    }
}
