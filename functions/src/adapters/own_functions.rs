//! Lambda functions that are tools of one's own: those that the stack names, and no others.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use shared::ports::InvokeFunction;
use shared::redact::Pii;
use shared::tools::own::unknown_end;
use shared::tools::{ToolError, ToolErrorKind};

use super::sdk::port_error;

/// More than a model is ever told.
const LARGEST_ANSWER: usize = 1024 * 1024;

#[derive(Debug, Clone)]
pub struct OwnFunctions {
    client: Client,
    /// Their ARNs.
    allowed: Vec<String>,
}

impl OwnFunctions {
    /// The client must not try again: what a function did once it must not do twice.
    pub fn new(client: Client, allowed: Vec<String>) -> Self {
        Self { client, allowed }
    }
}

impl InvokeFunction for OwnFunctions {
    async fn invoke(&self, arn: &str, event: &Pii<String>, patience: Duration) -> Result<Vec<u8>, ToolError> {
        if !self.allowed.iter().any(|allowed| allowed == arn) {
            let message = "The tool's function is not among those that this installation lets tools invoke.";
            return Err(ToolError::new(ToolErrorKind::Internal, message));
        }
        let payload = Blob::new(event.reveal().as_bytes());
        let invoke = self.client.invoke().function_name(arn).payload(payload).send();
        match tokio::time::timeout(patience, invoke).await {
            Ok(Ok(answer)) => outcome(&answer),
            Ok(Err(error)) => {
                tracing::warn!(code = "function_not_invoked", error = %port_error("invoke", &error));
                Err(match error.as_service_error() {
                    Some(_) => ToolError::new(ToolErrorKind::Unavailable, "The tool's function cannot be invoked."),
                    None => unknown_end(ToolErrorKind::Unavailable),
                })
            }
            Err(_) => Err(unknown_end(ToolErrorKind::TimedOut)),
        }
    }
}

/// Why a function failed is in its own log; its answer may quote what it was asked.
fn outcome(answer: &InvokeOutput) -> Result<Vec<u8>, ToolError> {
    if answer.function_error().is_some() {
        return Err(unknown_end(ToolErrorKind::Unavailable));
    }
    let payload = answer.payload().map(AsRef::as_ref).unwrap_or_default();
    if payload.len() > LARGEST_ANSWER {
        return Err(ToolError::new(ToolErrorKind::TooLarge, "The function's answer is too long. Ask for less."));
    }
    Ok(payload.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(payload: &[u8], error: Option<&str>) -> Result<Vec<u8>, ToolError> {
        outcome(
            &InvokeOutput::builder().payload(Blob::new(payload)).set_function_error(error.map(str::to_owned)).build(),
        )
    }

    #[test]
    fn a_function_that_broke_down_may_have_done_it_and_its_words_stay_out() {
        assert_eq!(answered(b"{}", None).unwrap(), b"{}");
        let broken = answered(br#"{"errorMessage":"+15551234567"}"#, Some("Unhandled")).unwrap_err();
        assert_eq!(broken, unknown_end(ToolErrorKind::Unavailable));
        assert_eq!(answered(&[b' '; LARGEST_ANSWER + 1], None).unwrap_err().kind, ToolErrorKind::TooLarge);
    }
}
