//! One environment of a function: the life of a process, from its start to what is reported of its end.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::process::Child;

use super::functions::{EnvironmentId, Function, FunctionSpec, InvokeError};
use super::processes;

/// Lambda gives a process this long to ask for its first event.
const LONGEST_INIT: Duration = Duration::from_secs(10);

enum End {
    Exited(ExitStatus),
    TimedOut,
    Stopped,
}

/// Starts the process and stays with it until it has ended.
pub(crate) async fn run(function: Arc<Function>, id: EnvironmentId) {
    let end = match start(&function.spec, &function.host.runtime_api, id) {
        Ok(child) => {
            function.runs(id, child.id());
            watch(&function, id, child).await
        }
        Err(error) => {
            tracing::error!(function = function.name(), %error, "the function's program does not start");
            function.init_failed(id, report("Runtime.InvalidEntrypoint", &error.to_string()));
            End::Stopped
        }
    };
    function.init_failed(id, end.error(None, LONGEST_INIT));
    function.ended(id, |request_id| end.error(Some(request_id), function.spec.timeout));
}

async fn watch(function: &Function, id: EnvironmentId, mut child: Child) -> End {
    let init_deadline = Instant::now() + LONGEST_INIT;
    loop {
        // While it rests there is no deadline. One that begins now ends no sooner than a timeout from now, so it
        // is enough to look again then: no timer has to be set for each invocation.
        let due = function.due(id).unwrap_or_else(|| Instant::now() + function.spec.timeout);
        let due = if function.is_starting(id) { due.min(init_deadline) } else { due };
        let end = tokio::select! {
            biased;
            () = function.host.stopping.cancelled() => Some(End::Stopped),
            status = child.wait() => Some(status.map_or(End::Stopped, End::Exited)),
            () = tokio::time::sleep_until(due.into()) => overdue(function, id, init_deadline),
        };
        if let Some(end) = end {
            // Fails if it has ended already, which is what we want.
            let _ = child.kill().await;
            log_end(function, id, &end);
            return end;
        }
    }
}

fn overdue(function: &Function, id: EnvironmentId, init_deadline: Instant) -> Option<End> {
    let now = Instant::now();
    let late = function.due(id).is_some_and(|due| due <= now);
    let stuck = function.is_starting(id) && init_deadline <= now;
    (late || stuck).then_some(End::TimedOut)
}

fn log_end(function: &Function, id: EnvironmentId, end: &End) {
    match end {
        End::Exited(status) => tracing::warn!(function = function.name(), environment = id, %status, "a process ended"),
        End::TimedOut => tracing::warn!(function = function.name(), environment = id, "a process was too slow"),
        End::Stopped => {}
    }
}

fn start(spec: &FunctionSpec, runtime_api: &str, id: EnvironmentId) -> io::Result<Child> {
    let mut command = processes::command(&spec.program, &spec.args, &spec.env, &spec.log)?;
    command.envs(lambda_variables(spec, runtime_api, id)).spawn()
}

/// What every Lambda process finds in its environment. The function and the process are in the Runtime API's
/// path, so that we know who polls.
fn lambda_variables(spec: &FunctionSpec, runtime_api: &str, id: EnvironmentId) -> [(&'static str, String); 8] {
    let name = &spec.name;
    [
        ("AWS_LAMBDA_RUNTIME_API", format!("{runtime_api}/{name}/{id}")),
        ("AWS_LAMBDA_FUNCTION_NAME", name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", spec.memory_mb.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("$LATEST/{id}")),
        ("TZ", ":UTC".to_owned()),
    ]
}

impl End {
    fn error(&self, request_id: Option<&str>, timeout: Duration) -> InvokeError {
        let request = request_id.map(|id| format!("RequestId: {id} ")).unwrap_or_default();
        match self {
            Self::Exited(status) => {
                report("Runtime.ExitError", &format!("{request}Error: Runtime exited with error: {status}"))
            }
            Self::TimedOut => {
                let seconds = timeout.as_secs_f64();
                report("Sandbox.Timedout", &format!("{request}Error: Task timed out after {seconds:.2} seconds"))
            }
            Self::Stopped => InvokeError::Stopping,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    error_type: &'a str,
    error_message: &'a str,
}

fn report(error_type: &str, error_message: &str) -> InvokeError {
    InvokeError::Function(serde_json::to_vec(&Report { error_type, error_message }).unwrap_or_default().into())
}
