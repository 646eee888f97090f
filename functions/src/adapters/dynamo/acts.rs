//! Who did what by the console: one item an act, named by when it was.

use shared::console::Act;
use shared::page::{Cursor, Page};
use shared::ports::{NoteActs, PortResult, ReadActs};

use super::super::sdk::port_error;
use super::Store;
use super::item::{attributes, number, record, text};
use super::schema::{ACTS, ACTS_STAY, EXPIRES, act_key};

impl NoteActs for Store {
    async fn note_act(&self, act: &Act) -> PortResult<()> {
        let mut item = attributes(act)?;
        item.insert("pk".to_owned(), text(ACTS));
        item.insert("sk".to_owned(), text(act_key(act)));
        item.insert(EXPIRES.to_owned(), number(self.expiry(ACTS_STAY)));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(drop).map_err(|error| port_error("note act", &error))
    }
}

impl ReadActs for Store {
    async fn acts(&self, limit: u32, after: Option<&Cursor>) -> PortResult<Page<Act>> {
        let query = self.client.query().table_name(&self.table);
        let Page { items, next } = self.page(query, ("pk", ACTS), "sk", limit, after).await?;
        Ok(Page { items: items.into_iter().map(record).collect::<PortResult<_>>()?, next })
    }
}
