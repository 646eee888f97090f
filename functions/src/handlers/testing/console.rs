//! Who did what, in memory.

use shared::console::Act;
use shared::page::{Cursor, Page};
use shared::ports::{NoteActs, PortResult, ReadActs};

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
