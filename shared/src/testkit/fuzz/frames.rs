//! Frames of the two sockets, and the sound in them.

use std::sync::OnceLock;

use bytestring::ByteString;

use crate::agent::Agent;
use crate::audio::wav::{Wav, mulaw_file};
use crate::audio::{Payload, mulaw};
use crate::ids::SocketNumber;
use crate::model::{Backend, ModelEvent, dialect};
use crate::session::{Input, Mark, Session};
use crate::testkit;
use crate::time::{CallTime, Samples};
use crate::twilio::media::{self, Message, StreamEvent};

/// Twilio's frames: read, written again, and handed to a call.
pub(super) fn media(bytes: &[u8]) {
    let Ok(frame) = ByteString::try_from(bytes) else { return };
    let message = match media::parse(&frame) {
        Ok(Message::Stream(message)) => message,
        Ok(Message::Connected) => return,
        Err(error) => return assert!(error.to_string().len() < frame.len() + 100),
    };
    let mut out = String::new();
    media::write_clear(&mut out, &message.stream);
    assert_names(&out, "streamSid", message.stream.as_str());
    match &message.event {
        StreamEvent::Media(it) => {
            check(&it.payload);
            media::write_media(&mut out, &message.stream, &it.payload);
            assert_names(&out, "streamSid", message.stream.as_str());
        }
        StreamEvent::Mark { name } => {
            media::write_mark(&mut out, &message.stream, name);
            assert_names(&out, "streamSid", message.stream.as_str());
            if let Ok(mark) = name.parse::<Mark>() {
                assert_eq!(mark.to_string().parse(), Ok(mark));
            }
        }
        StreamEvent::Start(_) | StreamEvent::Dtmf { .. } | StreamEvent::Stop => {}
    }
    let mut session = under_way();
    session.handle(CallTime(900), Input::CallerAttached { stream: message.stream.clone() });
    survive(session, Input::Caller(message));
}

fn assert_names(json: &str, field: &str, value: &str) {
    let json: serde_json::Value = serde_json::from_str(json).expect("what is written is JSON");
    assert_eq!(json[field], value);
}

/// The model's frames: read, and handed to a call in which the agent is speaking.
pub(super) fn model(bytes: &[u8]) {
    let openai = dialect(Backend::OpenaiRealtime);
    if let [high, low, reason @ ..] = bytes {
        let code = u16::from_be_bytes([*high, *low]);
        openai.close_severity(code, &String::from_utf8_lossy(reason));
        openai.handshake_severity(code);
    }
    let Ok(frame) = ByteString::try_from(bytes) else { return };
    let Ok(event) = openai.decode(&frame) else { return };
    match &event {
        ModelEvent::Audio { payload, .. } => check(payload),
        ModelEvent::Unknown { kind } => assert!(kind.chars().count() <= 64),
        _ => {}
    }
    survive(under_way(), Input::Model(SocketNumber::FIRST, event));
}

/// Payloads cut into pieces, and WAV files.
pub(super) fn audio(bytes: &[u8]) {
    let whole = Payload::encode(bytes);
    assert_eq!(whole.decode(), bytes);
    check(&whole);
    if let Ok(text) = ByteString::try_from(bytes)
        && let Ok(payload) = Payload::parse(text)
    {
        check(&payload);
    }
    assert_eq!(mulaw::decode_all(bytes).len(), bytes.len());
    let written = Wav::read(&mulaw_file(1, bytes)).expect("a file of ours");
    assert_eq!(written.samples, mulaw::decode_all(bytes));
    if let Ok(wav) = Wav::read(bytes) {
        let (samples, rate) = (wav.samples.len() as u64, u64::from(wav.rate));
        let most = samples * 8_000 / rate + 2;
        assert!(wav.to_mulaw().len() as u64 <= most, "{samples} samples at {rate} Hz");
    }
}

/// What is cut into pieces is the same when they are put together.
fn check(payload: &Payload) {
    let sound = payload.decode();
    assert_eq!(payload.samples(), Samples(sound.len() as u64));
    for longest in [0, 1, 160, 1_600, u64::MAX] {
        let pieces: Vec<u8> = payload.pieces(Samples(longest)).flat_map(|piece| piece.decode()).collect();
        assert_eq!(pieces, sound);
    }
    let (from, length) = (Samples(sound.len() as u64 / 2), Samples(sound.len() as u64 / 3));
    let (part, start) = (payload.part(from, length).decode(), sound.len() / 2 / 3 * 3);
    assert_eq!(part, sound[start..start + part.len()]);
    assert!(payload.part(Samples(u64::MAX), Samples(u64::MAX)).is_empty());
}

/// A call with a stream, in which the agent has begun to speak.
fn under_way() -> Session {
    static UNDER_WAY: OnceLock<Session> = OnceLock::new();
    UNDER_WAY.get_or_init(begin).clone()
}

fn begin() -> Session {
    let mut session = Session::open(testkit::plan(Agent::default()), CallTime::ZERO);
    let response = "resp_1".into();
    let audio = ModelEvent::Audio {
        response: "resp_1".into(),
        item: "item_1".into(),
        content_index: 0,
        payload: Payload::encode(&[0x42; 4_000]),
    };
    let inputs = [
        Input::ModelConnected(SocketNumber::FIRST),
        Input::Model(SocketNumber::FIRST, ModelEvent::Ready),
        Input::CallerAttached { stream: "MZ1".into() },
        Input::Model(SocketNumber::FIRST, ModelEvent::ResponseStarted { response }),
        Input::Model(SocketNumber::FIRST, audio),
    ];
    for (at, input) in (100..).step_by(100).zip(inputs) {
        session.handle(CallTime(at), input);
        while session.poll().is_some() {}
    }
    session
}

/// The call goes on, or ends, and is not the worse for it; twice, because a model may repeat itself.
pub(super) fn survive(mut session: Session, input: Input) {
    for now in [1_000, 1_020] {
        session.handle(CallTime(now), input.clone());
        let outputs = std::iter::from_fn(|| session.poll()).take(20_000).count();
        assert!(outputs < 20_000, "there is no end to what comes out");
    }
    let text = serde_json::to_string(&session).expect("a session is written");
    let read: Session = serde_json::from_str(&text).expect("and reads back");
    assert_eq!(serde_json::to_string(&read).expect("a session is written"), text);
}
