//! `GET /api/checks`: whether calls can come, what is wrong, and how to mend it. All is looked at once in a while, however
//! often somebody asks: a page that is reloaded is no burst at vendors.

use std::collections::BTreeMap;

use futures_util::future::{join_all, join5};
use shared::agent::Agent;
use shared::checks::{self, Check, Checks, Reached};
use shared::ports::{CarrierAccount, Clock, KeepMusic, LookAround, PortResult};
use shared::twilio::setup::Setup;
use tokio::sync::Mutex;

use super::super::http::Response;
use super::needs::Records;
use super::{Api, ApiConfig};

const STAYS_MS: u64 = 20_000;
/// Of the agents; more would only take longer.
const MOST_AGENTS: usize = 100;

/// What was seen last. Whoever asks meanwhile waits for the same look.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Option<Checks>>);

impl<S: Records, B, M: KeepMusic, R, T: CarrierAccount, X, C: Clock> Api<S, B, M, R, T, X, C> {
    pub(super) async fn checks(&self) -> PortResult<Response> {
        let mut seen = self.seen.0.lock().await;
        let now_ms = self.clock.unix_ms();
        if let Some(seen) = seen.as_ref().filter(|seen| now_ms.saturating_sub(seen.at_ms) < STAYS_MS) {
            return Ok(Response::json(seen));
        }
        let checks = Checks::new(now_ms, self.look(now_ms).await?);
        Ok(Response::json(seen.insert(checks)))
    }

    async fn look(&self, now_ms: u64) -> PortResult<Vec<Check>> {
        let url = &self.config.public_url;
        let (relays, agents, files, account, reached) = join5(
            self.store.relays(),
            self.all_agents(),
            self.music.music_files(),
            self.account(),
            reach(self.lookout.as_ref(), &self.config),
        )
        .await;
        let agents = agents?;
        let models = models(self.lookout.as_ref(), &agents).await;
        let mut found = vec![checks::public_url(url, reached)];
        found.extend(checks::twilio(&account));
        found.extend(models);
        found.push(checks::relays(&relays?, url, now_ms));
        found.extend(checks::hold_music(&agents, &files));
        found.push(checks::recordings(&files));
        Ok(found)
    }

    /// What Twilio has to say of its account; none where none is configured.
    pub(super) async fn account(&self) -> PortResult<Setup> {
        let account = match &self.carrier {
            Some(carrier) => Some(carrier.account().await?),
            None => None,
        };
        Ok(Setup::check(&self.config.public_url, account))
    }

    /// Those that were set up; and the environment's, unless another has taken its place.
    async fn all_agents(&self) -> PortResult<Vec<Agent>> {
        let titles = self.store.agents().await?;
        let reads = titles.iter().take(MOST_AGENTS).map(|title| self.store.agent(&title.id));
        let mut agents = Vec::new();
        for saved in join_all(reads).await {
            agents.extend(saved?.map(|saved| saved.agent));
        }
        let by_environment = Agent { model: self.config.model.clone(), ..Agent::default() };
        if !agents.iter().any(|agent| agent.id == by_environment.id) {
            agents.push(by_environment);
        }
        Ok(agents)
    }
}

async fn reach(lookout: &dyn LookAround, config: &ApiConfig) -> Option<Reached> {
    if !checks::is_worth_reaching(&config.public_url) {
        return None;
    }
    Some(lookout.reach(&config.public_url).await)
}

/// Each model is asked for once, whoever wants it.
async fn models(lookout: &dyn LookAround, agents: &[Agent]) -> Vec<Check> {
    let mut wanted: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for agent in agents {
        wanted.entry(&agent.model).or_default().push(agent.name.clone());
    }
    join_all(wanted.into_iter().map(|(model, agents)| one_model(lookout, model, agents))).await
}

async fn one_model(lookout: &dyn LookAround, model: &str, agents: Vec<String>) -> Check {
    checks::model(model, &agents, &lookout.model(model).await)
}
