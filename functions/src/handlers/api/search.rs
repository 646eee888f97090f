//! `GET /api/search`: calls by what was said in them, with whom, by which agent, how they ended, and when.

use futures_util::future::{join, try_join_all};
use http::StatusCode;
use serde::Deserialize;
use shared::agent::is_number;
use shared::calls::{Call, Ending};
use shared::ids::{AgentId, CallSid};
use shared::page::{Cursor, Page};
use shared::ports::PortResult;
use shared::rfc3339;
use shared::search::{Search, Term, words};
use shared::session::Line;
use url::form_urlencoded;

use super::super::http::Response;
use super::answers::{FoundCall, FoundCalls};
use super::needs::Records;
use super::{Api, after, asked, no_such_place};

/// Each is read whole.
const FOUND: u32 = 10;
const MOST_FOUND: u32 = 25;
/// Each costs a walk of its own.
const MOST_WORDS: usize = 8;

impl<S: Records, B, M, R, T, X, C> Api<S, B, M, R, T, X, C> {
    pub(super) async fn search(&self, query: &str) -> PortResult<Response> {
        let search = match read(query) {
            Ok(search) => search,
            Err(why) => return Ok(Response::problem(StatusCode::BAD_REQUEST, &why)),
        };
        let Ok(after) = after(query) else { return Ok(no_such_place()) };
        let limit = asked(query, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(FOUND).clamp(1, MOST_FOUND);
        let Page { items, next } = self.found(&search, limit, after.as_ref()).await?;
        Ok(Response::json(&FoundCalls { found: items, next }))
    }

    async fn found(&self, search: &Search, limit: u32, after: Option<&Cursor>) -> PortResult<Page<FoundCall>> {
        let Page { items, next } = self.store.search(search, limit, after).await?;
        let whole = try_join_all(items.iter().map(|sid| self.whole(sid))).await?;
        let shown = |(call, lines): (Call, Vec<Line>)| FoundCall { lines: search.matching(lines), call };
        Ok(Page { items: whole.into_iter().flatten().map(shown).collect(), next })
    }

    /// `None`: it has just been erased.
    async fn whole(&self, sid: &CallSid) -> PortResult<Option<(Call, Vec<Line>)>> {
        let (call, lines) = join(self.store.call(sid), self.store.transcript(sid)).await;
        Ok(match call? {
            Some(call) => Some((call, lines?)),
            None => None,
        })
    }
}

/// What is looked for, or what is wrong with it.
fn read(query: &str) -> Result<Search, String> {
    let mut search = Search::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.trim().is_empty()) {
        let value = value.trim();
        match &*name {
            "q" => search.terms.extend(words(value).into_iter().take(MOST_WORDS).map(|word| Term::Word(word.into()))),
            "number" if is_number(value) => _ = search.terms.insert(Term::Number(value.into())),
            "number" => return Err("`number` is one of the telephone network: +15551234567".to_owned()),
            "agent" => _ = search.terms.insert(Term::Agent(AgentId::from(value))),
            "ending" => _ = search.terms.insert(Term::Ending(ending(value)?)),
            "from" => search.from_ms = Some(moment(value)?),
            "to" => search.to_ms = Some(moment(value)?),
            _ => {}
        }
    }
    if search.terms.is_empty() {
        return Err(
            "say what to look for: `q` (words of two letters or more), `number`, `agent` or `ending`".to_owned()
        );
    }
    Ok(search)
}

fn ending(name: &str) -> Result<Ending, String> {
    let known = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(name);
    Ending::deserialize(known).map_err(|_| "`ending` is how a call ended, as calls spell it: caller_hung_up".to_owned())
}

pub(super) fn moment(text: &str) -> Result<u64, String> {
    rfc3339::parse(text).ok_or_else(|| "`from` and `to` are moments: 2026-11-22T10:00:00Z".to_owned())
}
