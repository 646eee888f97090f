//! `DELETE /api/callers/{number}`: everything about a caller, as they may demand it.
//!
//! A request erases some calls and says whether there are more; asked again, it goes on. What runs, or has just ended, is
//! left: its relay would write it down anew.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use shared::calls::{Trace, caller_hash};
use shared::ids::CallSid;
use shared::ports::{Clock, EraseCalls, EraseRecordings, PortResult, ReadCall, ReadHistory};
use shared::session::Event;

use super::super::http::Response;
use super::Api;

/// Looked at by one request.
const CALLS: u32 = 25;
/// Within what the function is given, and what whoever asks waits for.
const PATIENCE: Duration = Duration::from_secs(12);

impl<S, B, R, T, X, C> Api<S, B, R, T, X, C>
where
    S: EraseCalls + ReadCall + ReadHistory,
    B: EraseRecordings,
    C: Clock,
{
    pub(super) async fn erase_caller(&self, number: &str) -> PortResult<Response> {
        let until_ms = self.clock.unix_ms() + u64::try_from(PATIENCE.as_millis()).unwrap_or_default();
        let found = self.store.calls_of(number, CALLS).await?;
        let (mut erased, mut running) = (0_u32, Vec::<CallSid>::new());
        let mut remaining = u32::try_from(found.len()).unwrap_or(u32::MAX) >= CALLS;
        for trace in &found {
            if self.clock.unix_ms() >= until_ms {
                remaining = true;
                break;
            }
            if self.is_settled(trace).await? {
                self.recordings.erase_recording(&trace.call).await?;
                self.store.erase_call(trace).await?;
                erased += 1;
                tracing::info!(code = "call_erased", call = %trace.call);
            } else {
                running.push(trace.call.clone());
            }
        }
        tracing::info!(
            code = "caller_erased",
            caller = caller_hash(number),
            erased,
            running = running.len(),
            remaining
        );
        let status = match (running.is_empty(), remaining && erased > 0) {
            (_, true) => StatusCode::ACCEPTED,
            (true, false) => StatusCode::OK,
            (false, false) => StatusCode::CONFLICT,
        };
        Ok(Response::json(&json!({ "erased": erased, "running": running, "remaining": remaining })).status(status))
    }

    /// One that is gone already may have left what it is found by.
    async fn is_settled(&self, trace: &Trace) -> PortResult<bool> {
        let now = self.clock.unix_ms();
        let Some(call) = self.store.call(&trace.call).await? else { return Ok(true) };
        if !call.is_settled(None, now) {
            return Ok(false);
        }
        let events = self.store.events(&trace.call).await?;
        let ended = events.into_iter().rev().find(|(_, event)| matches!(event, Event::Ended { .. }));
        Ok(call.is_settled(ended.map(|(at, _)| at), now))
    }
}
