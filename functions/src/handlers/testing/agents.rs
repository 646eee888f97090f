//! Agents in memory, version by version.

use shared::agent::{Agent, Entitled, Saved};
use shared::ids::AgentId;
use shared::ports::{PortError, PortResult, ReadAgents, WriteAgents};

use super::{NOW_MS, World};

impl World {
    pub(in crate::handlers) fn with_agent(self, agent: Agent) -> Self {
        let mut state = self.state();
        let versions = state.agents.entry(agent.id.clone()).or_default();
        let version = u32::try_from(versions.len()).unwrap() + 1;
        let id = agent.id.clone();
        versions.push(Saved { agent: Agent { version, ..agent }, saved_at_ms: NOW_MS });
        state.counting.insert(id, version);
        drop(state);
        self
    }

    pub(in crate::handlers) fn with_number(self, number: &str, agent: &str) -> Self {
        self.state().numbers.insert(number.to_owned(), agent.into());
        self
    }
}

impl ReadAgents for World {
    async fn agent(&self, id: &AgentId) -> PortResult<Option<Saved>> {
        let version = self.read()?.counting.get(id).copied();
        match version {
            Some(version) => self.agent_version(id, version).await,
            None => Ok(None),
        }
    }

    async fn agent_version(&self, id: &AgentId, version: u32) -> PortResult<Option<Saved>> {
        let state = self.read()?;
        Ok(state.agents.get(id).and_then(|versions| versions.get(version.checked_sub(1)? as usize)).cloned())
    }

    async fn agents(&self) -> PortResult<Vec<Entitled>> {
        let state = self.read()?;
        let title = |(id, version): (&AgentId, &u32)| state.agents[id][*version as usize - 1].title();
        Ok(state.counting.iter().map(title).collect())
    }

    async fn agent_versions(&self, id: &AgentId) -> PortResult<Vec<Entitled>> {
        let state = self.read()?;
        Ok(state.agents.get(id).into_iter().flatten().rev().map(Saved::title).collect())
    }

    async fn answering(&self, number: &str) -> PortResult<Option<AgentId>> {
        Ok(self.read()?.numbers.get(number).cloned())
    }

    async fn numbers(&self) -> PortResult<Vec<(String, AgentId)>> {
        Ok(self.read()?.numbers.clone().into_iter().collect())
    }
}

impl WriteAgents for World {
    async fn save_agent(&self, agent: &Agent, current: Option<u32>) -> PortResult<Saved> {
        if self.write()?.counting.get(&agent.id).copied() != current {
            return Err(PortError::Conflict("another version counts".to_owned()));
        }
        let id = agent.id.clone();
        let world = self.clone().with_agent(agent.clone());
        world.agent(&id).await?.ok_or(PortError::Gone)
    }

    async fn delete_agent(&self, id: &AgentId, current: u32) -> PortResult<()> {
        let mut state = self.write()?;
        if state.counting.get(id) != Some(&current) {
            return Err(PortError::Conflict("another version counts".to_owned()));
        }
        state.counting.remove(id);
        Ok(())
    }

    async fn assign_number(&self, number: &str, to: &AgentId) -> PortResult<()> {
        self.write()?.numbers.insert(number.to_owned(), to.clone());
        Ok(())
    }

    async fn release_number(&self, number: &str) -> PortResult<()> {
        self.write()?.numbers.remove(number);
        Ok(())
    }
}
