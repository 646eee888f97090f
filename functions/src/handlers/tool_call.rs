//! Runs one tool, once: the model's id of the call makes it idempotent. Who asks while it runs (the relay that took the
//! call over from the one that asked first) waits for the same outcome.
//!
//! A tool that runs is not called off: when the caller hangs up meanwhile, what it did is done, and is in the ledger and in
//! the audit.

use std::time::Duration;

use futures_util::future::join;
use shared::config::ToolsConfig;
use shared::ports::{
    AuditTools, Clock, Fetch, InvokeFunction, Mailbox, PortError, ReferenceData, SendHttp, ToolLedger, ToolSecrets,
};
use shared::tools::address::Guard;
use shared::tools::audit::ToolRun;
use shared::tools::own::{Doors, LONGEST_TIMEOUT_MS, OwnTool, Tally, unknown_end};
use shared::tools::{ToolError, ToolErrorKind, ToolOutcome, ToolRequest, WeatherEndpoints, messages};

/// Ahead of the heart's own limit, so that an honest answer still arrives.
const PATIENCE: Duration = Duration::from_millis(LONGEST_TIMEOUT_MS);

/// Between looks at a call that another process carries out.
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub struct ToolCall<S, F, H, K, L, C> {
    store: S,
    fetch: F,
    http: H,
    secrets: K,
    functions: L,
    clock: C,
    guard: Guard,
    endpoints: WeatherEndpoints,
}

/// What tools of one's own need besides the store.
#[derive(Debug)]
pub struct OwnDoors<H, K, L> {
    pub http: H,
    pub secrets: K,
    pub functions: L,
}

impl<S, F, H, K, L, C> ToolCall<S, F, H, K, L, C>
where
    S: ToolLedger + ReferenceData + Mailbox + AuditTools,
    F: Fetch,
    H: SendHttp,
    K: ToolSecrets,
    L: InvokeFunction,
    C: Clock,
{
    pub fn new(store: S, fetch: F, own: OwnDoors<H, K, L>, clock: C, config: ToolsConfig) -> Self {
        let endpoints = WeatherEndpoints { forecast: config.weather_url, geocoding: config.geocoding_url };
        let OwnDoors { http, secrets, functions } = own;
        Self { store, fetch, http, secrets, functions, clock, guard: config.guard, endpoints }
    }

    pub async fn handle(&self, request: &ToolRequest) -> ToolOutcome {
        match self.store.begin(request).await {
            Ok(None) => {}
            Ok(Some(earlier)) => {
                tracing::info!(code = "tool_repeated", call = %request.sid, tool = request.name);
                return earlier;
            }
            Err(PortError::Conflict(_)) => return self.wait(request).await,
            Err(error) => {
                tracing::error!(code = "store_failed", call = %request.sid, %error);
                // A ledger that cannot be had does not keep a caller waiting for what looks things up,
                // or is written down under the call's name.
                if !request.is_idempotent() {
                    let message = "This cannot be done safely right now, and was not done.";
                    return Err(ToolError::new(ToolErrorKind::Unavailable, message));
                }
            }
        }
        self.carry_out(request).await
    }

    async fn carry_out(&self, request: &ToolRequest) -> ToolOutcome {
        let began_at_ms = self.clock.unix_ms();
        let mut tally = Tally::default();
        let outcome = self.run(request, &mut tally).await;
        let took_ms = self.clock.unix_ms().saturating_sub(began_at_ms);
        let run = ToolRun::of(request, &outcome, tally, began_at_ms, took_ms);
        report(request, &run);
        let (finished, noted) =
            join(self.store.finish(request, &outcome), self.store.note_run(&request.sid, &run)).await;
        for error in [finished, noted].into_iter().filter_map(Result::err) {
            tracing::error!(code = "store_failed", call = %request.sid, %error);
        }
        outcome
    }

    /// For the outcome of what another process carries out, or died over.
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
        waited.unwrap_or_else(|_| {
            Err(if request.is_idempotent() {
                ToolError::new(ToolErrorKind::Unavailable, "This is being looked up already.")
            } else {
                unknown_end(ToolErrorKind::Unavailable)
            })
        })
    }

    async fn run(&self, request: &ToolRequest, tally: &mut Tally) -> ToolOutcome {
        let ended = match request.own.as_deref() {
            Some(tool) => self.run_own(tool, request, tally).await,
            None => tokio::time::timeout(PATIENCE, self.run_built_in(request)).await.ok(),
        };
        ended.unwrap_or_else(|| {
            tally.cause = Some("timed_out".to_owned());
            Err(if request.is_idempotent() || tally.attempts == 0 {
                ToolError::new(ToolErrorKind::TimedOut, "It took too long.")
            } else {
                unknown_end(ToolErrorKind::TimedOut)
            })
        })
    }

    async fn run_built_in(&self, request: &ToolRequest) -> ToolOutcome {
        match messages::run(request, &self.store, self.clock.unix_ms()).await {
            Some(outcome) => outcome,
            None => shared::tools::run(request, &self.fetch, &self.store, &self.endpoints).await,
        }
    }

    /// `None`: not in its time.
    async fn run_own(&self, tool: &OwnTool, request: &ToolRequest, tally: &mut Tally) -> Option<ToolOutcome> {
        let doors = Doors { http: &self.http, secrets: &self.secrets, functions: &self.functions, guard: &self.guard };
        let patience = Duration::from_millis(tool.timeout_ms).min(PATIENCE);
        tokio::time::timeout(patience, shared::tools::own::run(tool, request, &doors, tally)).await.ok()
    }
}

/// An error's message may quote the arguments, which are the caller's words; its kind and its cause do not.
fn report(request: &ToolRequest, run: &ToolRun) {
    let ToolRequest { sid, name, .. } = request;
    match run.error {
        None => tracing::info!(code = "tool_done", call = %sid, tool = name),
        Some(kind) => tracing::warn!(code = "tool_failed", call = %sid, tool = name, ?kind, cause = run.cause),
    }
}

#[cfg(test)]
mod tests;
