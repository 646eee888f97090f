//! Tools, run in the `tool-call` function.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use shared::ports::RunTools;
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
            Ok(answer) => outcome(&answer),
            Err(error) if is_timeout(&error) => Err(ToolError::new(ToolErrorKind::TimedOut, "the tool took too long")),
            Err(error) => {
                tracing::warn!(code = "tool_not_invoked", call = %request.sid, error = %port_error("invoke", &error));
                Err(ToolError::new(ToolErrorKind::Unavailable, "the tool could not be reached"))
            }
        }
    }
}

/// A function that failed has written why to its own log; its answer may quote what it was asked.
fn outcome(answer: &InvokeOutput) -> ToolOutcome {
    if answer.function_error().is_some() {
        return Err(internal("the tool failed"));
    }
    let payload = answer.payload().map(AsRef::as_ref).unwrap_or_default();
    serde_json::from_slice(payload).unwrap_or_else(|_| Err(internal("the tool gave an answer of no known shape")))
}

fn internal(message: &str) -> ToolError {
    ToolError::new(ToolErrorKind::Internal, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(payload: &str, error: Option<&str>) -> ToolOutcome {
        let payload = Blob::new(payload.as_bytes());
        outcome(&InvokeOutput::builder().payload(payload).set_function_error(error.map(str::to_owned)).build())
    }

    #[test]
    fn an_outcome_is_read_as_it_was_written() {
        assert_eq!(answered(r#"{"Ok":"{\"sky\":\"clear\"}"}"#, None).unwrap().reveal(), r#"{"sky":"clear"}"#);
        let refused = answered(r#"{"Err":{"kind":"not_found","message":"no such dish"}}"#, None).unwrap_err();
        assert_eq!((refused.kind, refused.message.as_str()), (ToolErrorKind::NotFound, "no such dish"));
    }

    #[test]
    fn a_function_that_failed_is_an_internal_error_and_its_words_stay_out() {
        let crashed = answered(r#"{"errorMessage":"panicked at +15551234567"}"#, Some("Unhandled")).unwrap_err();
        assert_eq!((crashed.kind, crashed.message.as_str()), (ToolErrorKind::Internal, "the tool failed"));
        assert_eq!(answered("null", None).unwrap_err().kind, ToolErrorKind::Internal);
    }
}
