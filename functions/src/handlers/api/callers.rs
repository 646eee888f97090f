//! `DELETE /api/callers/{number}`: everything about a caller, as they may demand it.
//!
//! A request erases some calls and says whether there are more; asked again, it goes on. What runs, or has just ended, is
//! left: its relay would write it down anew.

use std::time::Duration;

use http::StatusCode;
use shared::calls::{Trace, caller_hash};
use shared::ports::{Clock, PortResult};

use super::super::http::Response;
use super::Api;
use super::answers::Erased;
use super::needs::{Records, Shelf};

/// Erased by one request.
const CALLS: u32 = 25;
/// Found at a time.
const PAGE: u32 = 25;
/// Within what the function is given, and what whoever asks waits for.
const PATIENCE: Duration = Duration::from_secs(12);

impl<S: Records, B: Shelf, M, R, T, X, C: Clock> Api<S, B, M, R, T, X, C> {
    pub(super) async fn erase_caller(&self, number: &str) -> PortResult<Response> {
        let done = self.erase_some(number).await?;
        tracing::info!(
            code = "caller_erased",
            caller = caller_hash(number),
            erased = done.erased,
            running = done.running.len(),
            remaining = done.remaining
        );
        let status = match done.running.is_empty() {
            _ if done.remaining && done.erased > 0 => StatusCode::ACCEPTED,
            true => StatusCode::OK,
            false => StatusCode::CONFLICT,
        };
        Ok(Response::json(&done).status(status))
    }

    /// The earliest first: calls that run stand in nobody's way.
    async fn erase_some(&self, number: &str) -> PortResult<Erased> {
        let until_ms = self.clock.unix_ms() + u64::try_from(PATIENCE.as_millis()).unwrap_or_default();
        let mut done = Erased::default();
        let mut found = self.store.calls_of(number, None, PAGE).await?;
        while let Some(last) = found.last().cloned() {
            for trace in found {
                if done.erased >= CALLS || self.clock.unix_ms() >= until_ms {
                    return Ok(Erased { remaining: true, ..done });
                }
                self.erase_one(trace, &mut done).await?;
            }
            found = self.store.calls_of(number, Some(&last), PAGE).await?;
        }
        Ok(done)
    }

    async fn erase_one(&self, trace: Trace, done: &mut Erased) -> PortResult<()> {
        if !self.is_settled(&trace).await? {
            done.running.push(trace.call);
            return Ok(());
        }
        self.recordings.erase_recording(&trace.call).await?;
        self.store.erase_call(&trace).await?;
        done.erased += 1;
        tracing::info!(code = "call_erased", call = %trace.call);
        Ok(())
    }

    /// One that is gone already may have left what it is found by.
    async fn is_settled(&self, trace: &Trace) -> PortResult<bool> {
        let Some(call) = self.store.call(&trace.call).await? else { return Ok(true) };
        let events = self.store.events(&trace.call).await?;
        Ok(call.is_settled(events.last().map(|(at, _)| *at), self.clock.unix_ms()))
    }
}
