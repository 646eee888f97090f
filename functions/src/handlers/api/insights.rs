//! `GET /api/insights`: how many calls there were, and how they went.

use http::StatusCode;
use shared::calls::Call;
use shared::insights::Insights;
use shared::page::Page;
use shared::ports::{Clock, PortResult};

use super::super::http::Response;
use super::answers::InsightsOf;
use super::needs::Records;
use super::search::moment;
use super::{Api, MOST_CALLS_LISTED, asked};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const LONGEST_MS: u64 = 92 * DAY_MS;
/// Each page is a read of up to a megabyte.
const MOST_PAGES: usize = 10;

impl<S: Records, B, M, R, T, X, C: Clock> Api<S, B, M, R, T, X, C> {
    /// The last day unless it says otherwise.
    pub(super) async fn insights(&self, query: &str) -> PortResult<Response> {
        let asked = |name| asked(query, name).map(|text| moment(&text)).transpose();
        let (from_ms, to_ms) = match (asked("from"), asked("to")) {
            (Ok(from), Ok(to)) => {
                let to_ms = to.unwrap_or_else(|| self.clock.unix_ms());
                (from.unwrap_or(to_ms.saturating_sub(DAY_MS)), to_ms)
            }
            (Err(why), _) | (_, Err(why)) => return Ok(Response::problem(StatusCode::BAD_REQUEST, &why)),
        };
        if from_ms >= to_ms || to_ms - from_ms > LONGEST_MS {
            let why = "`from` is before `to`, by 92 days at most";
            return Ok(Response::problem(StatusCode::BAD_REQUEST, why));
        }
        let (calls, truncated) = self.since(from_ms).await?;
        let insights = Insights::of(&calls, from_ms, to_ms);
        Ok(Response::json(&InsightsOf { from_ms, to_ms, truncated, insights }))
    }

    /// Calls that began then or later, newest first; and whether there are more of them than are read at once.
    async fn since(&self, from_ms: u64) -> PortResult<(Vec<Call>, bool)> {
        let (mut calls, mut after) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let Page { items, next } = self.store.recent_calls(MOST_CALLS_LISTED, after.as_ref()).await?;
            let older = items.last().is_some_and(|call| call.began_at_ms < from_ms);
            calls.extend(items);
            if older || next.is_none() {
                return Ok((calls, false));
            }
            after = next;
        }
        Ok((calls, true))
    }
}
