//! What the vendor's errors mean for a call. Its codes are only partly documented; what is unknown must not end one.

use crate::model::Severity;

const FATAL: [&str; 13] = [
    "account_deactivated",
    "authentication_error",
    "beta_api_shape_disabled",
    "billing_hard_limit_reached",
    "credit_balance_exhausted",
    "forbidden",
    "insufficient_quota",
    "invalid_api_key",
    "invalid_model",
    "missing_model",
    "model_not_found",
    "permission_error",
    "unsupported_country_region_territory",
];

const RETRY: [&str; 7] = [
    "inference_rate_limit_exceeded",
    "internal_error",
    "internal_server_error",
    "rate_limit_error",
    "rate_limit_exceeded",
    "server_error",
    "server_overloaded",
];

/// The name given to a truncation that was refused: the vendor sends a message and no code.
pub(super) const TRUNCATE_REJECTED: &str = "truncate_rejected";
const SESSION_EXPIRED: &str = "session_expired";

/// The name of an error for the log: its code, or what its message or its type tells.
pub(super) fn name<'a>(code: Option<&'a str>, kind: Option<&'a str>, message: &str) -> &'a str {
    match code {
        Some(code) if !code.is_empty() => code,
        _ if is_truncate_rejection(message) => TRUNCATE_REJECTED,
        _ if is_expiry(message) => SESSION_EXPIRED,
        _ => kind.filter(|kind| !kind.is_empty()).unwrap_or("unknown"),
    }
}

/// An error event. A request the vendor calls invalid was refused, and the session goes on.
pub(super) fn of_error(name: &str, kind: Option<&str>) -> Severity {
    match name {
        "conversation_already_has_active_response" => Severity::Busy,
        SESSION_EXPIRED => Severity::SessionOver,
        _ => known(name).or_else(|| known(kind?)).unwrap_or(Severity::Benign),
    }
}

/// A response that failed. It is over in any case; what is not known for fatal may work in a moment.
pub(super) fn of_failure(name: &str, kind: Option<&str>) -> Severity {
    match of_error(name, kind) {
        Severity::Benign | Severity::Busy => Severity::Retry,
        severity => severity,
    }
}

pub(super) fn of_close(code: u16, reason: &str) -> Severity {
    let named = |names: &[&str]| names.iter().any(|name| reason.contains(name));
    match code {
        _ if is_expiry(reason) || reason.contains(SESSION_EXPIRED) => Severity::SessionOver,
        _ if named(&FATAL) => Severity::Fatal,
        // 4000: the beta's shapes. 3000 and 3003: unauthorised and forbidden, as registered with IANA.
        3000 | 3003 | 4000 => Severity::Fatal,
        1000 | 1001 => Severity::SessionOver,
        _ => Severity::Retry,
    }
}

pub(super) fn of_handshake(http_status: u16) -> Severity {
    match http_status {
        408 | 409 | 425 | 429 => Severity::Retry,
        300..=499 => Severity::Fatal,
        _ => Severity::Retry,
    }
}

fn known(name: &str) -> Option<Severity> {
    if FATAL.contains(&name) {
        Some(Severity::Fatal)
    } else if RETRY.contains(&name) {
        Some(Severity::Retry)
    } else {
        None
    }
}

fn is_truncate_rejection(message: &str) -> bool {
    message.contains("already shorter than") || message.contains("can be truncated")
}

fn is_expiry(message: &str) -> bool {
    message.contains("maximum duration")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Option<&str>, kind: &str, message: &str) -> Severity {
        of_error(name(code, Some(kind), message), Some(kind))
    }

    #[test]
    fn races_that_both_sides_survive_are_benign() {
        for code in ["response_cancel_not_active", "input_audio_buffer_commit_empty", "item_create_duplicate_item_id"] {
            assert_eq!(error(Some(code), "invalid_request_error", ""), Severity::Benign, "{code}");
        }
    }

    #[test]
    fn a_refused_truncation_is_known_by_its_message() {
        for message in [
            "Audio content of 1200ms is already shorter than 1400ms",
            "Only model output audio messages can be truncated",
        ] {
            assert_eq!(name(None, Some("invalid_request_error"), message), TRUNCATE_REJECTED);
            assert_eq!(error(None, "invalid_request_error", message), Severity::Benign);
        }
    }

    #[test]
    fn an_unknown_error_does_not_end_a_call() {
        assert_eq!(error(Some("brand_new"), "brand_new_error", "?"), Severity::Benign);
        assert_eq!(error(None, "server_error", "?"), Severity::Retry);
        assert_eq!(error(Some(""), "", ""), Severity::Benign);
    }

    #[test]
    fn a_wrong_key_or_an_empty_account_is_fatal_wherever_it_is_named() {
        for code in FATAL {
            assert_eq!(error(Some(code), "invalid_request_error", ""), Severity::Fatal, "{code}");
            assert_eq!(of_close(1008, &format!("invalid_request_error.{code}")), Severity::Fatal, "{code}");
            assert_eq!(of_failure(code, None), Severity::Fatal, "{code}");
        }
        assert_eq!(error(None, "insufficient_quota", ""), Severity::Fatal);
    }

    #[test]
    fn the_hour_is_over_however_it_is_said() {
        let reason = "Your session hit the maximum duration of 60 minutes.";
        assert_eq!(error(Some("session_expired"), "invalid_request_error", reason), Severity::SessionOver);
        assert_eq!(error(None, "invalid_request_error", reason), Severity::SessionOver);
        assert_eq!(of_close(1001, reason), Severity::SessionOver);
        assert_eq!(of_close(1000, ""), Severity::SessionOver);
    }

    #[test]
    fn a_second_response_waits_for_the_first() {
        let code = "conversation_already_has_active_response";
        assert_eq!(error(Some(code), "invalid_request_error", ""), Severity::Busy);
    }

    #[test]
    fn a_response_that_failed_may_be_asked_for_again() {
        assert_eq!(of_failure("inference_rate_limit_exceeded", None), Severity::Retry);
        assert_eq!(of_failure("brand_new", Some("brand_new_error")), Severity::Retry);
        assert_eq!(of_failure("session_expired", None), Severity::SessionOver);
    }

    #[test]
    fn a_socket_that_broke_may_be_dialled_again() {
        for code in [1002, 1006, 1008, 1009, 1011, 1012, 1013, 4999] {
            assert_eq!(of_close(code, ""), Severity::Retry, "{code}");
        }
        assert_eq!(of_close(4000, "beta"), Severity::Fatal);
        assert_eq!(of_close(3000, ""), Severity::Fatal);
    }

    #[test]
    fn a_handshake_is_repeated_only_where_that_can_help() {
        for status in [408, 429, 500, 502, 503, 504, 200] {
            assert_eq!(of_handshake(status), Severity::Retry, "{status}");
        }
        for status in [301, 400, 401, 403, 404, 426] {
            assert_eq!(of_handshake(status), Severity::Fatal, "{status}");
        }
    }
}
