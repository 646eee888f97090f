//! What an AWS error means to us. Each service says "too much" in words of its own; the rest is alike.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use shared::ports::PortError;

/// Names the operation and the service's own code. The service's message stays behind: it may quote what we sent.
pub(super) fn port_error<E, R>(what: &str, error: &SdkError<E, R>) -> PortError
where
    E: ProvideErrorMetadata,
{
    let code = error.code().unwrap_or_else(|| kind(error));
    let text = format!("{what}: {code}");
    if is_throttling(code) { PortError::Throttled(text) } else { PortError::Unavailable(text) }
}

pub(super) fn is_timeout<E, R>(error: &SdkError<E, R>) -> bool {
    match error {
        SdkError::TimeoutError(_) => true,
        SdkError::DispatchFailure(failure) => failure.is_timeout(),
        _ => false,
    }
}

pub(super) fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "ThrottlingException"
            | "ProvisionedThroughputExceeded"
            | "Throttling"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "LimitExceededException"
            | "TooManyRequestsException"
            | "ThrottlingError"
            | "TransactionConflict"
            | "TransactionConflictException"
            | "TransactionInProgressException"
            | "SlowDown"
    )
}

fn kind<E, R>(error: &SdkError<E, R>) -> &'static str {
    match error {
        SdkError::ConstructionFailure(_) => "the request could not be built",
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection",
        SdkError::ResponseError(_) => "the answer made no sense",
        _ => "refused",
    }
}
