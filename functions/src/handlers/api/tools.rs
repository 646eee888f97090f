//! What people ask about tools: how those of a call went, and whether one of their own works.

use http::StatusCode;
use shared::calls::Call;
use shared::ids::CallSid;
use shared::ports::{Clock, PortResult, ReadAudit, ReadCall, RunTools};
use shared::tools::address::Guard;
use shared::tools::{ToolError, ToolOutcome, ToolRequest};

use super::super::http::{Request, Response};
use super::answers::{self, Outcome, Trial, Tried};

const LONGEST_TRIAL: usize = 64 * 1024;

/// The tools that a call has called, in order, without a word of what was asked and answered.
pub(super) async fn runs<S: ReadCall + ReadAudit>(store: &S, sid: &CallSid) -> PortResult<Response> {
    let call: Option<Call> = store.call(sid).await?;
    if call.is_none() {
        return Ok(Response::not_found());
    }
    Ok(Response::json(&answers::ToolRuns { tools: store.tool_runs(sid).await? }))
}

/// Runs a tool as a call would: by the same function, behind the same guard, and noted like any other run.
pub(super) async fn try_out<S: ReadAudit, X: RunTools, C: Clock>(
    (store, tools, clock): (&S, &X, &C),
    guard: &Guard,
    request: &Request,
) -> PortResult<Response> {
    if request.body.len() > LONGEST_TRIAL {
        return Ok(Response::problem(StatusCode::PAYLOAD_TOO_LARGE, "a tool and its arguments have at most 64 KB"));
    }
    let trial: Trial = match serde_json::from_slice(&request.body) {
        Ok(trial) => trial,
        Err(error) => return Ok(Response::problem(StatusCode::BAD_REQUEST, &format!("not a tool to try: {error}"))),
    };
    let faults = trial.tool.faults(guard);
    if !faults.is_empty() {
        return Ok(Response::faults("the tool is not defined as it should be", &faults));
    }
    let request = asked(trial, clock.unix_ms());
    let outcome = tools.run(&request).await;
    let run = store.tool_runs(&request.sid).await?.pop();
    Ok(Response::json(&Tried { outcome: told(outcome), run }))
}

/// In the name of no call; a trial within the same millisecond is the same trial.
fn asked(trial: Trial, now_ms: u64) -> ToolRequest {
    ToolRequest {
        sid: format!("TRIAL-{now_ms}-{}", trial.tool.fingerprint()).into(),
        call: "trial".into(),
        name: trial.tool.name.clone(),
        arguments: trial.arguments.to_string().into(),
        agent: "trial".into(),
        own: Some(Box::new(trial.tool)),
    }
}

/// As the model would get it.
fn told(outcome: ToolOutcome) -> Outcome {
    match outcome {
        Ok(output) => Outcome::Ok(serde_json::from_str(output.reveal()).unwrap_or_default()),
        Err(ToolError { kind, message }) => Outcome::Error { kind, message },
    }
}

#[cfg(test)]
mod tests;
