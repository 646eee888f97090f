//! The socket to the model: dialled with the webhook, dialled again when it is lost, given up when that is hopeless.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::output::{Event, Output};
use super::renewal::Renewal;
use super::responses::{Reason, Wish};
use super::turns::Back;
use super::{ModelLoss, Phase, Plan, Session, Timer};
use crate::calls::Ending;
use crate::ids::{EventId, SocketNumber};
use crate::model::{ModelCommand, ModelEvent, SessionConfig, Severity, ToolUse};
use crate::time::CallTime;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Link {
    /// The session that hears the caller and is heard.
    in_use: Leg,
    /// The one that is to take its place.
    pub(super) renewal: Renewal,
    /// Dials in a row without a response that went well.
    attempts: u32,
    /// The highest number that was given to a socket.
    last: SocketNumber,
}

/// A socket to the model, and how far its session has come.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Leg {
    pub(super) socket: SocketNumber,
    pub(super) state: State,
    pub(super) dialled_at: CallTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    #[default]
    Down,
    Dialling,
    Configuring,
    Ready,
}

impl Leg {
    pub(super) fn is(&self, socket: SocketNumber) -> bool {
        self.socket == socket && self.state != State::Down
    }

    fn configure_event(&self) -> EventId {
        EventId::new(format!("configure-{}", self.socket))
    }

    /// The session refused what we configured: another one would refuse it too.
    pub(super) fn refuses(&self, event: Option<&EventId>) -> bool {
        self.state == State::Configuring && event == Some(&self.configure_event())
    }
}

impl Link {
    pub(super) fn is_down(&self) -> bool {
        self.in_use.state == State::Down
    }

    pub(super) fn is_ready(&self) -> bool {
        self.in_use.state == State::Ready
    }

    /// Which session this is: it has its socket's number.
    pub(super) fn session(&self) -> u32 {
        self.in_use.socket.0
    }

    pub(super) fn in_use(&self) -> &Leg {
        &self.in_use
    }

    pub(super) fn last_socket(&self) -> SocketNumber {
        self.last
    }

    /// The numbers of sockets go on.
    pub(super) fn resume(&mut self, last: SocketNumber) {
        self.last = last;
    }

    pub(super) fn proved(&mut self) {
        self.attempts = 0;
    }

    /// This one is in use from now on.
    pub(super) fn use_leg(&mut self, leg: Leg) {
        self.in_use = leg;
    }

    pub(super) fn dialling(&mut self, now: CallTime) -> Leg {
        self.last = self.last.next();
        Leg { socket: self.last, state: State::Dialling, dialled_at: now }
    }

    fn leg(&mut self, socket: SocketNumber) -> Option<&mut Leg> {
        [Some(&mut self.in_use), self.renewal.next.as_mut()].into_iter().flatten().find(|leg| leg.is(socket))
    }
}

impl Session {
    pub(super) fn dial(&mut self, now: CallTime) {
        let leg = self.link.dialling(now);
        self.open_socket(now, &leg, self.link.attempts);
        self.link.use_leg(leg);
    }

    pub(super) fn open_socket(&mut self, now: CallTime, leg: &Leg, attempt: u32) {
        self.note(Event::ModelDialled { attempt });
        self.emit(Output::DialModel(leg.socket));
        self.timers.arm(Timer::ModelReady, now + self.plan.agent.limits.model_ready);
    }

    pub(super) fn redial(&mut self, now: CallTime) {
        if self.link.is_down() { self.dial(now) } else { self.dial_next(now) }
    }

    /// To the session that is in use.
    pub(super) fn tell_model(&mut self, command: ModelCommand) {
        self.emit(Output::Model(self.link.in_use.socket, command));
    }

    pub(super) fn session_config(&self, now: CallTime, event: EventId) -> SessionConfig {
        let Plan { agent, facts, tools, .. } = &self.plan;
        let instructions = agent.brief(facts, self.unix_ms(now));
        SessionConfig { event, agent: agent.clone(), instructions, tools: tools.clone() }
    }

    pub(super) fn unix_ms(&self, now: CallTime) -> u64 {
        self.plan.facts.began_at_ms.saturating_add(now.as_millis())
    }

    pub(super) fn on_model_connected(&mut self, now: CallTime, socket: SocketNumber) {
        let Some(leg) = self.link.leg(socket).filter(|leg| leg.state == State::Dialling) else { return };
        leg.state = State::Configuring;
        let event = leg.configure_event();
        let config = self.session_config(now, event);
        self.change.goes_with(&config);
        self.emit(Output::Model(socket, ModelCommand::Configure(Box::new(config))));
    }

    /// What comes from a socket that is not ours any more counts for nothing.
    pub(super) fn on_model_event(&mut self, now: CallTime, socket: SocketNumber, event: ModelEvent) {
        if self.link.in_use.is(socket) {
            self.on_model(now, event);
        } else if self.link.renewal.is_next(socket) {
            self.on_next_model(now, event);
        }
    }

    pub(super) fn on_model_ready(&mut self, now: CallTime) {
        self.on_change_taken();
        if self.link.in_use.state != State::Configuring {
            return;
        }
        self.link.in_use.state = State::Ready;
        self.timers.disarm(&Timer::ModelReady);
        self.note(Event::ModelReady { after_ms: millis(now.since(self.link.in_use.dialled_at)) });
        self.begin_session(now);
    }

    /// The session in use knows nothing yet, and is ready to be told: the conversation so far, and the caller from where
    /// nobody has understood them.
    pub(super) fn begin_session(&mut self, now: CallTime) {
        self.arm_renewal(now);
        self.recall();
        for payload in self.earshot.give() {
            self.tell_model(ModelCommand::AppendAudio(payload));
        }
        self.open_conversation(now);
    }

    pub(super) fn on_model_disconnected(&mut self, now: CallTime, socket: SocketNumber, cause: &ModelLoss) {
        if self.link.in_use.is(socket) {
            self.lose_model(now, cause);
        } else if self.link.renewal.is_next(socket) {
            self.lose_next(now, cause);
        }
    }

    pub(super) fn on_model_late(&mut self, now: CallTime) {
        let cause = ModelLoss { code: "not_ready".to_owned(), severity: Severity::Retry };
        if self.link.is_ready() { self.drop_next(now, &cause) } else { self.drop_model(now, &cause) }
    }

    /// The socket is there and of no use any more.
    pub(super) fn drop_model(&mut self, now: CallTime, cause: &ModelLoss) {
        self.emit(Output::CloseModel(self.link.in_use.socket));
        self.lose_model(now, cause);
    }

    /// What the session knew is gone, and what it was about to do is to be done by another.
    pub(super) fn forget_session(&mut self) {
        self.timers.disarm(&Timer::Response);
        self.timers.disarm(&Timer::Renewal);
        self.timers.disarm(&Timer::Redial);
        self.line.speaking = false;
        let broken_off = self.responses.reset();
        let heard_again = self.earshot.lose_session();
        if heard_again {
            self.responses.forget_answer();
        }
        self.turn.forget(broken_off);
        self.change.lose_session();
        let waited_for = self.tools.is_remote();
        self.forget_remote_tools();
        // The vendor's own tool answers nobody any more, and no response is owed but for its answer.
        if waited_for && !heard_again && self.responses.is_idle() {
            self.turn.left_alone();
        }
    }

    fn lose_model(&mut self, now: CallTime, cause: &ModelLoss) {
        self.link.in_use.state = State::Down;
        self.forget_session();
        let next = self.link.renewal.take_next();
        let hopeless = next.is_none() && self.link.attempts >= self.plan.agent.limits.redials;
        let fatal = cause.severity == Severity::Fatal || hopeless;
        self.note(Event::ModelLost { code: cause.code.clone(), fatal });
        if fatal || matches!(self.phase, Phase::Closing(_)) {
            self.timers.disarm(&Timer::ModelReady);
            next.iter().for_each(|leg| self.emit(Output::CloseModel(leg.socket)));
        }
        if let Phase::Closing(_) = self.phase {
            return self.responses.forget_wish();
        }
        if fatal {
            return self.give_up_model(now);
        }
        if let Some(next) = next {
            return self.fall_back_on(now, next);
        }
        self.timers.disarm(&Timer::ModelReady);
        let wait = self.pause_before(self.link.attempts);
        self.link.attempts += 1;
        self.timers.arm(Timer::Redial, now + wait);
    }

    /// Doubled for each attempt, and up to half of it shorter: calls that lost their models together do not come back
    /// together.
    pub(super) fn pause_before(&self, attempt: u32) -> Duration {
        let pause = self.plan.agent.limits.redial_after.saturating_mul(2_u32.saturating_pow(attempt));
        if self.plan.seed == 0 {
            return pause;
        }
        let chance = scatter(self.plan.seed ^ u64::from(attempt).rotate_left(32) ^ u64::from(self.link.last.0));
        pause.saturating_sub((pause / 512).saturating_mul(u32::from(chance)))
    }

    pub(super) fn close_sockets(&mut self) {
        if !self.link.is_down() {
            self.emit(Output::CloseModel(self.link.in_use.socket));
        }
        if let Some(next) = self.link.renewal.take_next() {
            self.emit(Output::CloseModel(next.socket));
        }
    }

    /// Nobody will answer. The caller is told so by the carrier, once the stream is closed and it comes back for
    /// what to do; so if the stream is not there yet, it is waited for.
    fn give_up_model(&mut self, now: CallTime) {
        if let Phase::Waiting { doomed } = &mut self.phase {
            *doomed = Some(Ending::ModelUnavailable);
        } else if !self.goes_on_alone() {
            self.end(now, Ending::ModelUnavailable);
        }
    }

    pub(super) fn doom(&self) -> Option<Ending> {
        match self.phase {
            Phase::Waiting { doomed } => doomed,
            _ => None,
        }
    }

    /// Both sides are there: the agent speaks first, or says that it is back.
    pub(super) fn open_conversation(&mut self, now: CallTime) {
        if !self.link.is_ready() || !self.is_present() {
            return;
        }
        if !self.turn.greeted {
            return self.greet();
        }
        if self.is_on_hold() {
            // They will be spoken to when that is over.
            self.turn.back = Back::Nothing;
            return;
        }
        let nothing_else = self.responses.is_idle() && !self.earshot.is_heard_again();
        let back = match std::mem::take(&mut self.turn.back) {
            Back::Nothing if nothing_else && self.has_kept_waiting(now) && !self.is_on_hold() => Back::Away,
            back => back,
        };
        let words = match back {
            Back::Nothing => return,
            Back::MidSentence => GO_ON,
            Back::Away => WE_ARE_BACK,
        };
        let instructions = Some(words.to_owned());
        self.responses.want(Wish { reason: Reason::Resume, instructions, tools: ToolUse::Allowed });
    }
}

const WE_ARE_BACK: &str = "The connection was interrupted for a moment. Apologise in a few words and go on where the \
    conversation was left; if the caller's last question is not answered yet, answer it.";
const GO_ON: &str = "You were cut off in the middle of what you were saying; the caller heard it up to there. Go on from \
    exactly there, without greeting, apologising or repeating it.";

/// A number from 0 to 255 that looks like chance and is always the same (splitmix64).
fn scatter(seed: u64) -> u8 {
    let mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed >> 56).to_le_bytes()[0]
}

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
