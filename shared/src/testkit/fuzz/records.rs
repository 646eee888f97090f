//! JSON that passes between our own processes and comes from Twilio's API, and what a model says to a tool.

use std::fmt::Debug;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::frames::survive;
use crate::agent::{Agent, Keypad, document};
use crate::calls::{Binding, Relay};
use crate::control::Control;
use crate::ids::SocketNumber;
use crate::messages::{Callback, Message};
use crate::model::{Backend, ModelEvent, Severity, dialect};
use crate::ownership::Lost;
use crate::ports::{Fetch, Mailbox, PortError, PortResult, ReferenceData};
use crate::rfc3339;
use crate::session::{Input, Journal, Line, ModelLoss, Output, Past, Session, Speaker, Succession};
use crate::testkit::{self, sockets::Sockets};
use crate::time::{CallTime, Samples};
use crate::tools::address::Guard;
use crate::tools::{self, LONGEST_OUTPUT, ToolOutcome, ToolRequest, WeatherEndpoints};
use crate::twilio::rest::{AccountResource, CallResource, NumbersPage, parse_response};

/// What our processes say to one another, and Twilio's API to us.
pub(super) fn messages(bytes: &[u8]) {
    if let Ok(document) = document::of_yaml(&String::from_utf8_lossy(bytes)) {
        let _whatever = document::read(document, &Guard::default());
    }
    same_again::<Lost>(bytes);
    same_again::<ToolOutcome>(bytes);
    same_again::<ToolRequest>(bytes);
    same_again::<Relay>(bytes);
    same_again::<Binding>(bytes);
    same_again::<Message>(bytes);
    same_again::<Callback>(bytes);
    if let Some(keypad) = same_again::<Keypad>(bytes) {
        let _whatever = keypad.faults();
    }
    for status in [200, 404] {
        let _whatever = parse_response::<CallResource>(status, bytes);
        let _whatever = parse_response::<AccountResource>(status, bytes);
        if let Err(error) = parse_response::<NumbersPage>(status, bytes) {
            assert_eq!((error.is_retryable(), error.is_not_found()), (error.is_throttled(), status == 404));
        }
    }
    let agent = match same_again::<Control>(bytes) {
        Some(Control::Prepare { call }) => call.agent,
        Some(Control::ChangeAgent { agent, .. }) => *agent,
        Some(_) => return,
        None => same_again::<Agent>(bytes).unwrap_or_default(),
    };
    open(agent);
}

/// What is read can be written and is read the same.
fn same_again<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(bytes).ok()?;
    let text = serde_json::to_string(&value).expect("what was read can be written");
    assert_eq!(serde_json::from_str::<T>(&text).expect("and is read"), value, "{text}");
    Some(value)
}

/// Any agent that can be read can take a call, and what its model is told is JSON. One without a fault comes back from
/// YAML as it is.
fn open(agent: Agent) {
    let guard = Guard::default();
    if agent.faults(&guard).is_empty() {
        let yaml = document::to_yaml(&agent).expect("an agent is written");
        let read = document::of_yaml(&yaml).map(|document| document::read(document, &guard));
        assert_eq!(read, Ok(Ok(agent.clone())), "{yaml}");
    }
    let mut session = Session::open(testkit::plan(agent), CallTime::ZERO);
    session.handle(CallTime(10), Input::ModelConnected(SocketNumber::FIRST));
    let mut frame = String::new();
    while let Some(output) = session.poll() {
        if let Output::Model(_, command) = output {
            dialect(Backend::OpenaiRealtime).encode(&command, &mut frame);
            serde_json::from_str::<Value>(&frame).expect("a command is JSON");
        }
    }
    session.handle(CallTime(20), Input::CallerAttached { stream: "MZ1".into() });
    let cause = ModelLoss { code: "closed_1006".to_owned(), severity: Severity::Retry };
    survive(session, Input::ModelDisconnected { socket: SocketNumber::FIRST, cause });
}

/// A journal of another build, or one that was damaged: the call goes on from it.
pub(super) fn journal(bytes: &[u8]) {
    let Some(journal) = same_again::<Journal>(bytes) else { return };
    let line = Line {
        number: 1,
        at: CallTime(500),
        speaker: Speaker::Caller,
        item: "u1".into(),
        text: None,
        interrupted: None,
        made_out_to: (bytes.len() % 2 == 1).then_some(Samples(u64::MAX)),
    };
    for succession in [Succession::TakenOver, Succession::HandedOver] {
        let speech = vec![(Samples(800), vec![0x42; 1_600].into())];
        let past = Past { succession, journal: Some(journal.clone()), lines: vec![line.clone()], speech };
        go_on(Session::resume(testkit::plan(Agent::default()), past, CallTime(2_000)));
    }
}

fn go_on(mut session: Session) {
    let mut sockets = Sockets::default();
    std::iter::from_fn(|| session.poll()).for_each(|output| _ = sockets.note(&output));
    let socket = sockets.in_use();
    let response = || "r9".into();
    let audio = ModelEvent::Audio {
        response: "r9".into(),
        item: "i1".into(),
        content_index: 0,
        payload: crate::audio::Payload::encode(&[0x42; 4_000]),
    };
    let inputs = [
        Input::CallerAttached { stream: "MZ1".into() },
        Input::ModelConnected(socket),
        Input::Model(socket, ModelEvent::Ready),
        Input::Caller(testkit::carrier::Carrier::new("MZ1", 0).frame(crate::audio::Payload::encode(&[1; 160]))),
        Input::Model(socket, ModelEvent::ResponseStarted { response: response() }),
        Input::Model(socket, audio),
        Input::Model(socket, ModelEvent::SpeechStarted { item: "u2".into(), at_ms: 100 }),
        Input::CallerAttached { stream: "MZ2".into() },
    ];
    for (at, input) in (2_000..).step_by(1_000).zip(inputs) {
        session.handle(CallTime(at), input);
        let outputs = std::iter::from_fn(|| session.poll()).take(20_000).count();
        assert!(outputs < 20_000, "there is no end to what comes out");
    }
    survive(session, Input::Tick);
}

/// A tool's name, its arguments, and what the web answers: three texts with a zero between them.
pub(super) fn tools(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '\0');
    let mut next = || parts.next().unwrap_or_default();
    let (name, arguments, answer) = (next(), next(), serde_json::from_str(next()).ok());
    let world = World { answer };
    let names = tools::all().into_iter().map(|tool| tool.name).filter(|tool| name.is_empty() || tool == name);
    for name in names {
        let request = ToolRequest {
            sid: "CA1".into(),
            call: "c1".into(),
            name,
            arguments: arguments.into(),
            agent: "default".into(),
            own: None,
        };
        let nowhere: url::Url = "http://invalid.invalid/v1?key=1".parse().expect("a URL");
        let endpoints = WeatherEndpoints { forecast: nowhere.clone(), geocoding: nowhere };
        let running = pin!(async {
            match (tools::call_control::read(&request.name, arguments), tools::messages::run(&request, &world, 1).await)
            {
                (Some(control), _) => control.map(|_| "{}".into()),
                (None, Some(outcome)) => outcome,
                (None, None) => tools::run(&request, &world, &world, &endpoints).await,
            }
        });
        let Poll::Ready(outcome) = running.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("nothing here waits")
        };
        match outcome {
            Ok(output) => assert!(output.reveal().len() <= LONGEST_OUTPUT),
            Err(error) => assert!(error.message.len() < 1_000, "{}", error.message),
        }
    }
}

/// The records that every installation begins with, and a web that gives one answer to everything.
struct World {
    answer: Option<Value>,
}

impl Mailbox for World {
    async fn keep_message(&self, _: &Message) -> PortResult<()> {
        Ok(())
    }

    async fn keep_callback(&self, callback: &Callback) -> PortResult<()> {
        assert_eq!(rfc3339::parse(&rfc3339::format(callback.due_at_ms)), Some(callback.due_at_ms));
        Ok(())
    }
}

impl Fetch for World {
    async fn get_json(&self, _: &url::Url) -> PortResult<Value> {
        self.answer.clone().ok_or(PortError::Gone)
    }
}

/// Each kind has what the web answered as well: a record of one's own may be anything.
impl ReferenceData for World {
    async fn item(&self, kind: &str, id: &str) -> PortResult<Option<Value>> {
        let mut seed = tools::seed().into_iter().filter(|(k, i, _)| *k == kind && i == id);
        Ok(seed.next().map(|(_, _, value)| value).or_else(|| self.answer.clone()))
    }

    async fn items(&self, kind: &str) -> PortResult<Vec<Value>> {
        let seed = tools::seed().into_iter().filter(|(k, _, _)| *k == kind).map(|(_, _, value)| value);
        Ok(seed.chain(self.answer.clone()).collect())
    }
}
