//! The items that the lookup tools read.

use serde_json::Value;
use shared::ports::{PortResult, ReferenceData};

use super::Store;
use super::item::{Item, record};
use super::schema::data_key;

impl ReferenceData for Store {
    async fn item(&self, kind: &str, id: &str) -> PortResult<Option<Value>> {
        if id.is_empty() {
            return Ok(None);
        }
        self.get(data_key(kind), id).await?.map(fields).transpose()
    }

    async fn items(&self, kind: &str) -> PortResult<Vec<Value>> {
        self.list(data_key(kind), "").await?.into_iter().map(fields).collect()
    }
}

/// The item without its keys.
fn fields(mut item: Item) -> PortResult<Value> {
    item.remove("pk");
    item.remove("sk");
    record(item)
}
