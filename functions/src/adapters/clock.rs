//! The wall clock, put right by the store's: what relays and functions write for each other must agree, and a host's own
//! clock may be wrong or jump.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_smithy_async::time::TimeSource;
use shared::ports::Clock;

/// A `Date` counts whole seconds, and an answer takes its time: less than this is no error.
const TOLERANCE_MS: i64 = 2_500;
/// A `Date` is a second's beginning.
const MIDDLE_MS: i64 = 500;

/// How far this host's clock is behind.
static BEHIND_MS: AtomicI64 = AtomicI64::new(0);

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_ms(&self) -> u64 {
        own_ms().saturating_add_signed(BEHIND_MS.load(Ordering::Relaxed))
    }
}

/// For signatures, which a server whose clock differs by minutes refuses.
impl TimeSource for SystemClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.unix_ms())
    }
}

/// Looks at the `Date` of every answer, refusals included.
#[derive(Debug)]
pub struct ServerDate;

impl Intercept for ServerDate {
    fn name(&self) -> &'static str {
        "ServerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date").and_then(unix_ms_of) {
            let known = BEHIND_MS.load(Ordering::Relaxed);
            let behind = behind(own_ms(), date, known);
            if behind != known {
                tracing::warn!(code = "clock_corrected", behind_ms = behind);
                BEHIND_MS.store(behind, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

fn own_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn unix_ms_of(date: &str) -> Option<i64> {
    DateTime::from_str(date, DateTimeFormat::HttpDate).ok()?.to_millis().ok()
}

/// What is known stays while it fits, so that time does not jitter with every answer.
fn behind(own_ms: u64, server_ms: i64, known_ms: i64) -> i64 {
    let behind = server_ms.saturating_add(MIDDLE_MS).saturating_sub_unsigned(own_ms);
    match () {
        () if behind.abs_diff(known_ms) <= TOLERANCE_MS.unsigned_abs() => known_ms,
        () if behind.unsigned_abs() <= TOLERANCE_MS.unsigned_abs() => 0,
        () => behind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_agrees_within_seconds_is_believed() {
        for off in [-2_900, -500, 0, 900, 1_900] {
            assert_eq!(behind(10_000_000, 10_000_000 + off, 0), 0, "{off}");
        }
    }

    #[test]
    fn a_clock_that_jumped_is_put_right_and_time_does_not_jitter_afterwards() {
        let jumped = behind(10_000_000, 10_239_000, 0);
        assert_eq!(jumped, 239_500);
        assert_eq!(behind(10_001_000, 10_241_000, jumped), jumped);
        assert_eq!(behind(10_240_000, 10_240_000, jumped), 0, "it jumped back");
        assert_eq!(behind(10_300_000, 10_000_000, jumped), -299_500);
    }

    #[test]
    fn a_date_is_read_as_servers_write_it() {
        assert_eq!(unix_ms_of("Sat, 21 Nov 2026 08:00:00 GMT"), Some(1_795_248_000_000));
        assert_eq!(unix_ms_of("yesterday"), None);
    }
}
