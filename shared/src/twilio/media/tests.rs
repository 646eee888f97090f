//! What a frame may look like and what becomes of it. The real-shaped ones are in `tests/wire/twilio`.

use proptest::prelude::*;

use super::*;

const PAYLOAD: &str = "f39/AP//fn8=";

fn read(text: &str) -> Result<StreamMessage, MediaError> {
    match parse(&ByteString::from(text))? {
        Message::Stream(message) => Ok(message),
        Message::Connected => panic!("connected"),
    }
}

fn event(rest: &str) -> Result<StreamEvent, MediaError> {
    read(&format!(r#"{{"sequenceNumber":"7","streamSid":"MZ1",{rest}}}"#)).map(|message| message.event)
}

fn media(fields: &str) -> Result<Media, MediaError> {
    match event(&format!(r#""event":"media","media":{{{fields}}}"#))? {
        StreamEvent::Media(media) => Ok(media),
        other => panic!("{other:?}"),
    }
}

fn start(fields: &str) -> Result<Start, MediaError> {
    match event(&format!(r#""event":"start","start":{{{fields}}}"#))? {
        StreamEvent::Start(start) => Ok(*start),
        other => panic!("{other:?}"),
    }
}

const FORMAT: &str = r#""mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}"#;

/// Whether a text is part of the frame itself, not a copy.
fn lies_in(frame: &ByteString, part: &str) -> bool {
    let frame = frame.as_bytes().as_ptr_range();
    let part = part.as_bytes().as_ptr_range();
    frame.start <= part.start && part.end <= frame.end
}

#[test]
fn payload_and_names_are_slices_of_the_frame() {
    let frame = ByteString::from(format!(
        r#"{{"event":"media","sequenceNumber":"4","media":{{"timestamp":"5","payload":"{PAYLOAD}"}},"streamSid":"MZ1"}}"#
    ));
    let Ok(Message::Stream(message)) = parse(&frame) else { panic!() };
    let StreamEvent::Media(media) = message.event else { panic!() };
    assert_eq!(media.payload.as_base64(), PAYLOAD);
    assert!(lies_in(&frame, media.payload.as_base64()));
    assert!(lies_in(&frame, message.stream.as_str()));

    let frame = ByteString::from(r#"{"event":"mark","sequenceNumber":"4","mark":{"name":"1.2"},"streamSid":"MZ1"}"#);
    let Ok(Message::Stream(message)) = parse(&frame) else { panic!() };
    let StreamEvent::Mark { name } = message.event else { panic!() };
    assert!(lies_in(&frame, &name));
}

#[test]
fn an_escaped_payload_is_the_same_payload() {
    let escaped = PAYLOAD.replace('/', r"\/").replace('A', r"\u0041");
    let media = media(&format!(r#""timestamp":"5","payload":"{escaped}""#)).unwrap();
    assert_eq!(media.payload.as_base64(), PAYLOAD);
}

#[test]
fn counters_may_be_text_or_numbers() {
    let as_text = media(r#""chunk":"2","timestamp":"5","payload":"""#).unwrap();
    let as_numbers = media(r#""chunk":2,"timestamp":5,"payload":"""#).unwrap();
    assert_eq!(as_text, as_numbers);
    assert_eq!((as_text.chunk, as_text.timestamp_ms), (2, 5));
    let numbered = |number: &str| {
        read(&format!(r#"{{"event":"stop","sequenceNumber":{number},"streamSid":"MZ1"}}"#)).map(|it| it.sequence)
    };
    assert_eq!((numbered("9"), numbered(r#""9""#)), (Ok(9), Ok(9)));
    assert_eq!(numbered(r#""18446744073709551615""#), Ok(u64::MAX));
    for bad in [
        "-1",
        r#""-1""#,
        "1.5",
        r#""1.5""#,
        r#""""#,
        r#"" 1""#,
        r#""x""#,
        "true",
        "{}",
        "1e400",
        "\"18446744073709551616\"",
    ] {
        assert!(matches!(numbered(bad), Err(MediaError::Malformed(..))), "{bad}");
    }
}

#[test]
fn unknown_fields_and_any_order_survive() {
    let text = format!(
        r#"{{"v":{{"a":[1,null,{{}}]}},"streamSid":"MZ1","media":{{"payload":"{PAYLOAD}","x":1,"timestamp":"5"}},
           "sequenceNumber":"4","event":"media","later":"news"}}"#
    );
    assert!(matches!(read(&text).unwrap().event, StreamEvent::Media(_)));
}

#[test]
fn a_start_says_whose_stream_it_is() {
    let start = start(&format!(
        r#""callSid":"CA1","accountSid":"AC1","tracks":["inbound"],{FORMAT},"customParameters":{{"token":"t0ken"}}"#
    ));
    let start = start.unwrap();
    assert_eq!((start.call.as_str(), &*start.account), ("CA1", "AC1"));
    assert_eq!(start.parameters["token"].reveal(), "t0ken");
    assert!(!format!("{start:?}").contains("t0ken"));
}

#[test]
fn a_stream_in_another_format_is_refused() {
    for (format, said) in [
        (r#"{"encoding":"audio/x-alaw","sampleRate":8000,"channels":1}"#, "audio/x-alaw 8000 Hz × 1"),
        (r#"{"encoding":"audio/x-mulaw","sampleRate":"16000","channels":1}"#, "audio/x-mulaw 16000 Hz × 1"),
        (r#"{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":2}"#, "audio/x-mulaw 8000 Hz × 2"),
    ] {
        let outcome = start(&format!(r#""callSid":"CA1","mediaFormat":{format}"#));
        assert_eq!(outcome, Err(MediaError::Format(said.to_owned())));
    }
}

#[test]
fn every_key_of_a_telephone_is_a_digit() {
    let pressed = |key: &str| event(&format!(r#""event":"dtmf","dtmf":{{"track":"inbound_track","digit":"{key}"}}"#));
    for key in "0123456789*#ABCD".chars() {
        assert_eq!(pressed(&key.to_string()), Ok(StreamEvent::Dtmf { digit: key }));
    }
    for bad in ["", "x", "12", " ", "é"] {
        assert_eq!(pressed(bad), Err(MediaError::Missing("dtmf.digit")), "{bad}");
    }
}

#[test]
fn what_is_missing_is_named() {
    for (text, missing) in [
        (r#"{"event":"stop","sequenceNumber":"1"}"#, "streamSid"),
        (r#"{"event":"stop","streamSid":"MZ1"}"#, "sequenceNumber"),
        (r#"{"event":"stop","streamSid":"MZ1","sequenceNumber":null}"#, "sequenceNumber"),
        (r#"{"event":"media","streamSid":"MZ1","sequenceNumber":"1"}"#, "media"),
        (r#"{"event":"start","streamSid":"MZ1","sequenceNumber":"1"}"#, "start"),
        (r#"{"event":"mark","streamSid":"MZ1","sequenceNumber":"1"}"#, "mark"),
        (r#"{"event":"dtmf","streamSid":"MZ1","sequenceNumber":"1"}"#, "dtmf"),
    ] {
        assert_eq!(read(text), Err(MediaError::Missing(missing)), "{text}");
    }
    assert_eq!(media(r#""payload":"""#), Err(MediaError::Missing("media.timestamp")));
    assert_eq!(start(r#""callSid":"CA1""#), Err(MediaError::Missing("start.mediaFormat")));
}

#[test]
fn what_is_not_a_message_is_malformed() {
    for text in [
        "",
        "hello",
        "null",
        "[]",
        "{}",
        "{\"event\":1}",
        "{\"event\":\"media\"",
        "\u{0}",
        "{\"event\":\"connected\"} x",
        r#"{"event":"media","media":{"timestamp":"1"},"streamSid":"MZ1","sequenceNumber":"1"}"#,
        r#"{"event":"start","start":{"accountSid":"AC1"},"streamSid":"MZ1","sequenceNumber":"1"}"#,
        r#"{"event":"stop","event":"stop","streamSid":"MZ1","sequenceNumber":"1"}"#,
        // What API Gateway itself sends when an integration fails.
        r#"{"message":"Internal server error","connectionId":"abc=","requestId":"def="}"#,
    ] {
        assert!(matches!(parse(&text.into()), Err(MediaError::Malformed(..))), "{text}");
    }
}

#[test]
fn a_deep_document_is_malformed_and_not_a_stack_overflow() {
    let deep = format!(r#"{{"event":"stop","x":{}"#, "[".repeat(60_000));
    assert!(matches!(parse(&deep.into()), Err(MediaError::Malformed(..))));
}

#[test]
fn unknown_events_are_told_apart_from_broken_ones() {
    assert_eq!(event(r#""event":"video""#), Err(MediaError::UnknownEvent));
    assert_eq!(parse(&r#"{"event":"connected","protocol":"Call","version":"9"}"#.into()), Ok(Message::Connected));
}

#[test]
fn a_payload_that_is_not_base64_is_refused() {
    for bad in ["@@@@", "abc", "ab=c", "ÿÿÿÿ", "ab c", r"ab\ncd=="] {
        assert_eq!(media(&format!(r#""timestamp":"5","payload":"{bad}""#)), Err(MediaError::Payload), "{bad}");
    }
}

#[test]
fn a_message_of_10_megabytes_is_refused_unread() {
    let long = "A".repeat(10 << 20);
    let text = format!(r#"{{"event":"media","media":{{"timestamp":"1","payload":"{long}"}}}}"#);
    assert_eq!(parse(&text.as_str().into()), Err(MediaError::TooLong(text.len())));
}

#[test]
fn an_error_does_not_quote_the_frame() {
    let broken = parse(&r#"{"event":"start","start":{"callSid":"+15551234567","#.into()).unwrap_err();
    assert_eq!(broken.to_string(), "not a Media Streams message: early end error at column 51");
}

#[test]
fn what_we_send_has_the_documented_fields_and_no_other() {
    let (mut out, stream) = ("what was there before".to_owned(), StreamSid::from("MZ1"));
    write_media(&mut out, &stream, &Payload::parse(PAYLOAD.into()).unwrap());
    assert_eq!(out, r#"{"event":"media","streamSid":"MZ1","media":{"payload":"f39/AP//fn8="}}"#);
    write_mark(&mut out, &stream, format_args!("{}.{}", 3, 14));
    assert_eq!(out, r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"3.14"}}"#);
    write_clear(&mut out, &stream);
    assert_eq!(out, r#"{"event":"clear","streamSid":"MZ1"}"#);
}

proptest! {
    #[test]
    fn a_written_name_is_read_back_whatever_it_is(name in any::<String>(), stream in any::<String>()) {
        let mut out = String::new();
        write_mark(&mut out, &StreamSid::from(stream.as_str()), &name);
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        prop_assert_eq!(&value["mark"]["name"], &serde_json::Value::from(name));
        prop_assert_eq!(&value["streamSid"], &serde_json::Value::from(stream));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _no_panic = parse(&text.into());
    }

    #[test]
    fn no_message_of_ours_makes_the_parser_panic(
        kind in "connected|start|media|mark|dtmf|stop|\\PC{0,5}",
        body in "(\\{|\"|[a-z]|:|,|\\}|[0-9]|\\\\){0,40}",
        number in any::<i64>(),
    ) {
        let text = format!(r#"{{"event":"{kind}","sequenceNumber":{number},"streamSid":"MZ","{kind}":{body}}}"#);
        let _no_panic = parse(&text.into());
    }

    #[test]
    fn every_payload_passes_untouched(bytes: Vec<u8>, timestamp in any::<u64>()) {
        let payload = Payload::encode(&bytes);
        let read = media(&format!(r#""timestamp":"{timestamp}","payload":"{}""#, payload.as_base64()));
        prop_assert_eq!(read, Ok(Media { chunk: 0, timestamp_ms: timestamp, payload }));
    }
}
