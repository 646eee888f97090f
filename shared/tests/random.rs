//! The session against a vendor that keeps its rules and a carrier that plays in virtual time, in any order of events.
//! `PROPTEST_CASES=10000` looks longer. A failing case is kept in `proptest-regressions/` and tried first ever after.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proptest::prelude::*;
use shared::agent::{Agent, HoldMusic, KeyAction};
use shared::audio::Payload;
use shared::audio::dtmf;
use shared::audio::hold_music::Piece;
use shared::audio::recording::RecordOp;
use shared::calls::Ending;
use shared::ids::{SocketNumber, ToolCallId};
use shared::model::{ModelCommand, ResponseStatus, Severity};
use shared::money::Usd;
use shared::redact::Pii;
use shared::session::{Event, Input, ModelLoss, OperatorCommand, Output, Plan, Session, Succession, ToCaller};
use shared::testkit::{self, carrier::Carrier, sockets::Sockets, vendor::Vendor, written::Written};
use shared::time::{CallTime, Samples};
use shared::transfer::{Ask, Errand, LegState, News, NotCarried, TransferFailure};
use shared::twilio::media::StreamEvent;

/// What the vendor's voice is made of, and what uploaded music is.
const WORD: u8 = 0x11;
const MUSIC: u8 = 0x33;
const VENDORS_KEYS: &str = "1w2";
const MUSIC_FILE: &str = "00ff00ff00ff00ff00ff00ff";

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    CallerFrame,
    /// Of the sessions that are open, the first or the second.
    VendorReads(usize),
    VendorTells(usize),
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
    OperatorWhispers,
    OperatorSays,
    VendorPausesRecording,
    VendorResumesRecording,
    OperatorPausesRecording,
    OperatorResumesRecording,
    VendorTransfers,
    OperatorTransfers,
    CarrierActs(u8),
    CarrierTells(u8),
    VendorFinishes,
    SpeechStarts,
    SpeechEnds,
    ToolAnswers,
    SocketDrops(usize),
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
        12 => (0_usize..2).prop_map(VendorReads),
        14 => (0_usize..2).prop_map(VendorTells),
        8 => (1_u64..9_000).prop_map(VendorSpeaks),
        1 => Just(VendorCallsRemoteTool),
        1 => (1_u32..9).prop_map(AgentChanges),
        1 => any::<bool>().prop_map(|own| VendorCallsTool { own }),
        1 => prop_oneof![2 => Just(Wait(5)), 1 => Just(VendorHolds), 1 => Just(VendorSendsDtmf)],
        2 => prop_oneof![Just('0'), Just('5'), Just('9'), Just('#')].prop_map(KeyPressed),
        1 => prop_oneof![3 => Just(Wait(5)), 1 => Just(OperatorHolds), 1 => Just(OperatorResumes)],
        1 => prop_oneof![
            2 => Just(Wait(5)),
            1 => Just(VendorPausesRecording),
            1 => Just(VendorResumesRecording),
            1 => Just(OperatorPausesRecording),
            1 => Just(OperatorResumesRecording),
        ],
        1 => prop_oneof![2 => Just(Wait(5)), 1 => Just(VendorTransfers), 1 => Just(OperatorTransfers)],
        1 => prop_oneof![2 => Just(Wait(5)), 1 => Just(OperatorWhispers), 2 => Just(OperatorSays)],
        3 => any::<u8>().prop_map(CarrierActs),
        2 => any::<u8>().prop_map(CarrierTells),
        3 => Just(VendorFinishes),
        3 => Just(SpeechStarts),
        4 => Just(SpeechEnds),
        2 => Just(ToolAnswers),
        1 => prop_oneof![9 => Just(Wait(5)), 1 => (0_usize..2).prop_map(SocketDrops)],
        1 => prop_oneof![9 => Just(Wait(5)), 1 => Just(StreamLost)],
        2 => Just(StreamBack),
        1 => (8_001_usize..40_000).prop_map(MusicComes),
        1 => prop_oneof![9 => Just(Wait(5)), 1 => any::<bool>().prop_map(|same_stream| TakenOver { same_stream })],
    ]
}

/// Of an agent that waits for everything, with a vendor whose sessions are short: one after another is used up.
fn patient_plan(longest_session_ms: u64) -> Plan {
    let hold_music = HoldMusic::File(MUSIC_FILE.into());
    let mut agent = Agent { own_tools: vec![testkit::own_tool()], hold_music, ..Agent::default() };
    agent.limits.redials = 1_000;
    agent.limits.silence = Duration::from_secs(100_000);
    agent.limits.attach = Duration::from_secs(100_000);
    agent.limits.call = Duration::from_secs(1_000_000);
    agent.limits.longest_hold = Duration::from_secs(100);
    agent.limits.spend_day = Some(Usd::from_billionths(1_000_000_000_000));
    agent.transfer_targets = testkit::transfer_targets();
    agent.tools.extend(["hold", "send_dtmf", "transfer", "pause_recording", "resume_recording"].map(str::to_owned));
    let nowhere = KeyAction::Transfer { to: "nobody".into() };
    let keys = [("0", KeyAction::Hold {}), ("9", KeyAction::Repeat {}), ("5", nowhere)];
    agent.keypad.actions.extend(keys.map(|(digits, action)| (digits.to_owned(), action)));
    let mut plan = testkit::plan(agent);
    plan.capabilities.longest_session = Some(Duration::from_millis(longest_session_ms));
    plan.capabilities.recall_tokens = 100;
    plan
}

/// A session of the model's, and whether its socket is open yet.
#[derive(Debug)]
struct Line {
    vendor: Vendor,
    up: bool,
}

struct World {
    now: CallTime,
    session: Session,
    carrier: Carrier,
    streams: u32,
    attached: bool,
    plan: Plan,
    lines: BTreeMap<SocketNumber, Line>,
    sockets: Sockets,
    offences: Vec<String>,
    tools: Vec<ToolCallId>,
    /// What all relays together have counted of the call's cost, and whether the sum is on its way back.
    counted: Usd,
    uncounted: bool,
    ran: BTreeSet<ToolCallId>,
    /// What the carrier is asked for and has not done.
    errands: VecDeque<Errand>,
    /// Whom it is calling, and whether the caller hears it ring.
    legs: Vec<u32>,
    /// Whom it was told to call since the caller was parked.
    rung: BTreeSet<Pii<String>>,
    ringing: bool,
    through: bool,
    /// How the keys sound that the vendor dials.
    keys: Vec<u8>,
    written: Written,
    over: bool,
    /// The agent that was asked for last, of this relay; and the one that was stored last.
    changed_to: Option<u32>,
    stored: Option<u32>,
    one_way_ms: u64,
    /// Nothing may be kept.
    paused: bool,
    /// Audio of the model's that was sent to the caller on this stream, for the truth about what was heard.
    sent: Samples,
}

impl World {
    fn new(one_way_ms: u64, longest_session_ms: u64) -> Self {
        let plan = patient_plan(longest_session_ms);
        let mut world = Self {
            now: CallTime::ZERO,
            session: Session::open(plan.clone(), CallTime::ZERO),
            plan,
            carrier: Carrier::new("MZ0", one_way_ms),
            streams: 0,
            attached: false,
            lines: BTreeMap::new(),
            sockets: Sockets::default(),
            offences: Vec::new(),
            tools: Vec::new(),
            counted: Usd::ZERO,
            uncounted: false,
            ran: BTreeSet::new(),
            errands: VecDeque::new(),
            legs: Vec::new(),
            rung: BTreeSet::new(),
            ringing: false,
            through: false,
            keys: dtmf::encode(VENDORS_KEYS, &dtmf::TIMING),
            written: Written::default(),
            over: false,
            changed_to: None,
            stored: None,
            one_way_ms,
            paused: false,
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
            Step::VendorReads(which) => self.read(*which),
            Step::VendorTells(which) => self.tell(*which),
            Step::VendorSpeaks(samples) => self.vendor(|vendor| vendor.speak(Samples(*samples))),
            Step::VendorCallsRemoteTool => self.vendor(Vendor::call_remote_tool),
            Step::AgentChanges(version) => {
                let Plan { agent, tools, .. } = self.plan.clone();
                let agent = Box::new(Agent { version: *version, ..agent });
                self.changed_to = Some(*version);
                self.hand_in(Input::AgentChanged { agent, tools });
            }
            Step::VendorCallsTool { own } => {
                self.vendor(|vendor| vendor.call_tool(if *own { "book_table" } else { "get_weather" }, "{}"));
            }
            Step::VendorHolds => self.vendor(|vendor| vendor.call_tool("hold", r#"{"seconds":3}"#)),
            Step::VendorSendsDtmf => {
                self.vendor(|vendor| vendor.call_tool("send_dtmf", &format!(r#"{{"digits":"{VENDORS_KEYS}"}}"#)))
            }
            Step::KeyPressed(digit) if self.attached => {
                let key = self.carrier.message(StreamEvent::Dtmf { digit: *digit });
                self.hand_in(Input::Caller(key));
            }
            Step::OperatorHolds => self.hand_in(Input::Operator(OperatorCommand::Hold)),
            Step::OperatorResumes => self.hand_in(Input::Operator(OperatorCommand::Resume)),
            Step::OperatorWhispers => {
                self.hand_in(Input::Operator(OperatorCommand::Whisper { text: "Be brief.".into() }));
            }
            Step::OperatorSays => self.hand_in(Input::Operator(OperatorCommand::Say { text: "One moment.".into() })),
            Step::VendorPausesRecording => self.vendor(|vendor| vendor.call_tool("pause_recording", "{}")),
            Step::VendorResumesRecording => self.vendor(|vendor| vendor.call_tool("resume_recording", "{}")),
            Step::OperatorPausesRecording => self.hand_in(Input::Operator(OperatorCommand::PauseRecording)),
            Step::OperatorResumesRecording => self.hand_in(Input::Operator(OperatorCommand::ResumeRecording)),
            Step::VendorTransfers => {
                self.vendor(|vendor| vendor.call_tool("transfer", r#"{"to":["doctor","nurse"],"why":"It hurts."}"#));
            }
            Step::OperatorTransfers => {
                let (to, why) = ("reception".into(), "They asked for it.".into());
                self.hand_in(Input::Operator(OperatorCommand::Transfer { to, why }));
            }
            Step::CarrierActs(luck) => self.act(*luck),
            Step::CarrierTells(luck) => self.bring_news(*luck),
            Step::VendorFinishes => self.vendor(|vendor| vendor.finish(ResponseStatus::Completed)),
            Step::SpeechStarts => self.vendor(Vendor::hear_speech),
            Step::SpeechEnds => self.vendor(Vendor::hear_pause),
            Step::ToolAnswers => self.answer_tool(),
            Step::SocketDrops(which) => self.drop_socket(*which),
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

    fn nth(&self, which: usize) -> Option<SocketNumber> {
        self.lines.keys().copied().cycle().nth(which)
    }

    /// The session that hears the caller does this.
    fn vendor(&mut self, does: impl FnOnce(&mut Vendor)) {
        if let Some(line) = self.lines.get_mut(&self.sockets.in_use()).filter(|line| line.up && line.vendor.ready) {
            does(&mut line.vendor);
        }
    }

    fn read(&mut self, which: usize) {
        let line = self.nth(which).and_then(|socket| self.lines.get_mut(&socket)).filter(|line| line.up);
        line.into_iter().for_each(|line| line.vendor.read());
    }

    /// The socket opens, or one event arrives.
    fn tell(&mut self, which: usize) {
        let Some(socket) = self.nth(which) else { return };
        let line = self.lines.get_mut(&socket).unwrap();
        if !std::mem::replace(&mut line.up, true) {
            return self.hand_in(Input::ModelConnected(socket));
        }
        if let Some(event) = line.vendor.events.pop_front() {
            self.hand_in(Input::Model(socket, event));
        }
    }

    /// Of a call that has but one session.
    fn first(&mut self) -> &mut Vendor {
        &mut self.lines.get_mut(&SocketNumber::FIRST).unwrap().vendor
    }

    /// A session is gone, and all that it knew.
    fn forget(&mut self, socket: SocketNumber) {
        if let Some(line) = self.lines.remove(&socket) {
            self.offences.extend(line.vendor.offences);
        }
    }

    fn answer_tool(&mut self) {
        if std::mem::take(&mut self.uncounted) {
            self.hand_in(Input::DaySpent { total: self.counted });
        }
        if let Some(call) = self.tools.pop() {
            self.hand_in(Input::Tool { call, outcome: Ok("{}".into()) });
        }
    }

    /// The carrier does what it was asked for next, or stumbles.
    fn act(&mut self, luck: u8) {
        let Some(Errand { number, ask }) = self.errands.pop_front() else { return };
        let outcome = match (luck % 5, &ask) {
            (0, Ask::Dial { .. } | Ask::Park | Ask::Call { .. }) => Err(NotCarried::Refused),
            (1, Ask::Park | Ask::BringBack) => Err(NotCarried::Unknown),
            (1, Ask::Call { .. }) => {
                self.legs.extend((luck > 99).then_some(number));
                Err(NotCarried::Unknown)
            }
            (_, Ask::Call { .. }) => {
                self.legs.push(number);
                Ok(Some(format!("CA{number}").into()))
            }
            _ => Ok(None),
        };
        let leaves = matches!(ask, Ask::Dial { .. } | Ask::Park) && outcome != Err(NotCarried::Refused);
        self.ringing |= leaves && matches!(ask, Ask::Dial { .. });
        if leaves && self.attached && luck > 127 {
            self.stop_stream();
        }
        self.hand_in(Input::Carried { number, outcome });
        if leaves && self.attached {
            self.stop_stream();
        }
        if ask == Ask::BringBack && !self.attached {
            self.attach();
        }
    }

    fn stop_stream(&mut self) {
        self.attached = false;
        let stop = self.carrier.message(StreamEvent::Stop);
        self.hand_in(Input::Caller(stop));
    }

    /// Nobody ever takes the call.
    fn bring_news(&mut self, luck: u8) {
        if std::mem::take(&mut self.ringing) {
            self.hand_in(Input::Transfer(News::NotThrough { why: TransferFailure::NoAnswer }));
            if !self.attached {
                self.attach();
            }
        }
        let Some(which) = usize::from(luck).checked_rem(self.legs.len()) else { return };
        let errand = self.legs[which];
        let state = match luck % 6 {
            0 => LegState::Ringing,
            1 => LegState::Answered,
            2 => LegState::Machine,
            3 => LegState::Declined,
            4 => LegState::Unheeded,
            _ => LegState::Busy,
        };
        if luck % 6 > 2 {
            self.legs.remove(which);
        }
        self.hand_in(Input::Transfer(News::Leg { errand, leg: format!("CA{errand}").into(), state }));
    }

    fn drop_socket(&mut self, which: usize) {
        let Some(socket) = self.nth(which) else { return };
        self.forget(socket);
        self.sockets.lost(socket);
        let cause = ModelLoss { code: "closed_1006".to_owned(), severity: Severity::SessionOver };
        self.hand_in(Input::ModelDisconnected { socket, cause });
    }

    fn attach(&mut self) {
        self.streams += 1;
        // It was told before the caller came back, or never.
        self.ringing = false;
        self.attached = true;
        self.carrier = Carrier::new(&format!("MZ{}", self.streams), self.one_way_ms);
        self.hand_in(Input::CallerAttached { stream: self.carrier.stream.clone() });
        let start = self.carrier.message(StreamEvent::Mark { name: "not ours".into() });
        self.hand_in(Input::Caller(start));
    }

    /// What is asked for again by its id is not carried out again: `ran` begins anew with each relay. What the former one was
    /// about to ask the carrier for, it never did.
    fn take_over(&mut self, same_stream: bool) {
        let open: Vec<SocketNumber> = self.lines.keys().copied().collect();
        open.into_iter().for_each(|socket| self.forget(socket));
        // What was dialled after the last journal is not known: its numbers are given out again.
        self.sockets = Sockets::default();
        self.tools.clear();
        self.ran.clear();
        self.errands.clear();
        self.changed_to = self.stored;
        // The journal is written as soon as there is one; a pause before that is not known to a successor.
        self.paused &= self.written.journal.is_some();
        self.session = Session::resume(self.plan.clone(), self.written.past(Succession::TakenOver), self.now);
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
            self.sockets.note(&output);
            match output {
                Output::Caller(message) => {
                    self.carrier.receive(self.now, &message);
                    if matches!(message, ToCaller::Media { .. }) {
                        self.assert_no_word_waits_behind_music();
                    }
                }
                Output::Model(socket, command) => self.command(socket, command),
                Output::DialModel(socket) => {
                    self.lines.insert(socket, Line { vendor: Vendor::new(socket), up: false });
                }
                Output::CloseModel(socket) => self.forget(socket),
                Output::CountSpent(amount) => {
                    self.counted += amount;
                    self.uncounted = true;
                }
                Output::RunTool(request) => {
                    assert!(self.ran.insert(request.call.clone()), "{} was run twice", request.call);
                    assert_eq!(request.own.is_some(), request.name == "book_table", "with the definition of its own");
                    self.tools.push(request.call);
                }
                Output::Record(RecordOp::Audio { .. }) | Output::KeepSpeech { .. } => {
                    assert!(!self.paused, "kept in a pause");
                }
                Output::Event(Event::RecordingPaused { .. }) => self.paused = true,
                Output::Event(Event::RecordingResumed { .. }) => self.paused = false,
                Output::Agent(agent) => self.stored = Some(agent.version),
                Output::Carrier(errand) => {
                    match &errand.ask {
                        Ask::Park => self.rung.clear(),
                        Ask::Call { to, .. } => {
                            assert!(self.rung.insert(to.clone()), "it rings twice at {}", to.reveal())
                        }
                        Ask::Dial { .. } | Ask::HangUp { .. } | Ask::BringBack => {}
                    }
                    self.errands.push_back(errand);
                }
                Output::HangUp(ending) => {
                    self.over = true;
                    self.through = ending == Ending::Transferred;
                }
                Output::LetGo(_) => self.over = true,
                _ => {}
            }
        }
    }

    /// Whatever else waits at the carrier, a word does not wait for music to end.
    fn assert_no_word_waits_behind_music(&self) {
        let is_word = |sound: &&Payload| sound.decode().iter().all(|&byte| byte == WORD);
        let is_key = |sound: &Payload| {
            let sound = sound.decode();
            self.keys.windows(sound.len()).any(|part| part == sound)
        };
        let sounds = self.carrier.buffered().filter(|sound| !sound.is_empty());
        let mut sounds = sounds.skip_while(|sound| is_word(sound) || is_key(sound));
        assert!(!sounds.any(|sound| is_word(&sound)), "the agent speaks behind its hold music");
    }

    fn command(&mut self, socket: SocketNumber, command: ModelCommand) {
        let line = self.lines.get_mut(&socket).filter(|line| line.up);
        line.unwrap_or_else(|| panic!("a command without a socket: {command:?}")).vendor.commands.push_back(command);
    }

    /// All that is on its way to a session or from it.
    fn exchange(&mut self) {
        while self
            .lines
            .values()
            .any(|line| !line.up || !line.vendor.commands.is_empty() || !line.vendor.events.is_empty())
        {
            (0..2).for_each(|which| self.read(which));
            (0..2).for_each(|which| self.tell(which));
        }
    }

    /// Everything that is on its way arrives, and nobody says anything new.
    fn settle(&mut self) {
        if !self.attached {
            self.attach();
        }
        for _ in 0..2_000 {
            self.pass(500);
            self.vendor(Vendor::hear_pause);
            self.exchange();
            self.answer_tool();
            self.act(9);
            self.bring_news(5);
            self.vendor(|vendor| vendor.finish(ResponseStatus::Completed));
            self.exchange();
        }
    }
}

const HOUR_MS: u64 = 3_600_000;

proptest! {
    #[test]
    fn the_vendor_is_never_offended_and_every_turn_is_answered(
        one_way_ms in 0_u64..80,
        longest_session_ms in 1_000_u64..60_000,
        steps in prop::collection::vec(step(), 1..400),
    ) {
        let mut world = World::new(one_way_ms, longest_session_ms);
        for step in &steps {
            world.take(step);
        }
        world.settle();
        // Who has waited for long enough has been put through, for all we know.
        if world.through {
            return Ok(());
        }
        let open: Vec<SocketNumber> = world.lines.keys().copied().collect();
        let idle = world.lines.values().all(|line| line.vendor.is_idle());
        let unanswered: u32 = world.lines.values().map(|line| line.vendor.unanswered).sum();
        prop_assert!(idle, "{:?}", world.lines);
        prop_assert_eq!(unanswered, 0, "a turn was closed and nobody answered");
        open.into_iter().for_each(|socket| world.forget(socket));
        prop_assert_eq!(&world.offences, &Vec::<String>::new());
        prop_assert!(!world.over);
        prop_assert_eq!(world.stored, world.changed_to, "the last agent that was asked for answers");
    }

    /// Any order within the window comes out as it was sent, byte for byte.
    #[test]
    fn shuffled_frames_reach_the_model_in_order(delays in prop::collection::vec(0_u64..90, 1..300)) {
        let mut world = World::new(0, HOUR_MS);
        world.tell(0);
        world.read(0);
        world.tell(0);
        world.attach();
        world.first().commands.clear();
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
        let heard: Vec<u64> = world.first().commands.iter().filter_map(|command| match command {
            ModelCommand::AppendAudio(payload) => Some(u64::from_be_bytes(payload.decode()[..8].try_into().unwrap())),
            _ => None,
        }).collect();
        prop_assert_eq!(heard, (0..delays.len() as u64).collect::<Vec<_>>());
    }

    /// With a carrier that is no distance away, what the ledger says was heard is what was heard.
    #[test]
    fn the_ledger_agrees_with_the_carrier(deltas in prop::collection::vec((1_u64..12_000, 0_u64..900), 1..12)) {
        let mut world = World::new(0, HOUR_MS);
        world.tell(0);
        world.read(0);
        world.tell(0);
        world.attach();
        world.read(0);
        world.tell(0);
        for (samples, wait) in deltas {
            world.first().speak(Samples(samples));
            world.tell(0);
            world.sent += Samples(samples);
            world.pass(wait);
        }
        let truth = world.carrier.heard_by(world.now, |_| true);
        world.first().hear_speech();
        world.tell(0);
        let told = world.first().commands.iter().find_map(|command| match command {
            ModelCommand::Truncate { heard_ms, .. } => Some(*heard_ms),
            _ => None,
        });
        match told {
            Some(heard_ms) => prop_assert!(heard_ms.abs_diff(truth.as_millis()) <= 2, "{} but {}", heard_ms, truth.as_millis()),
            None => prop_assert!(truth.as_millis() + 1 >= world.sent.as_millis()),
        }
    }
}
