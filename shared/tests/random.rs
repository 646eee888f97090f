//! The session against a vendor that keeps its rules and a carrier that plays in virtual time, in any order of events.
//! `PROPTEST_CASES=10000` looks longer. A failing case is kept in `proptest-regressions/` and tried first ever after.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use shared::agent::{Agent, HoldMusic, KeyAction};
use shared::audio::Payload;
use shared::audio::hold_music::Piece;
use shared::ids::ToolCallId;
use shared::model::{ModelCommand, ResponseStatus, Severity};
use shared::session::{Input, ModelLoss, OperatorCommand, Output, Plan, Session, Succession};
use shared::testkit::{self, carrier::Carrier, vendor::Vendor, written::Written};
use shared::time::{CallTime, Samples};
use shared::twilio::media::StreamEvent;

/// What the vendor's voice is made of, and what uploaded music is.
const WORD: u8 = 0x11;
const MUSIC: u8 = 0x33;
const MUSIC_FILE: &str = "00ff00ff00ff00ff00ff00ff";

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    CallerFrame,
    VendorReads,
    VendorTells,
    VendorSpeaks(u64),
    VendorCallsRemoteTool,
    AgentChanges(u32),
    VendorCallsTool {
        own: bool,
    },
    VendorHolds,
    VendorSendsDtmf,
    KeyPressed(char),
    OperatorHolds,
    OperatorResumes,
    VendorFinishes,
    SpeechStarts,
    SpeechEnds,
    ToolAnswers,
    SocketDrops,
    StreamLost,
    StreamBack,
    /// The agent's own hold music arrives: so many samples of it.
    MusicComes(usize),
    /// The relay dies, and another goes on; with the same stream, or with another.
    TakenOver {
        same_stream: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    prop_oneof![
        6 => (1_u64..400).prop_map(Wait),
        4 => Just(CallerFrame),
        12 => Just(VendorReads),
        14 => Just(VendorTells),
        8 => (1_u64..9_000).prop_map(VendorSpeaks),
        1 => Just(VendorCallsRemoteTool),
        1 => (1_u32..9).prop_map(AgentChanges),
        1 => any::<bool>().prop_map(|own| VendorCallsTool { own }),
        1 => prop_oneof![2 => Just(Wait(5)), 1 => Just(VendorHolds), 1 => Just(VendorSendsDtmf)],
        2 => prop_oneof![Just('0'), Just('5'), Just('9'), Just('#')].prop_map(KeyPressed),
        1 => prop_oneof![3 => Just(Wait(5)), 1 => Just(OperatorHolds), 1 => Just(OperatorResumes)],
        3 => Just(VendorFinishes),
        3 => Just(SpeechStarts),
        4 => Just(SpeechEnds),
        2 => Just(ToolAnswers),
        1 => prop_oneof![9 => Just(Wait(5)), 1 => Just(SocketDrops)],
        1 => prop_oneof![9 => Just(Wait(5)), 1 => Just(StreamLost)],
        2 => Just(StreamBack),
        1 => (8_001_usize..40_000).prop_map(MusicComes),
        1 => prop_oneof![9 => Just(Wait(5)), 1 => any::<bool>().prop_map(|same_stream| TakenOver { same_stream })],
    ]
}

/// Of an agent that waits for everything.
fn patient_plan() -> Plan {
    let hold_music = HoldMusic::File(MUSIC_FILE.into());
    let mut agent = Agent { own_tools: vec![testkit::own_tool()], hold_music, ..Agent::default() };
    agent.limits.redials = 1_000;
    agent.limits.silence = std::time::Duration::from_secs(100_000);
    agent.limits.attach = std::time::Duration::from_secs(100_000);
    agent.limits.call = std::time::Duration::from_secs(1_000_000);
    agent.limits.longest_hold = std::time::Duration::from_secs(100);
    agent.tools.extend(["hold", "send_dtmf"].map(str::to_owned));
    agent.keypad.actions.extend([("0".to_owned(), KeyAction::Hold {}), ("9".to_owned(), KeyAction::Repeat {})]);
    testkit::plan(agent)
}

struct World {
    now: CallTime,
    session: Session,
    carrier: Carrier,
    streams: u32,
    attached: bool,
    vendor: Vendor,
    vendor_up: bool,
    dialling: bool,
    tools: Vec<ToolCallId>,
    ran: BTreeSet<ToolCallId>,
    written: Written,
    over: bool,
    /// The agent that was asked for last, of this relay; and the one that was stored last.
    changed_to: Option<u32>,
    stored: Option<u32>,
    one_way_ms: u64,
    /// Audio of the model's that was sent to the caller on this stream, for the truth about what was heard.
    sent: Samples,
}

impl World {
    fn new(one_way_ms: u64) -> Self {
        let mut world = Self {
            now: CallTime::ZERO,
            session: Session::open(patient_plan(), CallTime::ZERO),
            carrier: Carrier::new("MZ0", one_way_ms),
            streams: 0,
            attached: false,
            vendor: Vendor::default(),
            vendor_up: false,
            dialling: false,
            tools: Vec::new(),
            ran: BTreeSet::new(),
            written: Written::default(),
            over: false,
            changed_to: None,
            stored: None,
            one_way_ms,
            sent: Samples::ZERO,
        };
        world.drain();
        world
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Wait(ms) => self.pass(*ms),
            Step::CallerFrame if self.attached => {
                let frame = self.carrier.frame(Payload::encode(&[0x42; 160]));
                self.hand_in(Input::Caller(frame));
            }
            Step::VendorReads if self.vendor_up => self.vendor.read(),
            Step::VendorTells => self.tell(),
            Step::VendorSpeaks(samples) => self.vendor.speak(Samples(*samples)),
            Step::VendorCallsRemoteTool => self.vendor.call_remote_tool(),
            Step::AgentChanges(version) => {
                let Plan { agent, tools, .. } = patient_plan();
                let agent = Box::new(Agent { version: *version, ..agent });
                self.changed_to = Some(*version);
                self.hand_in(Input::AgentChanged { agent, tools });
            }
            Step::VendorCallsTool { own } => {
                self.vendor.call_tool(if *own { "book_table" } else { "get_weather" }, "{}");
            }
            Step::VendorHolds => self.vendor.call_tool("hold", r#"{"seconds":3}"#),
            Step::VendorSendsDtmf => self.vendor.call_tool("send_dtmf", r#"{"digits":"1w2"}"#),
            Step::KeyPressed(digit) if self.attached => {
                let key = self.carrier.message(StreamEvent::Dtmf { digit: *digit });
                self.hand_in(Input::Caller(key));
            }
            Step::OperatorHolds => self.hand_in(Input::Operator(OperatorCommand::Hold)),
            Step::OperatorResumes => self.hand_in(Input::Operator(OperatorCommand::Resume)),
            Step::VendorFinishes => self.vendor.finish(ResponseStatus::Completed),
            Step::SpeechStarts if self.vendor_up => self.vendor.hear_speech(),
            Step::SpeechEnds => self.vendor.hear_pause(),
            Step::ToolAnswers => self.answer_tool(),
            Step::SocketDrops if self.vendor_up => self.drop_socket(),
            Step::StreamLost if self.attached => self.lose_stream(),
            Step::StreamBack if !self.attached => self.attach(),
            Step::MusicComes(samples) => {
                let piece = Piece::new(&vec![MUSIC; *samples]).unwrap();
                self.hand_in(Input::HoldMusic { file: MUSIC_FILE.into(), piece });
            }
            Step::TakenOver { same_stream } => self.take_over(*same_stream),
            _ => {}
        }
    }

    /// The socket opens, or one event arrives.
    fn tell(&mut self) {
        if std::mem::take(&mut self.dialling) {
            self.vendor_up = true;
            return self.hand_in(Input::ModelConnected);
        }
        if let Some(event) = self.vendor.events.pop_front() {
            self.hand_in(Input::Model(event));
        }
    }

    fn answer_tool(&mut self) {
        if let Some(call) = self.tools.pop() {
            self.hand_in(Input::Tool { call, outcome: Ok("{}".into()) });
        }
    }

    fn drop_socket(&mut self) {
        self.vendor.drop_session();
        self.vendor_up = false;
        let cause = ModelLoss { code: "closed_1006".to_owned(), severity: Severity::SessionOver };
        self.hand_in(Input::ModelDisconnected { cause });
    }

    fn attach(&mut self) {
        self.streams += 1;
        self.attached = true;
        self.carrier = Carrier::new(&format!("MZ{}", self.streams), self.one_way_ms);
        self.hand_in(Input::CallerAttached { stream: self.carrier.stream.clone() });
        let start = self.carrier.message(StreamEvent::Mark { name: "not ours".into() });
        self.hand_in(Input::Caller(start));
    }

    /// What is asked for again by its id is not carried out again: `ran` begins anew with each relay.
    fn take_over(&mut self, same_stream: bool) {
        self.vendor.drop_session();
        (self.vendor_up, self.dialling) = (false, false);
        self.tools.clear();
        self.ran.clear();
        self.changed_to = self.stored;
        self.session = Session::resume(patient_plan(), self.written.past(Succession::TakenOver), self.now);
        self.drain();
        let stream = self.carrier.stream.clone();
        if self.attached && same_stream && self.written.journal.is_some() {
            self.hand_in(Input::CallerAttached { stream });
        } else {
            self.attached = false;
        }
    }

    fn lose_stream(&mut self) {
        self.attached = false;
        self.hand_in(Input::CallerDetached { stream: self.carrier.stream.clone() });
    }

    /// Time passes; echoes and timers come in their order.
    fn pass(&mut self, ms: u64) {
        let until = CallTime(self.now.0 + ms);
        for steps in 0.. {
            assert!(steps < 10_000, "too much happens in {ms} ms: {:?}", self.session.deadline());
            let timer = self.session.deadline().map(|(at, _)| at).filter(|at| *at <= until);
            let echo = self.carrier.next_echo_at().filter(|at| self.attached && *at <= until);
            match (timer, echo) {
                (timer, Some(at)) if timer.is_none_or(|due| at <= due) => {
                    self.now = self.now.max(at);
                    let mark = self.carrier.take_echo(self.now).unwrap();
                    let message = self.carrier.echo(mark);
                    self.hand_in(Input::Caller(message));
                }
                (Some(at), _) => {
                    self.now = self.now.max(at);
                    self.hand_in(Input::Tick);
                }
                (None, _) => break,
            }
        }
        self.now = until;
    }

    fn hand_in(&mut self, input: Input) {
        self.session.handle(self.now, input);
        self.drain();
        assert!(self.session.deadline().is_none_or(|(at, _)| at >= self.now), "a timer in the past spins the driver");
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            assert!(!self.over, "after the end came {output:?}");
            self.written.write(&output);
            match output {
                Output::Caller(message) => {
                    self.carrier.receive(self.now, &message);
                    self.assert_no_word_waits_behind_music();
                }
                Output::Model(command) => self.command(command),
                Output::DialModel => {
                    self.vendor.drop_session();
                    (self.vendor_up, self.dialling) = (false, true);
                }
                Output::CloseModel => {
                    self.vendor.drop_session();
                    (self.vendor_up, self.dialling) = (false, false);
                }
                Output::RunTool(request) => {
                    assert!(self.ran.insert(request.call.clone()), "{} was run twice", request.call);
                    assert_eq!(request.own.is_some(), request.name == "book_table", "with the definition of its own");
                    self.tools.push(request.call);
                }
                Output::Agent(agent) => self.stored = Some(agent.version),
                Output::HangUp(_) | Output::LetGo(_) => self.over = true,
                _ => {}
            }
        }
    }

    /// Whatever else waits at the carrier, a word does not wait for music to end.
    fn assert_no_word_waits_behind_music(&self) {
        let is_word = |sound: &&Payload| sound.decode().iter().all(|&byte| byte == WORD);
        let mut sounds = self.carrier.buffered().filter(|sound| !sound.is_empty()).skip_while(is_word);
        assert!(!sounds.any(|sound| is_word(&sound)), "the agent speaks behind its hold music");
    }

    fn command(&mut self, command: ModelCommand) {
        assert!(self.vendor_up, "a command without a socket: {command:?}");
        self.vendor.commands.push_back(command);
    }

    /// Everything that is on its way arrives, and nobody says anything new.
    fn settle(&mut self) {
        if !self.attached {
            self.attach();
        }
        for _ in 0..2_000 {
            self.pass(500);
            self.take(&Step::VendorReads);
            self.vendor.hear_pause();
            self.tell();
            self.answer_tool();
            if self.vendor.commands.is_empty() && self.vendor.events.is_empty() {
                self.vendor.finish(ResponseStatus::Completed);
            }
        }
    }
}

proptest! {
    #[test]
    fn the_vendor_is_never_offended_and_every_turn_is_answered(
        one_way_ms in 0_u64..80,
        steps in prop::collection::vec(step(), 1..400),
    ) {
        let mut world = World::new(one_way_ms);
        for step in &steps {
            world.take(step);
        }
        world.settle();
        prop_assert_eq!(&world.vendor.offences, &Vec::<String>::new());
        prop_assert!(world.vendor.is_idle(), "{:?}", world.vendor);
        prop_assert_eq!(world.vendor.unanswered, 0, "a turn was closed and nobody answered");
        prop_assert!(!world.over);
        prop_assert_eq!(world.stored, world.changed_to, "the last agent that was asked for answers");
    }

    /// Any order within the window comes out as it was sent, byte for byte.
    #[test]
    fn shuffled_frames_reach_the_model_in_order(delays in prop::collection::vec(0_u64..90, 1..300)) {
        let mut world = World::new(0);
        world.take(&Step::VendorTells);
        world.take(&Step::VendorReads);
        world.take(&Step::VendorTells);
        world.attach();
        world.vendor.commands.clear();
        let mut arrivals: Vec<_> = delays.iter().zip(0_u64..).map(|(delay, number)| {
            let payload = Payload::encode(&number.to_be_bytes().repeat(20));
            (number * 20 + delay, number, world.carrier.frame(payload))
        }).collect();
        arrivals.sort_by_key(|(at, number, _)| (*at, *number));
        let base = world.now.0;
        for (at, _, frame) in arrivals {
            world.pass((base + at).saturating_sub(world.now.0));
            world.hand_in(Input::Caller(frame));
        }
        world.pass(1_000);
        let heard: Vec<u64> = world.vendor.commands.iter().filter_map(|command| match command {
            ModelCommand::AppendAudio(payload) => Some(u64::from_be_bytes(payload.decode()[..8].try_into().unwrap())),
            _ => None,
        }).collect();
        prop_assert_eq!(heard, (0..delays.len() as u64).collect::<Vec<_>>());
    }

    /// With a carrier that is no distance away, what the ledger says was heard is what was heard.
    #[test]
    fn the_ledger_agrees_with_the_carrier(deltas in prop::collection::vec((1_u64..12_000, 0_u64..900), 1..12)) {
        let mut world = World::new(0);
        world.take(&Step::VendorTells);
        world.take(&Step::VendorReads);
        world.take(&Step::VendorTells);
        world.attach();
        world.take(&Step::VendorReads);
        world.take(&Step::VendorTells);
        for (samples, wait) in deltas {
            world.vendor.speak(Samples(samples));
            world.tell();
            world.sent += Samples(samples);
            world.pass(wait);
        }
        let truth = world.carrier.heard_by(world.now, |_| true);
        world.vendor.hear_speech();
        world.tell();
        let told = world.vendor.commands.iter().find_map(|command| match command {
            ModelCommand::Truncate { heard_ms, .. } => Some(*heard_ms),
            _ => None,
        });
        match told {
            Some(heard_ms) => prop_assert!(heard_ms.abs_diff(truth.as_millis()) <= 2, "{} but {}", heard_ms, truth.as_millis()),
            None => prop_assert!(truth.as_millis() + 1 >= world.sent.as_millis()),
        }
    }
}
