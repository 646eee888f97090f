//! What a successor needs to go on with a call, written down while the call runs.
//!
//! The words that are settled are in the transcript, and the caller's that are not made out are kept as sound; the journal
//! holds everything else that is under way. It is small, it is written whole, and the latest one counts. A relay of
//! another build may read it: [`VERSION`] changes when its meaning does, and `tests/journal` keeps one of each version that
//! must still be understood.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Input;
use super::earshot::Earshot;
use super::keypad::Keys;
use super::line::CallerLine;
use super::link::millis;
use super::on_hold::OnHold;
use super::operator::Saying;
use super::output::{Event, Interruption, Line, Output, Speaker};
use super::playback::Playback;
use super::recording::Paused;
use super::resequence::Resequencer;
use super::responses::{Reason, Wish};
use super::spending::Spending;
use super::tools::Toolbox;
use super::transcript::Transcript;
use super::transfer::Transfers;
use super::turns::{Back, Turn};
use super::{Phase, Plan, Session, Timer};
use crate::calls::Ending;
use crate::ids::{SocketNumber, StreamSid, ToolCallId};
use crate::model::{ModelEvent, ToolUse, Usage};
use crate::time::{CallTime, Samples};
use crate::twilio::media::StreamEvent;

/// Of what is written here.
pub const VERSION: u32 = 1;

/// From a change to the journal that tells of it. Words, tools and the caller's coming and going are soon written;
/// how far the agent has been heard may wait.
const SOON: Duration = Duration::from_millis(40);
const LATER: Duration = Duration::from_millis(250);

/// The state of a call at a moment of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    pub version: u32,
    /// When it was true.
    pub at: CallTime,
    stream: Option<Stream>,
    attached_at: Option<CallTime>,
    closing: Option<Ending>,
    /// Without what had not been sent yet.
    playback: Playback,
    /// Lines whose words were still coming.
    unsettled: Vec<Line>,
    next_line: u32,
    /// Calls under way, and those whose results the caller has not heard of: their outcomes are asked for again by id.
    tools: Toolbox,
    wish: Option<Wish>,
    /// The agent was in the middle of saying something.
    cut: bool,
    turn: Turn,
    /// Where the hold music was.
    music: Samples,
    /// Responses asked for, and sockets to the model: their numbers go on.
    asked: u64,
    sessions: u32,
    spent: Usage,
    #[serde(default)]
    spending: Spending,
    /// How much of the caller's audio there was, and how much of it was understood.
    heard: Samples,
    understood: Samples,
    /// The caller was speaking, or had spoken and was not made out.
    unclear: bool,
    /// What was being dialled, and what the model may not have made anything of.
    #[serde(default, skip_serializing_if = "Keys::is_empty")]
    keys: Keys,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_hold: Option<OnHold>,
    /// Nothing was being kept, and what is above is without what was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paused: Option<Paused>,
    #[serde(default, skip_serializing_if = "Transfers::is_empty")]
    transfers: Transfers,
    /// What operators want said and nobody has heard.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    sayings: VecDeque<Saying>,
}

/// The carrier's stream, as far as it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stream {
    sid: StreamSid,
    due: u64,
    line: CallerLine,
}

/// What is known of a call that another relay had.
#[derive(Debug, Clone)]
pub struct Past {
    pub succession: Succession,
    pub journal: Option<Journal>,
    /// The transcript, as far as it was settled.
    pub lines: Vec<Line>,
    /// What [`Output::KeepSpeech`] kept, in order.
    pub speech: Vec<(Samples, Bytes)>,
}

/// How a call came from one relay to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Succession {
    /// The former relay is gone; the caller may be hearing nothing.
    TakenOver,
    /// The former relay gave it away, at a quiet moment.
    HandedOver,
}

/// A stream that was another relay's, until it is seen here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Former {
    stream: Option<Stream>,
    /// When it was last seen there.
    at: CallTime,
    closing: Option<Ending>,
}

impl Former {
    pub(super) fn has(&self, stream: &StreamSid) -> bool {
        self.stream.as_ref().is_some_and(|former| former.sid == *stream)
    }
}

impl Journal {
    /// Nothing was being kept of the call.
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// How much of what was heard of the caller needs no further hearing.
    pub fn understood(&self) -> Samples {
        self.understood
    }
}

impl Session {
    /// Goes on with a call that another relay had. Its caller's stream comes with its next frame, or with another stream.
    pub fn resume(plan: Plan, past: Past, now: CallTime) -> Self {
        let Past { succession, journal, lines, speech } = past;
        let mut session = Self::new(plan);
        session.hold.begin_at_once(succession == Succession::TakenOver);
        let behind_ms = journal.as_ref().map(|journal| millis(now.since(journal.at)));
        session.note(Event::Resumed { succession, behind_ms });
        match journal.filter(|journal| journal.version == VERSION) {
            Some(journal) => session.restore(now, journal, lines, speech),
            None => {
                session.turn = Turn::continuing(!lines.is_empty());
                session.transcript = Transcript::continuing(lines, 0);
            }
        }
        session.begin(now);
        session.go_on_transferring(now);
        session
    }

    fn restore(&mut self, now: CallTime, journal: Journal, lines: Vec<Line>, speech: Vec<(Samples, Bytes)>) {
        let Journal { at, stream, closing, mut playback, .. } = journal;
        playback.resume(now);
        self.attached_at = journal.attached_at;
        self.playback = playback;
        let made_out_to = lines.iter().filter_map(|line| line.made_out_to).max().unwrap_or_default();
        // A line may have been written down just before the journal that would have said so.
        let ahead = made_out_to > journal.understood;
        self.transcript = Transcript::continuing(lines, journal.next_line);
        self.turn = journal.turn;
        self.hold.resume_at(journal.music);
        self.responses.resume(journal.asked, journal.sayings);
        self.link.resume(SocketNumber(journal.sessions));
        self.spent = journal.spent;
        self.spending = journal.spending;
        self.spending.stream_went(at);
        let understood = journal.understood.max(made_out_to);
        let heard = journal.heard.max(made_out_to);
        self.earshot = Earshot::resume(heard, understood, speech, journal.unclear && !ahead);
        let heard_again = self.earshot.is_heard_again();
        self.former = Some(Former { stream, at, closing });
        let broken_off = self.settle_what_was_said(journal.unsettled) && journal.cut;
        self.tools = journal.tools;
        self.transfers = journal.transfers;
        self.run_tools_again(now, self.tools.calls());
        let keys_lost = self.go_on_dialling(now, journal.keys);
        if let Some(paused) = journal.paused {
            self.stay_paused(now, paused);
        }
        if let Some(on_hold) = journal.on_hold {
            self.stay_on_hold(now, on_hold);
        }
        // Nobody wrote down what the caller was saying.
        let unheard = journal.paused.is_some() && journal.unclear && !ahead && !heard_again;
        self.owe(broken_off, journal.wish, heard_again);
        if unheard {
            self.turn.left_alone();
        }
        if keys_lost {
            self.ask_for_keys_again();
        }
    }

    /// The agent's words that were under way are what was said of them. Returns whether there were any.
    fn settle_what_was_said(&mut self, unsettled: Vec<Line>) -> bool {
        let mut any = false;
        for mut line in unsettled.into_iter().filter(|line| line.speaker == Speaker::Agent && line.text.is_some()) {
            let sent_ms = self.playback.sent_of_item(&line.item).as_millis();
            line.interrupted = line.interrupted.or(Some(Interruption { heard_ms: sent_ms, sent_ms }));
            if self.transcript.adopt(line.clone()) {
                any = true;
                self.emit(Output::Transcript(line));
            }
        }
        any
    }

    /// By their ids: what was carried out already is not carried out again, and its outcome comes back.
    fn run_tools_again(&mut self, now: CallTime, calls: impl Iterator<Item = ToolCallId>) {
        for call in calls {
            let Some(request) = self.tools.request(&self.plan.sid, &call, &self.plan.agent.id) else { continue };
            self.timers.arm(Timer::Tool(request.call.clone()), now + self.plan.agent.limits.tool);
            self.emit(Output::RunTool(request));
        }
    }

    /// What the caller waits for, if anything.
    fn owe(&mut self, broken_off: bool, wish: Option<Wish>, heard_again: bool) {
        self.turn.back = Back::Nothing;
        if broken_off {
            self.turn.back = Back::MidSentence;
        }
        match wish {
            // The question itself is heard again, and asks for its answer.
            Some(Wish { reason: Reason::Answer, .. }) if heard_again => {}
            Some(wish) => self.responses.want(wish),
            None if !heard_again && self.transcript.awaits_answer() => {
                self.responses.want(Wish { reason: Reason::Answer, instructions: None, tools: ToolUse::Allowed });
            }
            None => {}
        }
    }

    /// The stream that comes is the one that the former relay had: everything goes on where it was.
    pub(super) fn recognise(&mut self, now: CallTime, stream: &StreamSid) {
        let Some(Former { stream: former, at, closing }) = self.former.take() else { return };
        match former.filter(|former| former.sid == *stream) {
            Some(former) => {
                self.order = Resequencer::from(former.due);
                self.line = former.line;
                self.line.speaking = false;
            }
            // What the other one had buffered went with it.
            None => {
                let cuts = self.playback.cut(at);
                self.playback.forget_unknown();
                cuts.iter().for_each(|cut| self.truncate(cut));
                if !cuts.is_empty() {
                    let calls = self.tools.was_not_heard();
                    self.run_tools_again(now, calls);
                }
                self.turn.left_alone();
            }
        }
        if let Some(ending) = closing {
            self.phase = Phase::Talking;
            self.close(now, ending, None);
        }
    }

    pub(super) fn journal(&self, now: CallTime) -> Journal {
        let stream = self.stream.clone().map(|sid| Stream { sid, due: self.order.due(), line: self.line.clone() });
        Journal {
            version: VERSION,
            at: now,
            stream,
            attached_at: self.attached_at,
            closing: match self.phase {
                Phase::Closing(ending) => Some(ending),
                Phase::Waiting { .. } | Phase::Talking | Phase::Parting | Phase::Over => None,
            },
            playback: self.playback.sent_only(),
            unsettled: self.transcript.unsettled().collect(),
            next_line: self.transcript.last_number(),
            tools: self.tools.unheard_of(),
            wish: self.responses.owed().cloned(),
            cut: self.responses.is_audible() || self.playback.keeps_back(),
            turn: self.turn.clone(),
            music: self.hold.offset(),
            asked: self.responses.asked(),
            sessions: self.link.last_socket().0,
            spent: self.spent,
            spending: self.spending.clone(),
            heard: self.earshot.position(),
            understood: self.earshot.understood(),
            unclear: self.earshot.is_owed(),
            keys: self.keys.kept(),
            on_hold: self.on_hold.clone(),
            paused: self.keeping.paused(),
            transfers: self.transfers.clone(),
            sayings: self.kept_sayings(),
        }
    }

    /// Something happened, and is to be written down within this time.
    pub(super) fn journal_in(&mut self, now: CallTime, wait: Option<Duration>) {
        let Some(wait) = wait.filter(|_| self.attached_at.is_some() && self.phase != Phase::Over) else { return };
        let at = now + wait;
        if self.timers.at(&Timer::Journal).is_none_or(|armed| armed > at) {
            self.timers.arm(Timer::Journal, at);
        }
    }

    /// Writes it now: what comes next must not happen before it is known.
    pub(super) fn write_journal(&mut self, now: CallTime) {
        self.timers.disarm(&Timer::Journal);
        self.keep_speech();
        let journal = Box::new(self.journal(now));
        self.emit(Output::Journal(journal));
    }

    /// Of what the caller said and nobody has made out, what is not written down yet.
    pub(super) fn keep_speech(&mut self) {
        if self.keeping.is_paused() {
            return self.earshot.withhold();
        }
        if let Some((from, mulaw)) = self.earshot.unwritten(self.link.is_ready()) {
            self.emit(Output::KeepSpeech { from, mulaw: mulaw.into() });
        }
    }
}

/// How soon a successor should know that this happened. `speech`: the caller speaks, or is not made out yet, so that each
/// frame is something to keep.
pub(super) fn worth_writing(input: &Input, speech: bool) -> Option<Duration> {
    match input {
        Input::Caller(message) => match &message.event {
            StreamEvent::Media(_) => speech.then_some(LATER),
            StreamEvent::Mark { .. } => Some(LATER),
            StreamEvent::Start(_) | StreamEvent::Dtmf { .. } | StreamEvent::Stop => Some(SOON),
        },
        Input::Model(_, ModelEvent::Audio { .. } | ModelEvent::AgentSays { .. }) => Some(LATER),
        Input::Model(
            _,
            ModelEvent::Noted | ModelEvent::Unknown { .. } | ModelEvent::Created { .. } | ModelEvent::CallerSays { .. },
        )
        | Input::HoldMusic { .. }
        | Input::Watched(_)
        | Input::Tick => None,
        Input::Model(..)
        | Input::CallerAttached { .. }
        | Input::CallerDetached { .. }
        | Input::CallEnded
        | Input::ModelConnected(_)
        | Input::ModelDisconnected { .. }
        | Input::Tool { .. }
        | Input::DaySpent { .. }
        | Input::Carried { .. }
        | Input::Transfer(_)
        | Input::Operator(_)
        | Input::AgentChanged { .. }
        | Input::HandOver
        | Input::Shutdown => Some(SOON),
    }
}

pub(super) fn worth_of_timer(timer: &Timer) -> Option<Duration> {
    match timer {
        Timer::Gap | Timer::Stall | Timer::Journal | Timer::Retry | Timer::Renewal => None,
        Timer::Hold | Timer::Cost => Some(LATER),
        Timer::Attach
        | Timer::ModelReady
        | Timer::Redial
        | Timer::Response
        | Timer::Tool(_)
        | Timer::Silence
        | Timer::LongestCall
        | Timer::Keypad
        | Timer::OnHold
        | Timer::RecordingPause
        | Timer::Transfer
        | Timer::Leg(_)
        | Timer::Goodbye => Some(SOON),
    }
}
