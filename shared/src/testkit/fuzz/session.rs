//! A whole call out of bytes: any stream, any model, any order, at any pace.
//!
//! Unlike the vendor and the carrier of `tests/random.rs`, which keep their rules, nobody here keeps any. What must hold
//! all the same: no panic, no end to no input, no timer that spins, no command without a socket, nothing after the end,
//! and at any moment a call that can be written down and read back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde_json::Value;

use super::bytes::Bytes;
use crate::agent::{Agent, HoldMusic, KeyAction};
use crate::audio::hold_music::Piece;
use crate::audio::recording::{FURTHEST_BACK, RecordOp, Timeline};
use crate::ids::{SocketNumber, StreamSid, ToolCallId};
use crate::model::{
    Backend, ModelCommand, ModelError, ModelEvent, RemoteStage, ResponseStatus, Severity, Usage, dialect,
};
use crate::money::Usd;
use crate::session::{
    Event, Input, Journal, Mark, ModelLoss, OperatorCommand, Output, Plan, Session, Succession, ToCaller,
};
use crate::testkit::{self, sockets::Sockets, written::Written};
use crate::time::{CallTime, Samples};
use crate::tools::{ToolError, ToolErrorKind};
use crate::transfer::{LegState, News, NotCarried, TransferFailure};
use crate::twilio::media::{
    Media, MediaFormat, Start, StreamEvent, StreamMessage, write_clear, write_mark, write_media,
};

const KEYS: &[u8] = b"0123456789*#Ab";
/// Longer inputs tell nothing new, and slow the search down.
const MOST_STEPS: usize = 300;
/// What may come out at once: a minute of backlog in the shortest pieces, and then some.
const MOST_OUTPUTS: usize = 50_000;
/// Ticks within a step. Hold music needs five a second, and a step is a minute at most.
const MOST_TICKS: usize = 2_000;

pub(super) fn session(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let plan = plan(&mut bytes);
    let mut call = Call {
        session: Session::open(plan.clone(), CallTime::ZERO),
        plan,
        now: CallTime::ZERO,
        sockets: Sockets::default(),
        connected: BTreeSet::new(),
        marks: VecDeque::new(),
        tools: VecDeque::new(),
        errands: VecDeque::new(),
        errand: 0,
        sequence: 1,
        stamp_ms: 0,
        written: Written::default(),
        journal: None,
        timeline: Timeline::default(),
        ended: None,
        paused: false,
    };
    call.drain();
    for _ in 0..MOST_STEPS {
        if bytes.is_empty() {
            break;
        }
        call.step(&mut bytes);
    }
    call.read_back();
}

const MUSIC_FILE: &str = "00ff00ff00ff00ff00ff00ff";

fn plan(bytes: &mut Bytes<'_>) -> Plan {
    let mut agent = Agent { own_tools: vec![testkit::own_tool()], ..Agent::default() };
    let (manners, scale) = (bytes.byte(), u64::from(bytes.byte()) + 1);
    agent.limits.redials = u32::from(manners & 3);
    agent.limits.silence = Duration::from_millis(scale * 500);
    agent.limits.call = Duration::from_secs(scale * 20);
    agent.limits.spend_call = (manners & 3 == 1).then(|| Usd::from_billionths(scale * 1_000_000));
    agent.limits.spend_day = (manners & 3 == 2).then(|| Usd::from_billionths(scale * 1_000_000));
    let more = ["hold", "send_dtmf", "take_message", "transfer", "pause_recording", "resume_recording"];
    agent.tools.extend(more.map(str::to_owned));
    agent.recording.longest_pause = Duration::from_millis(scale * 300);
    agent.keypad.at_once = manners & 64 == 0;
    agent.keypad.num_digits = u32::from(manners >> 6) * 4 + 2;
    agent.keypad.actions = keypad_actions();
    agent.hold_music = match manners >> 6 {
        0 => HoldMusic::BuiltIn,
        1 => HoldMusic::None,
        _ => HoldMusic::File(MUSIC_FILE.into()),
    };
    agent.transfer_targets = testkit::transfer_targets();
    let mut plan = testkit::plan(agent);
    plan.capabilities.interrupts_itself = manners & 4 == 0;
    plan.capabilities.truncates = manners & 8 == 0;
    plan.capabilities.longest_session = (manners & 64 != 0).then(|| Duration::from_millis(scale * 100));
    plan.seed = u64::from(manners >> 7);
    plan.reorder_ms = if manners & 16 == 0 { 100 } else { 0 };
    plan.mark_every = Samples::from_millis(if manners & 32 == 0 { 200 } else { 1_000 });
    plan
}

fn keypad_actions() -> BTreeMap<String, KeyAction> {
    let say = KeyAction::Say { instructions: "Tell the opening hours.".to_owned() };
    let through = KeyAction::Transfer { to: "reception".into() };
    let nowhere = KeyAction::Transfer { to: "nobody".into() };
    let actions = [
        ("0", KeyAction::Hold {}),
        ("9", KeyAction::Repeat {}),
        ("99", KeyAction::HangUp {}),
        ("5", say),
        ("7", through),
        ("8", nowhere),
    ];
    actions.into_iter().map(|(digits, action)| (digits.to_owned(), action)).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    HungUp,
    LetGo,
}

struct Call {
    plan: Plan,
    session: Session,
    now: CallTime,
    sockets: Sockets,
    connected: BTreeSet<SocketNumber>,
    /// Sent, and not yet come back.
    marks: VecDeque<Mark>,
    tools: VecDeque<ToolCallId>,
    /// Of the carrier's, that are not carried out yet, and the last one.
    errands: VecDeque<u32>,
    errand: u32,
    sequence: u64,
    stamp_ms: u64,
    written: Written,
    journal: Option<Box<Journal>>,
    timeline: Timeline,
    ended: Option<End>,
    /// Nothing may be kept.
    paused: bool,
}

impl Call {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let kind = bytes.byte();
        self.pass(bytes.milliseconds(), kind & 0x80 != 0);
        match kind & 0x3F {
            0..=7 => self.hand_in(Input::Tick),
            8..=27 => {
                let input = self.caller(kind & 0x3F, bytes);
                self.hand_in(input);
            }
            28..=33 => {
                let input = self.driver(kind & 0x3F, bytes);
                self.hand_in(input);
            }
            34 => self.take_over(bytes),
            _ => {
                let event = event(kind & 0x3F, bytes);
                let socket = self.socket(bytes);
                self.hand_in(Input::Model(socket, event));
            }
        }
        if kind & 0x40 != 0 {
            self.read_back();
        }
    }

    /// Timers come when they are due, unless the driver was held up.
    fn pass(&mut self, ms: u64, held_up: bool) {
        let until = CallTime(self.now.0 + ms);
        for ticks in 0.. {
            let due = self.session.deadline().filter(|(at, _)| *at <= until && !held_up);
            let Some((at, timer)) = due else { break };
            assert!(ticks < MOST_TICKS, "{timer:?} spins");
            self.now = self.now.max(at);
            self.hand_in(Input::Tick);
        }
        self.now = until;
    }

    fn hand_in(&mut self, input: Input) {
        match &input {
            Input::ModelConnected(socket) if self.sockets.is_open(*socket) => _ = self.connected.insert(*socket),
            Input::ModelDisconnected { socket, .. } => {
                self.sockets.lost(*socket);
                self.connected.remove(socket);
            }
            _ => {}
        }
        self.session.handle(self.now, input);
        self.drain();
        let deadline = self.session.deadline();
        assert!(deadline.as_ref().is_none_or(|(at, _)| *at >= self.now), "{deadline:?} is in the past");
        self.timeline.take_until(Samples::from(self.now).saturating_sub(FURTHEST_BACK));
    }

    fn drain(&mut self) {
        for outputs in 0.. {
            let Some(output) = self.session.poll() else { break };
            assert!(outputs < MOST_OUTPUTS, "there is no end to what comes out");
            assert!(self.ended.is_none(), "after the end came {output:?}");
            self.carry_out(output);
        }
        assert_eq!(self.session.is_over(), self.ended.is_some());
    }

    fn carry_out(&mut self, output: Output) {
        self.sockets.note(&output);
        match output {
            Output::Caller(message) => self.send_to_caller(&message),
            Output::Model(socket, command) => {
                assert!(self.connected.contains(&socket), "a command without a socket: {command:?}");
                if matches!(command, ModelCommand::AppendAudio(_)) {
                    return;
                }
                let mut frame = String::new();
                dialect(Backend::OpenaiRealtime).encode(&command, &mut frame);
                serde_json::from_str::<Value>(&frame).expect("a command is JSON");
            }
            Output::DialModel(_) => {}
            Output::CloseModel(socket) => _ = self.connected.remove(&socket),
            Output::RunTool(request) => self.tools.push_back(request.call),
            Output::Record(op) => {
                assert!(!self.paused || !matches!(op, RecordOp::Audio { .. }), "recorded in a pause");
                self.timeline.apply(&op);
            }
            Output::KeepSpeech { .. } if self.paused => panic!("kept in a pause"),
            Output::Event(Event::RecordingPaused { .. }) => self.paused = true,
            Output::Event(Event::RecordingResumed { .. }) => self.paused = false,
            Output::Carrier(errand) => {
                self.errand = errand.number;
                self.errands.push_back(errand.number);
            }
            Output::HangUp(_) => self.ended = Some(End::HungUp),
            Output::LetGo(journal) => {
                self.journal = Some(journal);
                self.ended = Some(End::LetGo);
            }
            Output::Journal(journal) => self.journal = Some(journal),
            output => self.written.write(&output),
        }
    }

    fn send_to_caller(&mut self, message: &ToCaller) {
        let mut frame = String::new();
        match message {
            ToCaller::Media { stream, payload } => {
                write_media(&mut frame, stream, &payload.part(Samples(0), Samples(30)))
            }
            ToCaller::Clear { stream } => write_clear(&mut frame, stream),
            ToCaller::Mark { stream, mark } => {
                self.marks.push_back(*mark);
                write_mark(&mut frame, stream, mark);
            }
        }
        serde_json::from_str::<Value>(&frame).expect("a message to the caller is JSON");
    }

    fn caller(&mut self, kind: u8, bytes: &mut Bytes<'_>) -> Input {
        let stream = StreamSid::from(bytes.name("MZ"));
        let event = match kind {
            8 | 9 => return Input::CallerAttached { stream },
            10 => return Input::CallerDetached { stream },
            11..=16 => self.media(bytes),
            17 => StreamEvent::Dtmf { digit: char::from(KEYS[usize::from(bytes.byte()) % KEYS.len()]) },
            18..=23 => {
                let mark = self.marks.pop_front().map(|mark| mark.to_string()).unwrap_or_default();
                StreamEvent::Mark { name: mark.into() }
            }
            24 => StreamEvent::Mark { name: format!("g{}m{}", bytes.number(), bytes.number()).into() },
            25 => StreamEvent::Stop,
            _ => self.start(bytes),
        };
        let sequence = bytes.near(self.sequence);
        self.sequence = sequence.wrapping_add(1);
        Input::Caller(StreamMessage { stream, sequence, event })
    }

    fn media(&mut self, bytes: &mut Bytes<'_>) -> StreamEvent {
        let timestamp_ms = bytes.near(self.stamp_ms);
        let payload = bytes.payload();
        self.stamp_ms = timestamp_ms.wrapping_add(payload.samples().as_millis());
        StreamEvent::Media(Media { chunk: 1, timestamp_ms, payload })
    }

    fn start(&self, bytes: &mut Bytes<'_>) -> StreamEvent {
        let call = if bytes.flag() { "CA0".into() } else { self.plan.sid.clone() };
        let format = MediaFormat { encoding: "audio/x-mulaw".to_owned(), sample_rate: 8_000, channels: 1 };
        StreamEvent::Start(Box::new(Start { call, account: "AC1".into(), format, parameters: [].into() }))
    }

    fn driver(&mut self, kind: u8, bytes: &mut Bytes<'_>) -> Input {
        match kind {
            28 | 29 => Input::ModelConnected(self.sockets.newest()),
            30 => {
                let cause = ModelLoss { code: bytes.name("closed_"), severity: severity(bytes) };
                Input::ModelDisconnected { socket: self.socket(bytes), cause }
            }
            31 | 32 => {
                let call = self.tools.pop_front().unwrap_or_else(|| bytes.name("call_").into());
                let failed = Err(ToolError::new(ToolErrorKind::Unavailable, "it rains"));
                Input::Tool { call, outcome: if bytes.flag() { failed } else { Ok("{}".into()) } }
            }
            _ => match bytes.byte() {
                200.. => {
                    let mut agent = self.plan.agent.clone();
                    agent.limits.call = Duration::from_secs(u64::from(bytes.byte()));
                    agent.instructions = "{{caller_number}} {{".to_owned();
                    Input::AgentChanged { agent: Box::new(agent), tools: self.plan.tools.clone() }
                }
                0 => Input::CallEnded,
                1 => Input::Operator(OperatorCommand::HangUp),
                2 => Input::Shutdown,
                3 | 4 => Input::Operator(OperatorCommand::Hold),
                5 | 6 => Input::Operator(OperatorCommand::Resume),
                7 => Input::Operator(OperatorCommand::Transfer { to: "doctor".into(), why: "It hurts.".into() }),
                8..=19 => self.carried(bytes),
                20..=40 => self.news(bytes),
                41..=53 => Input::DaySpent { total: Usd::from_billionths(bytes.number()) },
                54..=66 => {
                    let length = 8_001 + usize::from(bytes.byte()) * 64;
                    let file = if bytes.byte() & 7 == 0 { "another".into() } else { MUSIC_FILE.into() };
                    let piece = Piece::new(&vec![bytes.byte(); length]);
                    piece.map_or(Input::Tick, |piece| Input::HoldMusic { file, piece })
                }
                67..=72 => Input::Operator(OperatorCommand::PauseRecording),
                73..=78 => Input::Operator(OperatorCommand::ResumeRecording),
                79..=90 => Input::Watched(bytes.flag()),
                91..=98 => Input::Operator(OperatorCommand::Whisper { text: "Be brief.".into() }),
                99..=110 => Input::Operator(OperatorCommand::Say { text: "One moment, please.".into() }),
                _ => Input::HandOver,
            },
        }
    }

    /// Mostly the one in use; or the other one, or one of the past.
    fn socket(&self, bytes: &mut Bytes<'_>) -> SocketNumber {
        match bytes.byte() {
            0..32 => self.sockets.newest(),
            32..40 => SocketNumber(u32::from(bytes.byte())),
            _ => self.sockets.in_use(),
        }
    }

    fn carried(&mut self, bytes: &mut Bytes<'_>) -> Input {
        let number = self.errands.pop_front().unwrap_or_else(|| u32::from(bytes.byte()));
        let outcome = match bytes.byte() % 8 {
            0 => Err(NotCarried::CallOver),
            1 => Err(NotCarried::Refused),
            2 => Err(NotCarried::Unknown),
            3..=5 => Ok(Some("CA2".into())),
            _ => Ok(None),
        };
        Input::Carried { number, outcome }
    }

    fn news(&self, bytes: &mut Bytes<'_>) -> Input {
        let errand = if bytes.flag() { self.errand } else { u32::from(bytes.byte()) };
        Input::Transfer(match bytes.byte() {
            0 => News::CallerLeft,
            1 => News::CallerWaits,
            2..=9 => News::NotThrough { why: TransferFailure::Busy },
            state => News::Leg { errand, leg: "CA2".into(), state: LEG_STATES[usize::from(state) % LEG_STATES.len()] },
        })
    }

    /// Another relay goes on from what was written down.
    fn take_over(&mut self, bytes: &mut Bytes<'_>) {
        let succession = if bytes.flag() { Succession::HandedOver } else { Succession::TakenOver };
        if self.ended == Some(End::HungUp) {
            return;
        }
        self.ended = None;
        self.connected.clear();
        // What was dialled after the last journal is not known: its numbers are given out again.
        self.sockets = Sockets::default();
        self.tools.clear();
        // As the journal says, if it was written.
        self.paused &= self.journal.as_ref().is_some_and(|journal| journal.is_paused());
        if let Some(journal) = &self.journal {
            self.written.write(&Output::Journal(journal.clone()));
        }
        self.timeline = Timeline::starting_at(self.timeline.taken());
        self.session = Session::resume(self.plan.clone(), self.written.past(succession), self.now);
        self.drain();
    }

    /// The call goes on in what was read.
    fn read_back(&mut self) {
        let text = serde_json::to_string(&self.session).expect("a session is written");
        self.session = serde_json::from_str(&text).expect("and reads back");
        assert_eq!(serde_json::to_string(&self.session).expect("a session is written"), text);
    }
}

const LEG_STATES: [LegState; 9] = [
    LegState::Ringing,
    LegState::Answered,
    LegState::Machine,
    LegState::Accepted,
    LegState::Declined,
    LegState::Unheeded,
    LegState::Busy,
    LegState::NoAnswer,
    LegState::Completed,
];

const TOOL_CALLS: [(&str, &str); 13] = [
    ("get_weather", r#"{"place":"Oslo"}"#),
    ("hang_up", r#"{"reason":"done"}"#),
    ("no_such_tool", "{}"),
    ("book_table", r#"{"name":"Ann"}"#),
    ("hold", r#"{"seconds":7}"#),
    ("hold", "{}"),
    ("send_dtmf", r##"{"digits":"1w2#"}"##),
    ("take_message", r#"{"text":"The parcel is here."}"#),
    ("pause_recording", "{}"),
    ("resume_recording", "{}"),
    ("transfer", r#"{"to":"reception","why":"A parcel."}"#),
    ("transfer", r#"{"to":"doctor","why":"It hurts."}"#),
    ("transfer", r#"{"to":["doctor","nurse"],"why":"It hurts."}"#),
];

fn event(kind: u8, bytes: &mut Bytes<'_>) -> ModelEvent {
    let (response, item) = (bytes.name("r"), bytes.name("i"));
    match kind {
        35 => ModelEvent::Created { session: "s".into(), expires_at: bytes.flag().then(|| bytes.number()) },
        36 | 37 => ModelEvent::Ready,
        38 | 39 => ModelEvent::SpeechStarted { item: item.into(), at_ms: bytes.number() },
        40 | 41 => ModelEvent::SpeechStopped { item: item.into(), at_ms: bytes.number() },
        42 | 43 => ModelEvent::Committed { item: item.into() },
        44 => {
            let text = bytes.flag().then(|| "What is it like in Oslo?".into());
            ModelEvent::CallerSaid { item: item.into(), text }
        }
        45 | 46 => ModelEvent::ResponseStarted { response: response.into() },
        47..=51 => {
            let (content_index, payload) = (u32::from(bytes.flag()), bytes.payload());
            ModelEvent::Audio { response: response.into(), item: item.into(), content_index, payload }
        }
        52 => ModelEvent::AudioDone { response: response.into(), item: item.into() },
        56 => ModelEvent::CallerSays { item: item.into(), text: "I would ".into() },
        53 => ModelEvent::AgentSays { item: item.into(), text: "It is ".into() },
        54 => ModelEvent::AgentSaid { item: item.into(), text: "It is cold.".into() },
        55 => {
            let (call, tool) = (bytes.name("call_").into(), usize::from(bytes.byte()));
            let (name, arguments) = TOOL_CALLS[tool % TOOL_CALLS.len()];
            let (name, arguments) = (name.to_owned(), if bytes.flag() { arguments } else { "{" });
            ModelEvent::ToolCall { response: response.into(), call, name, arguments: arguments.into() }
        }
        57..=59 => ModelEvent::ResponseDone { response: response.into(), status: status(bytes), usage: usage(bytes) },
        60 | 61 => ModelEvent::Error(ModelError {
            code: bytes.name("e"),
            message: "no".into(),
            event: bytes.flag().then(|| format!("respond-{}", bytes.byte()).into()),
            severity: severity(bytes),
        }),
        62 if bytes.flag() => {
            let stage = [RemoteStage::Begun, RemoteStage::Done, RemoteStage::Failed][usize::from(bytes.byte() % 3)];
            ModelEvent::RemoteTool { item: item.into(), stage }
        }
        62 => ModelEvent::Noted,
        _ => ModelEvent::Unknown { kind: bytes.name("later.") },
    }
}

fn status(bytes: &mut Bytes<'_>) -> ResponseStatus {
    match bytes.byte() % 4 {
        0 => ResponseStatus::Completed,
        1 => ResponseStatus::Cancelled,
        2 => ResponseStatus::Incomplete { reason: bytes.name("reason") },
        _ => ResponseStatus::Failed { code: bytes.name("e"), severity: severity(bytes) },
    }
}

fn severity(bytes: &mut Bytes<'_>) -> Severity {
    match bytes.byte() % 5 {
        0 => Severity::Benign,
        1 => Severity::Busy,
        2 => Severity::Retry,
        3 => Severity::SessionOver,
        _ => Severity::Fatal,
    }
}

fn usage(bytes: &mut Bytes<'_>) -> Option<Usage> {
    bytes.flag().then(|| Usage { input_audio: bytes.number(), output_audio: bytes.number(), ..Usage::default() })
}
