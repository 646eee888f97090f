//! A conversation in a file: what happens, and what the heart wants done about it, interleaved.
//!
//! ```text
//! # Why this scenario exists.
//! agent {"limits":{"silence":10000}}      overrides of the default agent
//! show append record                      outputs that are hidden unless asked for
//! marks 1000                              milliseconds between marks, 200 otherwise
//! session 3600000                         the vendor ends the model's sessions after so many milliseconds
//! recall 40                               tokens that a fresh session is told, 8000 otherwise
//! seed 7                                  spreads redials
//! carrier 30                              the carrier plays and echoes marks; 30 ms each way
//! history caller "I am back"              said before, to another relay that left no journal
//!
//! @0 given a ready call                   opened, model ready, caller there at 100; or: a greeted caller, at 900
//! @0 open                                 or in full
//!   dial model                            two blanks: an output, generated
//! @40 model connected
//! @50 music 3000                          the agent's own hold music has come: so many milliseconds of it
//! @50 music 3000 00ff…                    or another file
//! @41 model 2 connected                   of two sockets the second; of the one in use, if there is no number
//! @2000 change {"instructions":"…"}       another agent from here on: these fields of it are others
//! @1000 keys 1234 200                     the caller dials, 200 ms between one key and the next
//! @1000 times 300 400 model tool r% c% …  the same 300 times, 400 ms apart; % counts
//! @2000 carried 1 ok                      the carrier did as errand 1 says; also refused, unknown, call_over
//! @2000 news leg 2 CA2 answered           what its webhooks tell of a transfer
//! @2000 watched on                        somebody watches; or off: nobody does any more
//! @2000 wakes                             the process was held up since the line before
//! @2000 taken over                        the relay is gone; what it has written down is all that its successor knows
//! @2000 handed over                       the same, after it has let go
//! ~120 timer hold                         a tilde: something the runner made happen, generated
//! ```
//!
//! Inputs are kept and everything generated is made anew; a scenario holds if nothing changed. After each input the
//! session is serialised and read back, so every scenario is a hand-over too.

use std::time::Duration;

use super::carrier::Carrier;
use super::dead_air::DeadAir;
use super::render::render;
use super::sockets::Sockets;
use super::written::Written;
use crate::agent::{Agent, Whom};
use crate::audio::Payload;
use crate::audio::hold_music::Piece;
use crate::hold_music::file_id;
use crate::ids::SocketNumber;
use crate::model::{ModelError, ModelEvent, RemoteStage, ResponseStatus, Severity, Usage};
use crate::redact::Pii;
use crate::session::{Input, Line, ModelLoss, OperatorCommand, Output, Plan, Session, Speaker, Succession, Timer};
use crate::time::{CallTime, Samples};
use crate::tools::{ToolError, ToolErrorKind};
use crate::transfer::{News, NotCarried};
use crate::twilio::media::{MediaFormat, Start, StreamEvent};

const HIDDEN: [&str; 6] = ["append", "record", "journal", "keep", "cost", "turn"];

/// Plays a scenario; returns the file as it should be.
pub fn play(text: &str) -> String {
    run(text).page.join("\n") + "\n"
}

/// The same while somebody watches, without what is for them alone.
pub fn play_watched(text: &str) -> String {
    play_on(Run { watched: true, ..Run::new(text) }, text).page.join("\n") + "\n"
}

/// The longest time for which a caller who waits hears nothing, and when it begins; of a scenario with a tool.
pub fn longest_silence(text: &str) -> Option<(CallTime, Samples)> {
    let Run { mut air, mut carrier, now, .. } = run(text);
    air.listen_to(&mut carrier, now);
    air.longest(now)
}

fn run(text: &str) -> Run {
    play_on(Run::new(text), text)
}

fn play_on(mut run: Run, text: &str) -> Run {
    for line in text.lines().filter(|line| !line.starts_with("  ") && !line.starts_with('~')) {
        let Some(rest) = line.strip_prefix('@') else {
            run.page.push(line.to_owned());
            continue;
        };
        let (at, input) = rest.split_once(' ').expect("@<ms> <input>");
        let at = CallTime(at.parse().expect("milliseconds"));
        if input.trim() != "wakes" {
            run.pass_time(at);
        }
        run.page.push(line.to_owned());
        run.happen(at, input.trim());
    }
    run
}

const READY: [(u64, &str); 5] =
    [(0, "open"), (30, "model connected"), (60, "model ready"), (100, "attach MZ1"), (100, "start")];
const GREETED: [(u64, &str); 5] = [
    (150, "model started r1"),
    (160, "model audio r1 i1 400"),
    (170, "model audio_done r1 i1"),
    (170, "model said i1 \"Hello, how can I help?\""),
    (171, "model done r1 completed"),
];

struct Run {
    plan: Plan,
    session: Option<Session>,
    carrier: Carrier,
    plays: bool,
    hidden: Vec<&'static str>,
    page: Vec<String>,
    /// The last generated line and how often it came, so that repetitions are counted instead of listed.
    repeated: usize,
    over: bool,
    written: Written,
    air: DeadAir,
    now: CallTime,
    sockets: Sockets,
    /// Somebody watches from the beginning, and what they are shown is left out.
    watched: bool,
}

impl Run {
    fn new(text: &str) -> Self {
        let directive = |name: &str| {
            text.lines().filter_map(move |line| line.strip_prefix(name)).map(str::trim).collect::<Vec<_>>()
        };
        let mut plan = super::plan(agent(&Agent::default(), &directive("agent ")));
        let told = directive("history ");
        let lines = told.iter().zip(1..).map(|(said, number)| (number, spoken_before(number, said))).collect();
        if let Some(ms) = directive("reorder ").first() {
            plan.reorder_ms = ms.parse().unwrap();
        }
        if let Some(ms) = directive("marks ").first() {
            plan.mark_every = Samples::from_millis(ms.parse().unwrap());
        }
        if let Some(ms) = directive("session ").first() {
            plan.capabilities.longest_session = Some(Duration::from_millis(ms.parse().unwrap()));
        }
        if let Some(tokens) = directive("recall ").first() {
            plan.capabilities.recall_tokens = tokens.parse().unwrap();
        }
        if let Some(seed) = directive("seed ").first() {
            plan.seed = seed.parse().unwrap();
        }
        plan.capabilities.interrupts_itself = !text.lines().any(|line| line == "model never interrupts itself");
        let carrier = directive("carrier ").first().map(|ms| ms.parse().expect("milliseconds each way"));
        let shown = directive("show ").join(" ");
        let hidden_too = directive("hide ").join(" ");
        let all = [
            "echo",
            "append",
            "record",
            "media",
            "mark",
            "event",
            "transcript",
            "status",
            "model",
            "dial",
            "tool",
            "clear",
            "journal",
            "keep",
            "cost",
            "turn",
            "quality",
        ];
        let is_hidden = |name: &&str| {
            hidden_too.split(' ').any(|word| word == *name)
                || HIDDEN.contains(name) && !shown.split(' ').any(|word| word == *name)
        };
        Self {
            plan,
            session: None,
            carrier: Carrier::new("MZ1", carrier.unwrap_or(0)),
            plays: carrier.is_some(),
            hidden: all.into_iter().filter(is_hidden).collect(),
            page: Vec::new(),
            repeated: 1,
            over: false,
            sockets: Sockets::default(),
            watched: false,
            written: Written { lines, ..Written::default() },
            air: DeadAir::default(),
            now: CallTime::ZERO,
        }
    }

    fn happen(&mut self, at: CallTime, input: &str) {
        let (verb, rest) = input.split_once(' ').unwrap_or((input, ""));
        match verb {
            "taken" => self.succeed(at, Succession::TakenOver),
            "handed" => self.succeed(at, Succession::HandedOver),
            "open" if !self.written.lines.is_empty() => self.succeed(at, Succession::TakenOver),
            "open" => {
                self.session = Some(Session::open(self.plan.clone(), at));
                self.begin(at);
            }
            "given" => self.given(rest),
            "frames" => self.frames(at, rest),
            "keys" => self.keys(at, rest),
            "times" => self.repeat(at, rest),
            "skip" => self.carrier.skip(number(rest, 0), number(rest, 1)),
            _ => {
                let input = self.input(verb, rest);
                self.hand_in(at, input);
            }
        }
    }

    fn change(&self, fields: &str) -> Input {
        let session = self.session.as_ref().expect("@… open comes first");
        let Plan { agent, tools, .. } = super::plan(agent(session.agent(), &[fields]));
        Input::AgentChanged { agent: Box::new(agent), tools }
    }

    /// Another relay goes on with what was written down.
    fn succeed(&mut self, at: CallTime, succession: Succession) {
        self.over = false;
        self.sockets.lost_all();
        self.session = Some(Session::resume(self.plan.clone(), self.written.past(succession), at));
        self.begin(at);
    }

    fn begin(&mut self, at: CallTime) {
        self.drain(at, &Input::Tick);
        if self.watched && !self.over {
            self.hand_in(at, Input::Watched(true));
        }
    }

    /// What many scenarios begin with, without its output.
    fn given(&mut self, what: &str) {
        let page = std::mem::take(&mut self.page);
        let plays = std::mem::replace(&mut self.plays, true);
        let mut steps: Vec<(u64, &str)> = READY.to_vec();
        if what == "a greeted caller" {
            steps.extend(GREETED);
        }
        for (at, input) in steps {
            self.pass_time(CallTime(at));
            self.happen(CallTime(at), input);
        }
        self.pass_time(CallTime(if what == "a greeted caller" { 900 } else { 100 }));
        self.page = page;
        self.plays = plays;
    }

    /// Timers and echoes that come before this time.
    fn pass_time(&mut self, until: CallTime) {
        loop {
            let timer = self.session.as_ref().and_then(Session::deadline).filter(|(at, _)| *at <= until);
            let echo = self.plays.then(|| self.carrier.next_echo_at()).flatten().filter(|at| *at <= until);
            match (timer, echo) {
                (timer, Some(at)) if timer.as_ref().is_none_or(|(due, _)| at <= *due) => {
                    let Some(mark) = self.carrier.take_echo(at) else { return };
                    if !self.hidden.contains(&"echo") {
                        self.say(&format!("~{} echo {mark}", at.as_millis()), true);
                    }
                    let message = self.carrier.echo(mark);
                    self.hand_in(at, Input::Caller(message));
                }
                (Some((at, timer)), _) => {
                    let kind = match timer {
                        Timer::Journal => "journal",
                        Timer::Cost => "cost",
                        _ => "timer",
                    };
                    if !self.hidden.contains(&kind) {
                        self.say(&format!("~{} timer {timer:?}", at.as_millis()), true);
                    }
                    self.hand_in(at, Input::Tick);
                }
                (None, _) => return,
            }
        }
    }

    fn frames(&mut self, at: CallTime, count: &str) {
        for frame in 0..count.parse().expect("how many") {
            let at = CallTime(at.0 + frame * 20);
            self.pass_time(at);
            let message = self.carrier.frame(Payload::encode(&[0x7e; 160]));
            self.hand_in(at, Input::Caller(message));
        }
    }

    /// `keys 1234 200`: pressed one after the other, so many milliseconds apart.
    fn keys(&mut self, at: CallTime, rest: &str) {
        for (digit, number) in word(rest, 0).chars().zip(0..) {
            let at = CallTime(at.0 + number * self::number(rest, 1));
            self.pass_time(at);
            let message = self.carrier.message(StreamEvent::Dtmf { digit });
            self.hand_in(at, Input::Caller(message));
        }
    }

    /// `times 300 400 model tool r% c% hang_up {}`: so often, so many milliseconds apart; `%` is which it is, from 1.
    fn repeat(&mut self, at: CallTime, rest: &str) {
        let input = rest.splitn(3, ' ').nth(2).expect("what to repeat");
        for time in 0..number(rest, 0) {
            let at = CallTime(at.0 + time * number(rest, 1));
            self.pass_time(at);
            self.happen(at, &input.replace('%', &(time + 1).to_string()));
        }
    }

    fn hand_in(&mut self, at: CallTime, input: Input) {
        let session = self.session.as_mut().expect("@… open comes first");
        self.now = at;
        self.air.input(at, &input);
        session.handle(at, input.clone());
        self.drain(at, &input);
        let saved = serde_json::to_string(self.session.as_ref().unwrap()).unwrap();
        self.session = Some(serde_json::from_str(&saved).expect("a session that was drained reads back"));
    }

    /// `of`: what it comes of.
    fn drain(&mut self, at: CallTime, of: &Input) {
        while let Some(output) = self.session.as_mut().and_then(Session::poll) {
            assert!(!self.over, "nothing comes after the end, but: {output:?}");
            self.over = matches!(output, Output::HangUp(_) | Output::LetGo(_));
            self.written.write(&output);
            self.air.output(at, of, &output);
            if let Output::Caller(message) = &output {
                self.carrier.receive(at, message);
            }
            if self.watched && matches!(output, Output::Speaking(_) | Output::Quality(_) | Output::ToolWords(_)) {
                continue;
            }
            let (kind, line) = render(&output, self.sockets.note(&output));
            if !self.hidden.contains(&kind) {
                self.say(&format!("  {line}"), false);
            }
        }
    }

    /// Adds a generated line; the same one again is counted.
    fn say(&mut self, line: &str, always: bool) {
        let last = self.page.last().map(String::as_str).unwrap_or_default();
        let (text, _) = last.rsplit_once(" ×").unwrap_or((last, ""));
        if text == line && !always {
            self.repeated += 1;
            self.page.pop();
            self.page.push(format!("{line} ×{}", self.repeated));
        } else {
            self.repeated = 1;
            self.page.push(line.to_owned());
        }
    }

    fn input(&mut self, verb: &str, rest: &str) -> Input {
        let stream = self.carrier.stream.clone();
        match verb {
            "attach" => {
                if stream.as_str() != rest {
                    self.air.listen_to(&mut self.carrier, self.now);
                    self.carrier = Carrier::new(rest, 0);
                }
                Input::CallerAttached { stream: rest.into() }
            }
            "start" => Input::Caller(self.carrier.message(start(rest, &self.plan))),
            "frame" => {
                let mut message = self.carrier.frame(Payload::encode(&[0x7e; 160]));
                message.sequence = number(rest, 0);
                if let Some(stream) = rest.split(' ').nth(1) {
                    message.stream = stream.into();
                }
                Input::Caller(message)
            }
            "dtmf" => Input::Caller(self.carrier.message(StreamEvent::Dtmf { digit: rest.chars().next().unwrap() })),
            "mark" => Input::Caller(self.carrier.message(StreamEvent::Mark { name: rest.to_owned().into() })),
            "stop" => Input::Caller(self.carrier.message(StreamEvent::Stop)),
            "detach" => Input::CallerDetached { stream },
            "ended" => Input::CallEnded,
            "model" => {
                let (socket, rest) = meant(&self.sockets, rest);
                if rest == "connected" { Input::ModelConnected(socket) } else { Input::Model(socket, model(rest)) }
            }
            "lost" => {
                let (socket, rest) = meant(&self.sockets, rest);
                self.sockets.lost(socket);
                let cause = ModelLoss { code: word(rest, 0), severity: severity(&word(rest, 1)) };
                Input::ModelDisconnected { socket, cause }
            }
            "tool" => tool(rest),
            "music" => {
                let length = Samples::from_millis(number(rest, 0));
                let mulaw = vec![0x33; usize::try_from(length.0).unwrap()];
                let piece = Piece::new(&mulaw).expect("music that is long enough");
                let agents = || self.plan.agent.hold_music.file().cloned().expect("an agent with a file");
                let named = rest.split(' ').nth(1).and_then(file_id);
                Input::HoldMusic { file: named.unwrap_or_else(agents), piece }
            }
            "day" => Input::DaySpent { total: serde_json::from_str(rest).expect("dollars") },
            "change" => self.change(rest),
            "hangup" => Input::Operator(OperatorCommand::HangUp),
            "hold" => Input::Operator(OperatorCommand::Hold),
            "resume" => Input::Operator(OperatorCommand::Resume),
            "pause_recording" => Input::Operator(OperatorCommand::PauseRecording),
            "resume_recording" => Input::Operator(OperatorCommand::ResumeRecording),
            "transfer" => {
                Input::Operator(OperatorCommand::Transfer { to: whom(rest), why: "An operator does it.".into() })
            }
            "whisper" => Input::Operator(OperatorCommand::Whisper { text: rest.into() }),
            "say" => Input::Operator(OperatorCommand::Say { text: rest.into() }),
            "carried" => carried(rest),
            "news" => Input::Transfer(news(rest)),
            "watched" => Input::Watched(rest == "on"),
            "leave" => Input::HandOver,
            "shutdown" => Input::Shutdown,
            "tick" | "wakes" => Input::Tick,
            other => panic!("unknown input {other}"),
        }
    }
}

/// `2 ready`: of the second socket; `ready`: of the one in use, or that was.
fn meant<'a>(sockets: &Sockets, text: &'a str) -> (SocketNumber, &'a str) {
    let numbered = text.split_once(' ').and_then(|(number, rest)| Some((SocketNumber(number.parse().ok()?), rest)));
    numbered.unwrap_or((sockets.in_use(), text))
}

fn agent(from: &Agent, changes: &[&str]) -> Agent {
    let mut agent = serde_json::to_value(from).unwrap();
    changes.iter().for_each(|json| merge(&mut agent, serde_json::from_str(json).expect("agent JSON")));
    serde_json::from_value(agent).expect("an agent")
}

fn model(text: &str) -> ModelEvent {
    let id = |index| word(text, index);
    let quoted = || Pii::new(text.split('"').nth(1).expect("quoted words").to_owned());
    match id(0).as_str() {
        "ready" => ModelEvent::Ready,
        "speech_started" => ModelEvent::SpeechStarted { item: id(1).into(), at_ms: heard_at(text) },
        "speech_stopped" => ModelEvent::SpeechStopped { item: id(1).into(), at_ms: heard_at(text) },
        "committed" => ModelEvent::Committed { item: id(1).into() },
        "caller_says" => ModelEvent::CallerSays { item: id(1).into(), text: quoted() },
        "caller_said" => ModelEvent::CallerSaid { item: id(1).into(), text: text.contains('"').then(quoted) },
        "started" => ModelEvent::ResponseStarted { response: id(1).into() },
        "audio" => {
            let length = Samples::from_millis(number(text, 3));
            let payload = Payload::encode(&vec![0x55; usize::try_from(length.0).unwrap()]);
            ModelEvent::Audio { response: id(1).into(), item: id(2).into(), content_index: 0, payload }
        }
        "audio_done" => ModelEvent::AudioDone { response: id(1).into(), item: id(2).into() },
        "says" => ModelEvent::AgentSays { item: id(1).into(), text: quoted() },
        "said" => ModelEvent::AgentSaid { item: id(1).into(), text: quoted() },
        "tool" => {
            let arguments = Pii::new(text.splitn(5, ' ').nth(4).unwrap_or("{}").to_owned());
            ModelEvent::ToolCall { response: id(1).into(), call: id(2).into(), name: id(3), arguments }
        }
        "remote" => {
            let stage = match id(2).as_str() {
                "begun" => RemoteStage::Begun,
                "done" => RemoteStage::Done,
                "failed" => RemoteStage::Failed,
                other => panic!("unknown stage {other}"),
            };
            ModelEvent::RemoteTool { item: id(1).into(), stage }
        }
        "done" => ModelEvent::ResponseDone { response: id(1).into(), status: status(text), usage: usage(text) },
        "error" => ModelEvent::Error(ModelError {
            code: id(1),
            message: "".into(),
            severity: severity(&id(2)),
            event: text.split(' ').nth(3).map(Into::into),
        }),
        "unknown" => ModelEvent::Unknown { kind: id(1) },
        other => panic!("unknown model event {other}"),
    }
}

fn tool(text: &str) -> Input {
    let rest = text.splitn(3, ' ').nth(2).unwrap_or_default();
    let outcome = match word(text, 1).as_str() {
        "ok" => Ok(Pii::new(rest.to_owned())),
        kind => {
            let kind: ToolErrorKind = serde_json::from_value(kind.into()).expect("a kind of tool error");
            Err(ToolError::new(kind, rest))
        }
    };
    Input::Tool { call: word(text, 0).into(), outcome }
}

/// `done r2 completed 1000 500`: tokens of sound that went in and came out.
fn usage(text: &str) -> Option<Usage> {
    let mut tokens = text.split(' ').skip(3).map(|count| count.parse().ok());
    let (input_audio, output_audio) = (tokens.next()??, tokens.next()??);
    Some(Usage { input_audio, output_audio, ..Usage::default() })
}

/// `transfer doctor`, `transfer doctor nurse`.
fn whom(names: &str) -> Whom {
    match names.split_once(' ') {
        None => names.into(),
        Some(_) => Whom::Several(names.split(' ').map(Into::into).collect()),
    }
}

/// `carried 2 ok CA2`, or `refused`, `unknown`, `call_over` instead of `ok`.
fn carried(text: &str) -> Input {
    let outcome = match word(text, 1).as_str() {
        "ok" => Ok(text.split(' ').nth(2).map(Into::into)),
        "refused" => Err(NotCarried::Refused),
        "unknown" => Err(NotCarried::Unknown),
        "call_over" => Err(NotCarried::CallOver),
        other => panic!("unknown outcome {other}"),
    };
    Input::Carried { number: u32::try_from(number(text, 0)).unwrap(), outcome }
}

/// `news leg 2 CA2 answered`, `news not_through busy`, `news caller_left`.
fn news(text: &str) -> News {
    let read = |word: String| serde_json::Value::from(word);
    match word(text, 0).as_str() {
        "leg" => News::Leg {
            errand: u32::try_from(number(text, 1)).unwrap(),
            leg: word(text, 2).into(),
            state: serde_json::from_value(read(word(text, 3))).expect("a state of a leg"),
        },
        "not_through" => News::NotThrough { why: serde_json::from_value(read(word(text, 1))).expect("a reason") },
        "caller_left" => News::CallerLeft,
        "caller_waits" => News::CallerWaits,
        other => panic!("unknown news {other}"),
    }
}

fn status(text: &str) -> ResponseStatus {
    match word(text, 2).as_str() {
        "completed" => ResponseStatus::Completed,
        "cancelled" => ResponseStatus::Cancelled,
        "incomplete" => ResponseStatus::Incomplete { reason: word(text, 3) },
        "failed" => ResponseStatus::Failed { code: word(text, 3), severity: severity(&word(text, 4)) },
        other => panic!("unknown status {other}"),
    }
}

fn start(call: &str, plan: &Plan) -> StreamEvent {
    let call = if call.is_empty() { plan.sid.clone() } else { call.into() };
    let format = MediaFormat { encoding: "audio/x-mulaw".to_owned(), sample_rate: 8_000, channels: 1 };
    StreamEvent::Start(Box::new(Start { call, account: "AC1".into(), format, parameters: Default::default() }))
}

fn spoken_before(number: u32, said: &str) -> Line {
    let speaker = if said.starts_with("caller") { Speaker::Caller } else { Speaker::Agent };
    let text = said.split('"').nth(1).map(Pii::from);
    let item = format!("before-{number}").into();
    Line { number, at: CallTime(u64::from(number)), speaker, item, text, interrupted: None, made_out_to: None }
}

fn severity(word: &str) -> Severity {
    serde_json::from_value(word.into()).unwrap_or_else(|_| panic!("unknown severity {word:?}"))
}

fn word(text: &str, index: usize) -> String {
    text.split(' ').nth(index).unwrap_or_else(|| panic!("word {index} of {text:?}")).to_owned()
}

/// `speech_started u1 500`: where in the audio of the session; at its beginning if not said.
fn heard_at(text: &str) -> u64 {
    text.split(' ').nth(2).map_or(0, |at| at.parse().expect("milliseconds"))
}

fn number(text: &str, index: usize) -> u64 {
    word(text, index).parse().unwrap_or_else(|_| panic!("a number as word {index} of {text:?}"))
}

fn merge(into: &mut serde_json::Value, from: serde_json::Value) {
    match (into, from) {
        (serde_json::Value::Object(into), serde_json::Value::Object(from)) => {
            from.into_iter().for_each(|(key, value)| merge(into.entry(key).or_insert(serde_json::Value::Null), value));
        }
        (into, from) => *into = from,
    }
}
