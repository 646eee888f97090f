//! The socket to the model: dialled with the webhook, dialled again when it is lost, given up when that is hopeless.

use serde::{Deserialize, Serialize};

use super::output::{Event, Output};
use super::responses::{Reason, Wish};
use super::tool_calls::note_of;
use super::turns::Back;
use super::{ModelLoss, Phase, Plan, Session, Timer};
use crate::calls::Ending;
use crate::ids::EventId;
use crate::model::{ModelCommand, SessionConfig, Severity, ToolUse};
use crate::time::CallTime;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Link {
    state: State,
    /// Dials in a row without a response that went well.
    attempts: u32,
    dialled_at: CallTime,
    /// Sessions that were configured; the second one must be told what the first one heard.
    sessions: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    #[default]
    Down,
    Dialling,
    Configuring,
    Ready,
}

impl Link {
    pub(super) fn is_down(&self) -> bool {
        self.state == State::Down
    }

    pub(super) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Which session this is, counted from 1.
    pub(super) fn session(&self) -> u32 {
        self.sessions
    }

    /// The numbers of sessions go on.
    pub(super) fn resume(&mut self, sessions: u32) {
        self.sessions = sessions;
    }

    pub(super) fn proved(&mut self) {
        self.attempts = 0;
    }

    fn configure_event(&self) -> EventId {
        EventId::new(format!("configure-{}", self.sessions))
    }
}

impl Session {
    pub(super) fn dial(&mut self, now: CallTime) {
        self.link.state = State::Dialling;
        self.link.dialled_at = now;
        self.note(Event::ModelDialled { attempt: self.link.attempts });
        self.emit(Output::DialModel);
        self.timers.arm(Timer::ModelReady, now + self.plan.agent.limits.model_ready);
    }

    pub(super) fn session_config(&self, now: CallTime, event: EventId) -> SessionConfig {
        let Plan { agent, facts, tools, .. } = &self.plan;
        let instructions = agent.brief(facts, self.unix_ms(now));
        SessionConfig { event, agent: agent.clone(), instructions, tools: tools.clone() }
    }

    pub(super) fn unix_ms(&self, now: CallTime) -> u64 {
        self.plan.facts.began_at_ms.saturating_add(now.as_millis())
    }

    pub(super) fn on_model_connected(&mut self, now: CallTime) {
        if self.link.state != State::Dialling {
            return;
        }
        self.link.state = State::Configuring;
        self.link.sessions = self.link.sessions.saturating_add(1);
        let config = self.session_config(now, self.link.configure_event());
        self.change.goes_with(&config);
        self.emit(Output::Model(ModelCommand::Configure(Box::new(config))));
    }

    pub(super) fn on_model_ready(&mut self, now: CallTime) {
        self.on_change_taken();
        if self.link.state != State::Configuring {
            return;
        }
        self.link.state = State::Ready;
        self.timers.disarm(&Timer::ModelReady);
        self.note(Event::ModelReady { after_ms: millis(now.since(self.link.dialled_at)) });
        self.tell_history();
        for payload in self.earshot.give() {
            self.emit(Output::Model(ModelCommand::AppendAudio(payload)));
        }
        self.open_conversation(now);
    }

    /// A session that comes later than the first words must be told them.
    fn tell_history(&mut self) {
        let told: Vec<_> = self.transcript.told().collect();
        for (speaker, text) in told {
            self.emit(Output::Model(ModelCommand::Remember { speaker, text }));
        }
        let notes: Vec<_> = self.tools.results().map(|(name, output)| note_of(name, output)).collect();
        let notes = notes.into_iter().chain(self.keys.notes());
        notes.for_each(|note| self.emit(Output::Model(note)));
    }

    pub(super) fn on_model_disconnected(&mut self, now: CallTime, cause: &ModelLoss) {
        if self.link.state == State::Down {
            return;
        }
        self.lose_model(now, cause);
    }

    pub(super) fn on_model_late(&mut self, now: CallTime) {
        self.drop_model(now, &ModelLoss { code: "not_ready".to_owned(), severity: Severity::Retry });
    }

    /// The session refused what we configured: another one would refuse it too.
    pub(super) fn is_configure_event(&self, event: &EventId) -> bool {
        self.link.state == State::Configuring && *event == self.link.configure_event()
    }

    /// The socket is there and of no use any more.
    pub(super) fn drop_model(&mut self, now: CallTime, cause: &ModelLoss) {
        self.emit(Output::CloseModel);
        self.lose_model(now, cause);
    }

    fn lose_model(&mut self, now: CallTime, cause: &ModelLoss) {
        self.link.state = State::Down;
        self.timers.disarm(&Timer::ModelReady);
        self.timers.disarm(&Timer::Response);
        self.line.speaking = false;
        let broken_off = self.responses.reset();
        if self.earshot.lose_session() {
            self.responses.forget_answer();
        }
        self.turn.forget(broken_off);
        self.change.lose_session();
        self.forget_remote_tools();
        let limits = self.plan.agent.limits;
        let fatal = cause.severity == Severity::Fatal || self.link.attempts >= limits.redials;
        self.note(Event::ModelLost { code: cause.code.clone(), fatal });
        if let Phase::Closing(_) = self.phase {
            return self.responses.forget_wish();
        }
        if fatal {
            return self.give_up_model(now);
        }
        let wait = limits.redial_after * 2_u32.saturating_pow(self.link.attempts);
        self.link.attempts += 1;
        self.timers.arm(Timer::Redial, now + wait);
    }

    /// Nobody will answer. The caller is told so by the carrier, once the stream is closed and it comes back for
    /// what to do; so if the stream is not there yet, it is waited for.
    fn give_up_model(&mut self, now: CallTime) {
        match &mut self.phase {
            Phase::Waiting { doomed } => *doomed = Some(Ending::ModelUnavailable),
            _ => self.end(now, Ending::ModelUnavailable),
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
            Back::Nothing if nothing_else && self.has_kept_waiting(now) => Back::Away,
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

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
