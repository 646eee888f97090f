//! Runs one tool, once: the model's id of the call makes it idempotent. Who asks while it runs (the relay that took the
//! call over from the one that asked first) waits for the same outcome.

use std::time::Duration;

use shared::config::ToolsConfig;
use shared::ports::{Clock, Fetch, Mailbox, PortError, ReferenceData, ToolLedger};
use shared::tools::{ToolError, ToolErrorKind, ToolOutcome, ToolRequest, WeatherEndpoints, messages};

/// Ahead of the heart's own limit, so that an honest answer still arrives.
const PATIENCE: Duration = Duration::from_secs(15);

/// Between looks at a call that another process carries out.
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub struct ToolCall<S, F, C> {
    store: S,
    fetch: F,
    clock: C,
    endpoints: WeatherEndpoints,
}

impl<S: ToolLedger + ReferenceData + Mailbox, F: Fetch, C: Clock> ToolCall<S, F, C> {
    pub fn new(store: S, fetch: F, clock: C, config: ToolsConfig) -> Self {
        let endpoints = WeatherEndpoints { forecast: config.weather_url, geocoding: config.geocoding_url };
        Self { store, fetch, clock, endpoints }
    }

    pub async fn handle(&self, request: &ToolRequest) -> ToolOutcome {
        match self.store.begin(request).await {
            Ok(None) => {}
            Ok(Some(earlier)) => {
                tracing::info!(code = "tool_repeated", call = %request.sid, tool = request.name);
                return earlier;
            }
            Err(PortError::Conflict(_)) => return self.wait(request).await,
            // A ledger that cannot be had does not keep a caller waiting: the tools look things up, or write them down
            // under the call's name.
            Err(error) => tracing::error!(code = "store_failed", call = %request.sid, %error),
        }
        let outcome = self.run(request).await;
        self.report(request, &outcome);
        if let Err(error) = self.store.finish(request, &outcome).await {
            tracing::error!(code = "store_failed", call = %request.sid, %error);
        }
        outcome
    }

    /// For the outcome of what another process carries out.
    async fn wait(&self, request: &ToolRequest) -> ToolOutcome {
        tracing::info!(code = "tool_under_way", call = %request.sid, tool = request.name);
        let outcome = async {
            loop {
                match self.store.outcome(request).await {
                    Ok(Some(outcome)) => return outcome,
                    Ok(None) => {}
                    Err(error) => tracing::warn!(code = "store_failed", call = %request.sid, %error),
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, outcome).await;
        waited.unwrap_or_else(|_| Err(ToolError::new(ToolErrorKind::Unavailable, "This is being looked up already.")))
    }

    async fn run(&self, request: &ToolRequest) -> ToolOutcome {
        let run = async {
            match messages::run(request, &self.store, self.clock.unix_ms()).await {
                Some(outcome) => outcome,
                None => shared::tools::run(request, &self.fetch, &self.store, &self.endpoints).await,
            }
        };
        match tokio::time::timeout(PATIENCE, run).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ToolError::new(ToolErrorKind::TimedOut, "It took too long.")),
        }
    }

    /// An error's message may quote the arguments, which are the caller's words; its kind may not.
    fn report(&self, request: &ToolRequest, outcome: &ToolOutcome) {
        let ToolRequest { sid, name, .. } = request;
        match outcome {
            Ok(_) => tracing::info!(code = "tool_done", call = %sid, tool = name),
            Err(error) => tracing::warn!(code = "tool_failed", call = %sid, tool = name, kind = ?error.kind),
        }
    }
}

#[cfg(test)]
mod tests;
