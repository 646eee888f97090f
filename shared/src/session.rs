//! The conversation: a deterministic state machine between a caller's stream and a model's session.
//!
//! ```text
//! Session::open(plan, now)          begins with the webhook; its first output dials the model
//! session.handle(now, input)        never fails, never blocks
//! session.poll() -> Option<Output>  drain to None before the next handle
//! session.deadline()                when to call handle(now, Input::Tick) at the latest, and why
//! ```
//!
//! The driver carries and does not judge: it hands in what happened, in the order it learned of it, and does what
//! comes out, in the order it came. A session serialises at any point at which it is drained.
//!
//! Where a rule lives: `caller` (the stream, gaps, marks) · `link` (dialling and redialling the model) · `renewal`
//! (one session of the model's after another) · `recall` (what a fresh session is told) · `turns`
//! (who speaks, barge-in, audio) · `responses` (who may ask for one) · `tool_calls` · `call_control` · `keypad` (what
//! the caller dials) · `on_hold` · `hold` (music) · `transfer` · `recording` (what is kept) · `change` · `meter` (how long
//! it took) · `spending` (what it costs) · `watched` (what is shown and not kept) · `ending`. Beneath them
//! are parts that know nothing of one another: `resequence`, `line`, `playback`, `tools`, `transcript`, `timers`.

mod call_control;
mod caller;
mod change;
mod earshot;
mod ending;
mod hold;
mod input;
mod journal;
mod keypad;
mod line;
mod link;
mod meter;
mod on_hold;
mod operator;
mod output;
mod playback;
mod recall;
mod recording;
mod remote_tools;
mod renewal;
mod resequence;
mod responses;
mod spending;
mod tally;
mod timers;
mod tool_calls;
mod tools;
mod transcript;
mod transfer;
mod turns;
mod watched;

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use input::{Input, ModelLoss, OperatorCommand};
pub use journal::{Journal, Past, Succession, VERSION as JOURNAL_VERSION};
pub use on_hold::{HeldBy, OffHold};
pub use output::{
    DigitsEnd, DropReason, Event, Interruption, Line, LineQuality, Mark, NotOurs, Output, Speaker, ToCaller, ToolWords,
};
pub use recording::{NOT_RECORDED, PausedBy, ResumedBy};
pub use timers::Timer;
pub use transfer::TransferredBy;

use crate::agent::Agent;
use crate::agent::words::Facts;
use crate::calls::Ending;
use crate::ids::{CallSid, StreamSid};
use crate::model::{Capabilities, Usage};
use crate::money::Rates;
use crate::time::{CallTime, Samples};
use crate::tools::ToolSpec;
use crate::twilio::media::StreamEvent;
use change::Change;
use earshot::Earshot;
use journal::Former;
use line::CallerLine;
use link::Link;
use meter::Meter;
use playback::Playback;
use resequence::Resequencer;
use responses::Responses;
use spending::Spending;
use tally::Tallies;
use timers::Timers;
use tools::Toolbox;
use transcript::Transcript;
use watched::Watched;

/// Everything a conversation needs to know before it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub sid: CallSid,
    pub agent: Agent,
    /// For the variables in what the agent says and is told.
    pub facts: Facts,
    pub tools: Vec<ToolSpec>,
    /// What the backend can do: [`crate::model::Dialect::capabilities`].
    pub capabilities: Capabilities,
    /// Audio between two marks: short where marks are cheap, longer where each is a paid message.
    pub mark_every: Samples,
    /// How long a missing frame is waited for. Zero where the transport keeps order.
    pub reorder_ms: u64,
    /// Spreads what many calls would otherwise do at the same moment; of zero nothing is spread.
    #[serde(default)]
    pub seed: u64,
    /// What its minutes, messages and tokens cost.
    #[serde(default)]
    pub rates: Rates,
}

/// A call, from its webhook to its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    plan: Plan,
    phase: Phase,
    stream: Option<StreamSid>,
    /// When the caller's stream first came.
    attached_at: Option<CallTime>,
    order: Resequencer<StreamEvent>,
    line: CallerLine,
    earshot: Earshot,
    link: Link,
    responses: Responses,
    playback: Playback,
    tools: Toolbox,
    hold: hold::Hold,
    change: Change,
    on_hold: Option<on_hold::OnHold>,
    keeping: recording::Keeping,
    keys: keypad::Keys,
    transfers: transfer::Transfers,
    turn: turns::Turn,
    transcript: Transcript,
    tallies: Tallies,
    meter: Meter,
    timers: Timers,
    /// What another relay left of the stream, until it is seen here.
    former: Option<Former>,
    /// The process wants to go.
    leaving: bool,
    /// Tokens so far.
    spent: Usage,
    spending: Spending,
    #[serde(default)]
    watched: Watched,
    #[serde(skip)]
    out: VecDeque<Output>,
}

/// Where in its life a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// The caller's stream is not here: not yet, or not any more. `doomed`: how the call ends as soon as it comes.
    Waiting {
        doomed: Option<Ending>,
    },
    Talking,
    /// The last words are being said before the caller is put through to somebody.
    Parting,
    /// The last words are being said.
    Closing(Ending),
    Over,
}

impl Session {
    /// Begins a call. `now` is usually zero.
    pub fn open(plan: Plan, now: CallTime) -> Self {
        let mut session = Self::new(plan);
        session.begin(now);
        session
    }

    fn new(plan: Plan) -> Self {
        Self {
            phase: Phase::Waiting { doomed: None },
            stream: None,
            attached_at: None,
            order: Resequencer::default(),
            line: CallerLine::default(),
            earshot: Earshot::default(),
            link: Link::default(),
            responses: Responses::default(),
            playback: Playback::new(plan.mark_every),
            tools: Toolbox::default(),
            hold: hold::Hold::default(),
            change: Change::default(),
            on_hold: None,
            keeping: recording::Keeping::default(),
            keys: keypad::Keys::default(),
            transfers: transfer::Transfers::default(),
            turn: turns::Turn::new(),
            transcript: Transcript::default(),
            tallies: Tallies::default(),
            meter: Meter::default(),
            timers: Timers::default(),
            former: None,
            leaving: false,
            spent: Usage::default(),
            spending: Spending::default(),
            watched: Watched::default(),
            out: VecDeque::new(),
            plan,
        }
    }

    fn begin(&mut self, now: CallTime) {
        // The consent is said before the stream begins.
        let first = if self.attached_at.is_none() { self.plan.agent.recording.consent_lasts() } else { Duration::ZERO };
        self.timers.arm(Timer::Attach, now + self.plan.agent.limits.attach + first);
        self.timers.arm(Timer::LongestCall, CallTime::ZERO + self.plan.agent.limits.call);
        self.dial(now);
    }

    /// Something happened. `now` never runs backwards; if it does, it is taken as it is.
    pub fn handle(&mut self, now: CallTime, input: Input) {
        if self.phase == Phase::Over {
            return;
        }
        let worth = journal::worth_writing(&input, self.earshot.is_owed());
        match input {
            Input::Caller(message) => {
                self.spending.message_in();
                self.on_stream_message(now, message);
            }
            Input::Model(socket, event) => self.on_model_event(now, socket, event),
            Input::CallerAttached { stream } => self.on_attached(now, stream),
            Input::CallerDetached { stream } => self.on_detached(now, &stream),
            Input::CallEnded => self.on_caller_gone(now),
            Input::ModelConnected(socket) => self.on_model_connected(now, socket),
            Input::ModelDisconnected { socket, cause } => self.on_model_disconnected(now, socket, &cause),
            Input::Tool { call, outcome } => self.on_tool_outcome(now, &call, outcome),
            Input::DaySpent { total } => self.on_day_spent(total),
            Input::Carried { number, outcome } => self.on_carried(now, number, outcome),
            Input::Transfer(news) => self.on_transfer_news(now, news),
            Input::AgentChanged { agent, tools } => self.on_agent_changed(now, *agent, tools),
            Input::HoldMusic { file, piece } => self.hold.take_piece(file, piece),
            Input::Operator(command) => self.on_operator(now, command),
            Input::Watched(on) => self.on_watched(now, on),
            Input::HandOver => self.leaving = true,
            Input::Shutdown => self.let_go(now),
            Input::Tick => {}
        }
        while let Some(timer) = self.timers.take_due(now) {
            self.on_timer(now, timer);
        }
        self.journal_in(now, worth);
        self.settle(now);
        self.keep_what_may_be_kept();
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        let output = self.out.pop_front()?;
        if let Output::Caller(_) = output {
            self.spending.message_out();
        }
        Some(output)
    }

    /// When to hand in [`Input::Tick`] at the latest if nothing else happens, and what for.
    pub fn deadline(&self) -> Option<(CallTime, Timer)> {
        self.timers.next()
    }

    /// Who answers, as of now.
    pub fn agent(&self) -> &Agent {
        &self.plan.agent
    }

    /// The call is over: nothing more will come out.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn on_operator(&mut self, now: CallTime, command: OperatorCommand) {
        match command {
            OperatorCommand::HangUp => self.close(now, Ending::OperatorHungUp, None),
            OperatorCommand::Hold => self.put_on_hold(now, HeldBy::Operator, self.plan.agent.limits.longest_hold),
            OperatorCommand::Resume if self.call_off_transfer(now) => {}
            OperatorCommand::Resume => self.take_off_hold(now, OffHold::Operator),
            OperatorCommand::PauseRecording => _ = self.pause_recording(now, PausedBy::Operator),
            OperatorCommand::ResumeRecording => self.resume_recording(now, ResumedBy::Operator),
            OperatorCommand::Transfer { to, why } => self.transfer(now, TransferredBy::Operator, &to, why),
            OperatorCommand::Whisper { text } => self.whisper(now, text),
            OperatorCommand::Say { text } => self.say(now, text),
        }
    }

    fn on_timer(&mut self, now: CallTime, timer: Timer) {
        self.journal_in(now, journal::worth_of_timer(&timer));
        match timer {
            Timer::Attach => self.end(now, self.doom().unwrap_or(Ending::Abandoned)),
            Timer::Gap => self.give_up_gap(now),
            Timer::Stall => self.on_stall(now),
            Timer::ModelReady => self.on_model_late(now),
            Timer::Redial => self.redial(now),
            Timer::Renewal => self.on_renewal_due(now),
            Timer::Response => self.on_response_late(now),
            Timer::Retry => {}
            Timer::Tool(call) => self.on_tool_late(now, &call),
            Timer::Hold => self.on_hold_timer(now),
            Timer::Silence => self.on_silence(now),
            Timer::LongestCall => self.close(now, Ending::LongestCall, Some(ending::TIME_IS_UP)),
            Timer::Goodbye => self.finish_closing(now),
            Timer::Cost => self.on_cost_due(now),
            Timer::Keypad => self.on_dialled(now, DigitsEnd::Timeout),
            Timer::OnHold => self.take_off_hold(now, OffHold::TimeOver),
            Timer::RecordingPause => self.resume_recording(now, ResumedBy::TimeOver),
            Timer::Transfer => self.on_transfer_late(now),
            Timer::Leg(errand) => self.on_leg_late(now, errand),
            Timer::Journal => self.write_journal(now),
        }
    }

    /// After every input: ask for what is wanted, and see whether the state of things calls for music or an end.
    fn settle(&mut self, now: CallTime) {
        if self.phase == Phase::Over {
            return;
        }
        self.watch_quality(now);
        self.watch_trail(now);
        self.watch_renewal(now);
        self.watch_transfer(now);
        self.tell_change(now);
        self.ask_for_response(now);
        self.watch_dead_air(now);
        self.watch_turn(now);
        self.watch_spending(now);
        self.watch_goodbye(now);
        if self.leaving {
            self.watch_hand_over(now);
        }
    }

    fn is_present(&self) -> bool {
        self.stream.is_some()
    }

    fn emit(&mut self, output: Output) {
        self.out.push_back(output);
    }

    fn note(&mut self, event: Event) {
        self.emit(Output::Event(event));
    }
}
