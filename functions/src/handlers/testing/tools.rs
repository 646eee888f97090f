//! What tools of one's own find in the world: a service, secrets, a function, and somebody who takes notes.

use std::collections::VecDeque;
use std::time::Duration;

use shared::ids::CallSid;
use shared::ports::{AuditTools, InvokeFunction, PortResult, ReadAudit, RunTools, SendHttp, ToolSecrets};
use shared::redact::{Pii, Secret};
use shared::tools::audit::ToolRun;
use shared::tools::own::{HttpAnswer, HttpFault, HttpRequest, ToolSecret};
use shared::tools::{ToolError, ToolErrorKind, ToolOutcome, ToolRequest};

use super::World;

/// What `{{secret:CRM_KEY}}` is.
pub(in super::super) const CRM_KEY: &str = "crm-key-4711";

#[derive(Debug, Default)]
pub(in super::super) struct Tools {
    /// What the service answers, in order; then it answers `{}`.
    pub(in super::super) answers: VecDeque<Result<HttpAnswer, HttpFault>>,
    pub(in super::super) asked: Vec<HttpRequest>,
    /// How long the service takes.
    pub(in super::super) takes: Duration,
    pub(in super::super) runs: Vec<(CallSid, ToolRun)>,
    /// What the `tool-call` function was asked to run, and what it says.
    pub(in super::super) requested: Vec<ToolRequest>,
    pub(in super::super) outcome: Option<ToolOutcome>,
}

impl SendHttp for World {
    async fn send(&self, request: &HttpRequest) -> Result<HttpAnswer, HttpFault> {
        let takes = self.state().tools.takes;
        self.state().tools.asked.push(request.clone());
        tokio::time::sleep(takes).await;
        let kind = Some("application/json".to_owned());
        let usual = HttpAnswer { status: 200, content_type: kind, body: b"{}".to_vec(), ..HttpAnswer::default() };
        self.state().tools.answers.pop_front().unwrap_or(Ok(usual))
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

impl ToolSecrets for World {
    async fn secret(&self, name: &str) -> PortResult<Option<ToolSecret>> {
        let known = name == "CRM_KEY";
        Ok(known.then(|| ToolSecret { value: Secret::new(CRM_KEY), hosts: Vec::new() }))
    }
}

impl InvokeFunction for World {
    async fn invoke(&self, _arn: &str, _event: &Pii<String>, _patience: Duration) -> Result<Vec<u8>, ToolError> {
        Err(ToolError::new(ToolErrorKind::Unavailable, "no functions today"))
    }
}

impl AuditTools for World {
    async fn note_run(&self, sid: &CallSid, run: &ToolRun) -> PortResult<()> {
        self.write()?.tools.runs.push((sid.clone(), run.clone()));
        Ok(())
    }
}

impl ReadAudit for World {
    async fn tool_runs(&self, sid: &CallSid) -> PortResult<Vec<ToolRun>> {
        let state = self.read()?;
        Ok(state.tools.runs.iter().filter(|(of, _)| of == sid).map(|(_, run)| run.clone()).collect())
    }
}

impl RunTools for World {
    async fn run(&self, request: &ToolRequest) -> ToolOutcome {
        let mut state = self.state();
        state.tools.requested.push(request.clone());
        state.tools.outcome.clone().unwrap_or_else(|| Err(unreachable()))
    }
}

fn unreachable() -> ToolError {
    ToolError::new(ToolErrorKind::Unavailable, "the tool could not be reached")
}
