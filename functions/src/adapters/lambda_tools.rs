//! Tools, run in the `tool-call` function.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use shared::ports::RunTools;
use shared::tools::own::unknown_end;
use shared::tools::{ToolError, ToolErrorKind, ToolOutcome, ToolRequest};

use super::sdk::{is_timeout, port_error};

/// What Lambda takes and gives at most, with room for the envelope. The heart's own limit is far below.
const LONGEST_ARGUMENTS: usize = 1024 * 1024;

#[derive(Debug, Clone)]
pub struct LambdaTools {
    client: Client,
    function: String,
}

impl LambdaTools {
    pub fn new(client: Client, function: impl Into<String>) -> Self {
        Self { client, function: function.into() }
    }
}

impl RunTools for LambdaTools {
    async fn run(&self, request: &ToolRequest) -> ToolOutcome {
        if request.arguments.reveal().len() > LONGEST_ARGUMENTS {
            return Err(ToolError::new(ToolErrorKind::TooLarge, "the arguments are too long"));
        }
        let payload = serde_json::to_vec(request).map_err(|_| internal("the request could not be written"))?;
        let invoke = self.client.invoke().function_name(&self.function).payload(Blob::new(payload));
        match invoke.send().await {
            Ok(answer) if answer.function_error().is_some() => Err(broken(request)),
            Ok(answer) => outcome(&answer),
            Err(error) if is_timeout(&error) => Err(ToolError::new(ToolErrorKind::TimedOut, "the tool took too long")),
            Err(error) => {
                tracing::warn!(code = "tool_not_invoked", call = %request.sid, error = %port_error("invoke", &error));
                Err(ToolError::new(ToolErrorKind::Unavailable, "the tool could not be reached"))
            }
        }
    }
}

/// A function that failed has written why to its own log; its answer may quote what it was asked. What it had done by then
/// nobody knows.
fn broken(request: &ToolRequest) -> ToolError {
    if request.is_idempotent() { internal("the tool failed") } else { unknown_end(ToolErrorKind::Internal) }
}

fn outcome(answer: &InvokeOutput) -> ToolOutcome {
    let payload = answer.payload().map(AsRef::as_ref).unwrap_or_default();
    serde_json::from_slice(payload).unwrap_or_else(|_| Err(internal("the tool gave an answer of no known shape")))
}

fn internal(message: &str) -> ToolError {
    ToolError::new(ToolErrorKind::Internal, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(payload: &str) -> ToolOutcome {
        outcome(&InvokeOutput::builder().payload(Blob::new(payload.as_bytes())).build())
    }

    #[test]
    fn an_outcome_is_read_as_it_was_written() {
        assert_eq!(answered(r#"{"Ok":"{\"sky\":\"clear\"}"}"#).unwrap().reveal(), r#"{"sky":"clear"}"#);
        let refused = answered(r#"{"Err":{"kind":"not_found","message":"no such dish"}}"#).unwrap_err();
        assert_eq!((refused.kind, refused.message.as_str()), (ToolErrorKind::NotFound, "no such dish"));
    }

    #[test]
    fn a_function_that_failed_is_an_internal_error_and_may_have_done_what_must_not_be_done_twice() {
        let mut request = ToolRequest {
            sid: "CA1".into(),
            call: "c1".into(),
            name: "get_weather".to_owned(),
            arguments: "{}".into(),
            agent: "default".into(),
            own: None,
        };
        assert_eq!(broken(&request), internal("the tool failed"));
        request.own = Some(Box::new(shared::testkit::own_tool()));
        assert_eq!(broken(&request), unknown_end(ToolErrorKind::Internal));
        assert_eq!(answered("null").unwrap_err().kind, ToolErrorKind::Internal);
    }
}
