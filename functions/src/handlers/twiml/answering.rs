//! Who answers: the agent of the number that was called, and whether it is there at this hour.

use shared::agent::words::Facts;
use shared::agent::{Agent, DEFAULT_ID, is_number};
use shared::calls::{Call, CallStatus, Channel, Relay};
use shared::ids::AgentId;
use shared::ports::{Clock, PortResult, ReadAgents, ReadCall};
use shared::twilio::twiml;
use shared::twilio::webhook::IncomingCall;

use super::Twiml;

/// What a caller is told before the line is closed.
#[derive(Debug)]
pub(super) struct Words(twiml::Response);

impl Words {
    pub(super) fn of(text: &str, agent: &Agent) -> Self {
        Self(twiml::Response::new().say_in(text, agent.language.as_deref()).hangup())
    }

    pub(super) fn unavailable(agent: &Agent) -> Self {
        Self::of(&agent.unavailable, agent)
    }

    pub(super) fn told(self) -> twiml::Response {
        self.0
    }
}

impl<S: ReadAgents + ReadCall, R, P, C: Clock, T> Twiml<S, R, P, C, T> {
    /// The agent of this number; else the one that is stored for all others; else the one that comes with the build.
    pub(super) async fn answering(&self, incoming: &IncomingCall) -> PortResult<Agent> {
        let number = incoming.to.reveal();
        let named = if is_number(number) { self.store.answering(number).await? } else { None };
        if let Some(id) = named {
            match self.store.agent(&id).await? {
                Some(saved) => return Ok(saved.agent),
                None => tracing::warn!(code = "agent_missing", call = %incoming.call, agent = %id),
            }
        }
        let saved = self.store.agent(&AgentId::from(DEFAULT_ID)).await?;
        Ok(saved.map_or_else(|| self.config.agent.clone(), |saved| saved.agent))
    }

    /// What the caller is told if nobody is there at this hour. A call that was let in before goes on: this is its webhook
    /// once more.
    pub(super) async fn closed(&self, incoming: &IncomingCall, agent: &Agent, now: u64) -> PortResult<Option<Words>> {
        let (call, from, to) = (incoming.call.clone(), incoming.from.clone(), incoming.to.clone());
        let Some(words) = agent.closed(&Facts { call, from, to, began_at_ms: now }, now) else { return Ok(None) };
        if self.store.call(&incoming.call).await?.is_some() {
            return Ok(None);
        }
        tracing::info!(code = "caller_after_hours", call = %incoming.call, agent = %agent.id);
        Ok(Some(Words::of(words.reveal(), agent)))
    }

    pub(super) fn new_call(&self, incoming: &IncomingCall, agent: Agent, relay: &Relay) -> Call {
        Call {
            sid: incoming.call.clone(),
            from: incoming.from.clone(),
            to: incoming.to.clone(),
            agent,
            media_path: self.config.media_path,
            channel: Channel::Telephone,
            status: CallStatus::Ringing,
            began_at_ms: self.clock.unix_ms(),
            lease: Some(relay.holder().lease(1)),
            streams: 1,
            review: None,
        }
    }
}
