//! Who did what, and who said what, in memory.

use std::collections::BTreeSet;

use shared::calls::Call;
use shared::console::Act;
use shared::ids::CallSid;
use shared::page::{Cursor, Page};
use shared::ports::{NoteActs, PortResult, ReadActs, SearchCalls};
use shared::search::{Search, Term, words};

use super::{World, page};

impl NoteActs for World {
    async fn note_act(&self, act: &Act) -> PortResult<()> {
        self.read()?.acts.push(act.clone());
        Ok(())
    }
}

impl ReadActs for World {
    async fn acts(&self, limit: u32, after: Option<&Cursor>) -> PortResult<Page<Act>> {
        let state = self.read()?;
        let key = |number: usize| format!("{number:06}");
        let older = |(number, _): &(usize, &Act)| after.is_none_or(|after| key(*number).as_str() < after.key());
        let acts: Vec<(usize, Act)> =
            state.acts.iter().enumerate().rev().filter(older).map(|(number, act)| (number, act.clone())).collect();
        let Page { items, next } = page(acts, limit, |(number, _)| key(*number));
        Ok(Page { items: items.into_iter().map(|(_, act)| act).collect(), next })
    }
}

/// Each call has the transcript that there is.
impl SearchCalls for World {
    async fn search(&self, search: &Search, limit: u32, after: Option<&Cursor>) -> PortResult<Page<CallSid>> {
        let state = self.read()?;
        let said: BTreeSet<String> = state
            .transcript
            .iter()
            .flat_map(|line| line.text.as_ref().map(|text| words(text.reveal())).unwrap_or_default())
            .collect();
        let fits = |call: &&Call| {
            search.terms.iter().all(|term| match term {
                Term::Word(word) => said.contains(word.reveal()),
                Term::Agent(agent) => call.agent.id == *agent,
                Term::Ending(ending) => call.status.ended() == Some(*ending),
                Term::Number(number) => [&call.from, &call.to].iter().any(|it| it == &number),
            }) && search.from_ms.is_none_or(|from| call.began_at_ms >= from)
                && search.to_ms.is_none_or(|to| call.began_at_ms <= to)
                && after.is_none_or(|after| call.sid.as_str() < after.key())
        };
        let found = state.calls.values().rev().filter(fits).map(|call| call.sid.clone()).collect();
        Ok(page(found, limit, ToString::to_string))
    }
}
