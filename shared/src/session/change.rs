//! Another agent in the middle of a call. The model is told between two responses; until it has taken the new one, the
//! one before is kept, to go on with if it refuses.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::output::{Event, Output};
use super::{Phase, Session, Timer};
use crate::agent::Agent;
use crate::ids::EventId;
use crate::model::{ModelCommand, SessionConfig};
use crate::time::CallTime;
use crate::tools::ToolSpec;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Change {
    /// The model is to be told.
    wanted: bool,
    /// What the model was told and has not answered, in order.
    asked: VecDeque<(EventId, Answering)>,
    /// What the model has taken, while there is something that it has not.
    standing: Option<Answering>,
    /// Counts what was asked.
    count: u32,
}

/// Who answers, and with what.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Answering {
    agent: Box<Agent>,
    tools: Vec<ToolSpec>,
}

impl Change {
    pub(super) fn is_pending(&self) -> bool {
        self.standing.is_some()
    }

    /// A fresh session is told of it with its first words.
    pub(super) fn goes_with(&mut self, config: &SessionConfig) {
        if self.is_pending() {
            self.ask(config);
        }
    }

    /// Nothing that was asked is answered any more; the next session is told.
    pub(super) fn lose_session(&mut self) {
        self.asked.clear();
        self.wanted = self.is_pending();
    }

    fn ask(&mut self, config: &SessionConfig) {
        self.wanted = false;
        let answering = Answering { agent: Box::new(config.agent.clone()), tools: config.tools.clone() };
        self.asked.push_back((config.event.clone(), answering));
    }

    fn taken(&mut self) -> Option<Box<Agent>> {
        let (_, answering) = self.asked.pop_front()?;
        let agent = answering.agent.clone();
        self.standing = (self.wanted || !self.asked.is_empty()).then_some(answering);
        Some(agent)
    }
}

impl Session {
    pub(super) fn on_agent_changed(&mut self, now: CallTime, agent: Agent, tools: Vec<ToolSpec>) {
        if let Phase::Closing(_) = self.phase {
            return;
        }
        let agent = agent.in_place_of(&self.plan.agent);
        let before = self.answer_as(now, Answering { agent: Box::new(agent), tools });
        self.change.standing.get_or_insert(before);
        self.change.wanted = true;
        self.renew_otherwise(now);
    }

    /// Speed may change between turns only, and so nothing does within one.
    pub(super) fn tell_change(&mut self, now: CallTime) {
        let between = self.link.is_ready() && self.responses.waits_since().is_none();
        if !self.change.wanted || !between {
            return;
        }
        self.change.count = self.change.count.saturating_add(1);
        let config = self.session_config(now, EventId::new(format!("reconfigure-{}", self.change.count)));
        self.change.ask(&config);
        self.tell_model(ModelCommand::Reconfigure(Box::new(config)));
    }

    pub(super) fn on_change_taken(&mut self) {
        let Some(agent) = self.change.taken() else { return };
        self.note(Event::AgentChanged { version: agent.version });
        self.emit(Output::Agent(agent));
    }

    /// Whether this was what the model refused.
    pub(super) fn on_change_refused(&mut self, now: CallTime, event: &EventId, code: &str) -> bool {
        let Some(at) = self.change.asked.iter().position(|(asked, _)| asked == event) else { return false };
        self.change.asked.remove(at);
        self.note(Event::AgentRefused { code: code.to_owned() });
        if !self.change.wanted
            && self.change.asked.is_empty()
            && let Some(standing) = self.change.standing.take()
        {
            self.answer_as(now, standing);
        }
        true
    }

    /// Returns who answered before.
    fn answer_as(&mut self, now: CallTime, Answering { agent, tools }: Answering) -> Answering {
        let agent = Box::new(std::mem::replace(&mut self.plan.agent, *agent));
        let tools = std::mem::replace(&mut self.plan.tools, tools);
        self.timers.arm(Timer::LongestCall, CallTime::ZERO + self.plan.agent.limits.call);
        if self.timers.is_armed(&Timer::Silence) {
            self.rearm_silence(now);
        }
        Answering { agent, tools }
    }
}
