//! One message of each kind as Twilio documents it, in `tests/wire/twilio`.

use std::collections::BTreeSet;
use std::path::Path;

use shared::audio::Payload;
use shared::twilio::media::{Media, Message, StreamEvent, StreamMessage, parse};

macro_rules! wire {
    ($($kind:literal => $read:expr),* $(,)?) => {[
        $(($kind, include_str!(concat!("../wire/twilio/", $kind, ".json")), $read as fn(&Message) -> bool)),*
    ]};
}

#[test]
fn each_kind_is_read_and_no_file_is_forgotten() {
    let messages = wire![
        "connected" => |message| *message == Message::Connected,
        "start" => |message| event(message, 1, |event| match event {
            StreamEvent::Start(start) => {
                start.call.as_str() == "CA0123456789abcdef0123456789abcdef"
                    && start.account == "AC0123456789abcdef0123456789abcdef"
                    && start.parameters["token"].reveal() == "3q2-7wAAAAAAAAAAAAAAAA"
            }
            _ => false,
        }),
        "media" => |message| event(message, 4, |event| match event {
            StreamEvent::Media(Media { chunk: 3, timestamp_ms: 61, payload }) => is_a_tone_of_20_ms(payload),
            _ => false,
        }),
        "dtmf" => |message| event(message, 5, |event| *event == StreamEvent::Dtmf { digit: '1' }),
        "mark" => |message| event(message, 6, |event| *event == StreamEvent::Mark { name: "0.1".into() }),
        "stop" => |message| event(message, 7, |event| *event == StreamEvent::Stop),
    ];
    for (kind, text, is_right) in messages {
        let message = parse(&text.into()).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert!(is_right(&message), "{kind}: {message:?}");
    }
    let read: BTreeSet<String> = messages.iter().map(|(kind, ..)| format!("{kind}.json")).collect();
    assert_eq!(files(), read);
}

fn event(message: &Message, number: u64, is_right: fn(&StreamEvent) -> bool) -> bool {
    let Message::Stream(StreamMessage { stream, sequence, event }) = message else { return false };
    stream.as_str() == "MZ18ad3ab5a668481ce02b83e7395059f0" && *sequence == number && is_right(event)
}

fn is_a_tone_of_20_ms(payload: &Payload) -> bool {
    let mulaw = payload.decode();
    mulaw.len() == 160 && mulaw.iter().collect::<BTreeSet<_>>().len() > 10
}

fn files() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/twilio");
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.into_string().unwrap()).collect()
}
