//! Journals that other builds have written. Each that must still be understood has its file in `journal/`, named for its
//! version and for what was added to it last; they are never changed. `UPDATE_GOLDEN=1` writes the last one if there is none.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]
#![allow(clippy::disallowed_methods, reason = "a test reads its files")]

use std::fs;
use std::path::PathBuf;

use shared::agent::Agent;
use shared::ids::{SocketNumber, StreamSid};
use shared::model::{ModelCommand, ModelEvent, ResponseStatus};
use shared::session::{Event, Input, Journal, OperatorCommand, Output, Past, Session, Succession};
use shared::testkit;
use shared::time::CallTime;
use shared::twilio::media::StreamEvent;

const KEPT: [&str; 2] = ["v1", "v1_spending"];

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/journal/{name}.json"))
}

fn drain(session: &mut Session) -> Vec<Output> {
    std::iter::from_fn(|| session.poll()).collect()
}

/// A call in which much is under way: the agent is speaking, a tool runs, the caller has been understood once.
fn eventful() -> Journal {
    let mut session = Session::open(testkit::plan(Agent::default()), CallTime::ZERO);
    let mut carrier = testkit::carrier::Carrier::new("MZ1", 20);
    let mut hand = |at: u64, input: Input| {
        session.handle(CallTime(at), input);
        drain(&mut session)
    };
    hand(20, Input::ModelConnected(SocketNumber::FIRST));
    hand(40, Input::Model(SocketNumber::FIRST, ModelEvent::Ready));
    hand(100, Input::CallerAttached { stream: carrier.stream.clone() });
    hand(110, Input::Model(SocketNumber::FIRST, ModelEvent::ResponseStarted { response: "r0".into() }));
    let greeted = ModelEvent::ResponseDone { response: "r0".into(), status: ResponseStatus::Completed, usage: None };
    hand(120, Input::Model(SocketNumber::FIRST, greeted));
    for frame in 0..50 {
        let message = carrier.frame(shared::audio::Payload::encode(&[0x42; 160]));
        hand(100 + frame * 20, Input::Caller(message));
    }
    hand(1_200, Input::Model(SocketNumber::FIRST, ModelEvent::SpeechStarted { item: "u1".into(), at_ms: 300 }));
    hand(1_300, Input::Model(SocketNumber::FIRST, ModelEvent::SpeechStopped { item: "u1".into(), at_ms: 900 }));
    hand(1_310, Input::Model(SocketNumber::FIRST, ModelEvent::Committed { item: "u1".into() }));
    hand(
        1_320,
        Input::Model(
            SocketNumber::FIRST,
            ModelEvent::CallerSaid { item: "u1".into(), text: Some("What is it like in Oslo?".into()) },
        ),
    );
    hand(1_400, Input::Model(SocketNumber::FIRST, ModelEvent::ResponseStarted { response: "r1".into() }));
    let said = ModelEvent::AgentSays { item: "i1".into(), text: "Let me look that up, it will".into() };
    hand(1_410, Input::Model(SocketNumber::FIRST, said));
    let payload = shared::audio::Payload::encode(&[0x55; 8_000]);
    let audio = ModelEvent::Audio { response: "r1".into(), item: "i1".into(), content_index: 0, payload };
    hand(1_420, Input::Model(SocketNumber::FIRST, audio));
    let arguments = r#"{"city":"Oslo"}"#.into();
    let call =
        ModelEvent::ToolCall { response: "r1".into(), call: "c1".into(), name: "get_weather".to_owned(), arguments };
    hand(1_430, Input::Model(SocketNumber::FIRST, call));
    let usage = Some(shared::model::Usage { input_audio: 40, output_audio: 20, ..Default::default() });
    let done = ModelEvent::ResponseDone { response: "r1".into(), status: ResponseStatus::Completed, usage };
    hand(1_440, Input::Model(SocketNumber::FIRST, done));
    let written = [hand(1_480, Input::Tick), hand(1_700, Input::Tick)].concat();
    let journal = written.into_iter().rev().find_map(|output| match output {
        Output::Journal(journal) => Some(*journal),
        _ => None,
    });
    journal.unwrap()
}

#[test]
fn the_present_version_is_kept() {
    let journal = eventful();
    let path = file(KEPT[KEPT.len() - 1]);
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !path.exists() {
        fs::write(&path, serde_json::to_string_pretty(&journal).unwrap() + "\n").unwrap();
    }
    let kept: Journal = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(
        kept, journal,
        "the journal has another meaning now: give it another version, or what was added another name, and leave the old file"
    );
}

#[test]
fn a_call_goes_on_from_the_journal_of_any_build() {
    for kept in KEPT {
        let journal = serde_json::from_str(&fs::read_to_string(file(kept)).unwrap()).unwrap();
        let past =
            Past { succession: Succession::TakenOver, journal: Some(journal), lines: Vec::new(), speech: Vec::new() };
        let mut session = Session::resume(testkit::plan(Agent::default()), past, CallTime(2_000));
        let mut outputs = drain(&mut session);
        session.handle(CallTime(2_010), Input::CallerAttached { stream: StreamSid::from("MZ1") });
        // The numbers go on.
        let socket = SocketNumber::FIRST.next();
        session.handle(CallTime(2_100), Input::ModelConnected(socket));
        session.handle(CallTime(2_200), Input::Model(socket, ModelEvent::Ready));
        outputs.extend(drain(&mut session));
        assert!(outputs.iter().any(|output| matches!(output, Output::RunTool(request) if request.call == "c1".into())));
        assert!(
            outputs.iter().any(|output| matches!(output, Output::Event(Event::Resumed { behind_ms: Some(_), .. })))
        );
        let told = |output: &Output| matches!(output, Output::Model(_, ModelCommand::Remember { text, .. }) if text.reveal().starts_with("Let me look that up"));
        assert!(outputs.iter().any(told), "{kept}: {outputs:?}");
    }
}

#[test]
fn a_tool_goes_on_as_it_was_defined_when_it_was_called() {
    let own = Agent { own_tools: vec![testkit::own_tool()], ..Agent::default() };
    let mut session = Session::open(testkit::plan(own), CallTime::ZERO);
    let socket = SocketNumber::FIRST;
    session.handle(CallTime(20), Input::ModelConnected(socket));
    session.handle(CallTime(40), Input::Model(socket, ModelEvent::Ready));
    session.handle(CallTime(100), Input::CallerAttached { stream: StreamSid::from("MZ1") });
    session.handle(CallTime(110), Input::Model(socket, ModelEvent::ResponseStarted { response: "r1".into() }));
    let arguments = r#"{"name":"Ada"}"#.into();
    let name = "book_table".to_owned();
    let asked = ModelEvent::ToolCall { response: "r1".into(), call: "c1".into(), name, arguments };
    session.handle(CallTime(120), Input::Model(socket, asked));
    let written = drain(&mut session).into_iter().rev().find_map(|output| match output {
        Output::Journal(journal) => Some(serde_json::to_string(&journal).unwrap()),
        _ => None,
    });
    let journal = serde_json::from_str(&written.unwrap()).unwrap();
    let past =
        Past { succession: Succession::TakenOver, journal: Some(journal), lines: Vec::new(), speech: Vec::new() };
    let mut successor = Session::resume(testkit::plan(Agent::default()), past, CallTime(2_000));
    let asked_again = drain(&mut successor).into_iter().find_map(|output| match output {
        Output::RunTool(request) => Some(request),
        _ => None,
    });
    assert_eq!(asked_again.unwrap().own.as_deref(), Some(&testkit::own_tool()));
}

#[test]
fn a_journal_of_a_later_build_is_left_alone() {
    let mut later = eventful();
    later.version += 1;
    let past = Past { succession: Succession::TakenOver, journal: Some(later), lines: Vec::new(), speech: Vec::new() };
    let mut session = Session::resume(testkit::plan(Agent::default()), past, CallTime(2_000));
    assert!(!drain(&mut session).iter().any(|output| matches!(output, Output::RunTool(_))));
}

/// A card's number, spoken by the caller and read back, dialled, and given to a tool.
#[test]
fn nothing_that_is_said_in_a_pause_is_written_down() {
    const CARD: &str = "4111";
    let mut session = Session::open(testkit::plan(Agent::default()), CallTime::ZERO);
    let mut carrier = testkit::carrier::Carrier::new("MZ1", 20);
    let mut inputs = vec![
        Input::ModelConnected(SocketNumber::FIRST),
        Input::Model(SocketNumber::FIRST, ModelEvent::Ready),
        Input::CallerAttached { stream: carrier.stream.clone() },
        Input::Model(SocketNumber::FIRST, ModelEvent::ResponseStarted { response: "r1".into() }),
        Input::Model(SocketNumber::FIRST, ModelEvent::AgentSays { item: "i1".into(), text: "Your card ".into() }),
        Input::Operator(OperatorCommand::PauseRecording),
        Input::Model(SocketNumber::FIRST, ModelEvent::AgentSays { item: "i1".into(), text: CARD.into() }),
        Input::Model(
            SocketNumber::FIRST,
            ModelEvent::AgentSaid { item: "i1".into(), text: format!("Your card {CARD}?").into() },
        ),
        Input::Model(SocketNumber::FIRST, ModelEvent::SpeechStarted { item: "u1".into(), at_ms: 0 }),
    ];
    inputs.extend((0..50).map(|_| Input::Caller(carrier.frame(shared::audio::Payload::encode(&[0x42; 160])))));
    inputs.extend(CARD.chars().map(|digit| Input::Caller(carrier.message(StreamEvent::Dtmf { digit }))));
    let arguments = format!(r#"{{"place":"{CARD}"}}"#).into();
    let (response, call, name) = ("r1".into(), "c1".into(), "get_weather".to_owned());
    inputs.extend([
        Input::Model(SocketNumber::FIRST, ModelEvent::ToolCall { response, call, name, arguments }),
        Input::Operator(OperatorCommand::ResumeRecording),
        Input::Model(SocketNumber::FIRST, ModelEvent::CallerSaid { item: "u1".into(), text: Some(CARD.into()) }),
        Input::Tick,
        Input::HandOver,
        Input::Shutdown,
    ]);
    let (mut journals, mut lines) = (0, 0);
    for (at, input) in (100..).step_by(100).zip(inputs) {
        session.handle(CallTime(at), input);
        for output in drain(&mut session) {
            let written = match output {
                Output::Journal(journal) | Output::LetGo(journal) => {
                    journals += 1;
                    serde_json::to_string(&journal).unwrap()
                }
                Output::Transcript(line) => {
                    lines += 1;
                    serde_json::to_string(&line).unwrap()
                }
                Output::Event(event) => serde_json::to_string(&event).unwrap(),
                Output::KeepSpeech { from, .. } => panic!("the caller's voice at {from:?}"),
                _ => continue,
            };
            assert!(!written.contains(CARD), "{written}");
        }
    }
    assert!(journals > 5 && lines > 1, "{journals} journals, {lines} lines");
}
