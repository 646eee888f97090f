//! What a relay writes down while a call runs: lines and events, in batches.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use shared::ids::CallSid;
use shared::ports::{Chronicle, Entry, PortError, PortResult};

use super::super::sdk::port_error;
use super::Store;
use super::item::{Item, number, text, value};
use super::schema::{CALLS_STAY, EXPIRES, call_key, event_key, line_key};

/// DynamoDB takes no more in one request.
const LARGEST_BATCH: usize = 25;
/// DynamoDB may leave a part of a batch undone. Each round waits twice as long as the one before: 3 s in all.
const ROUNDS: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(50);

impl Chronicle for Store {
    async fn append(&self, sid: &CallSid, entries: &[Entry]) -> PortResult<()> {
        // A batch may not name an item twice; the later word on a line is the one to keep.
        let mut items = BTreeMap::new();
        for entry in entries {
            let (key, item) = self.item(sid, entry)?;
            items.insert(key, item);
        }
        let items: Vec<Item> = items.into_values().collect();
        for batch in items.chunks(LARGEST_BATCH) {
            self.write(batch).await?;
        }
        Ok(())
    }
}

impl Store {
    fn item(&self, sid: &CallSid, entry: &Entry) -> PortResult<(String, Item)> {
        let (key, name, record) = match entry {
            Entry::Line(line) => (line_key(line.number), "line", value(line)?),
            Entry::Event { number, at, event } => (event_key(at.as_millis(), *number), "event", value(event)?),
        };
        let mut item = Item::from([
            ("pk".to_owned(), text(call_key(sid))),
            ("sk".to_owned(), text(key.as_str())),
            (name.to_owned(), record),
            (EXPIRES.to_owned(), number(self.expiry(CALLS_STAY))),
        ]);
        if let Entry::Event { at, .. } = entry {
            item.insert("at".to_owned(), value(at)?);
        }
        Ok((key, item))
    }

    /// Until nothing is left undone.
    async fn write(&self, items: &[Item]) -> PortResult<()> {
        let mut requests: Vec<WriteRequest> = items.iter().map(put).collect::<PortResult<_>>()?;
        for round in 0..ROUNDS {
            let request = self.client.batch_write_item().request_items(&self.table, requests);
            let answer = request.send().await.map_err(|error| port_error("write batch", &error))?;
            requests = answer.unprocessed_items.and_then(|mut left| left.remove(&self.table)).unwrap_or_default();
            if requests.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(FIRST_WAIT * 2_u32.pow(round)).await;
        }
        Err(PortError::Throttled(format!("write batch: {} items left undone", requests.len())))
    }
}

fn put(item: &Item) -> PortResult<WriteRequest> {
    let put = PutRequest::builder().set_item(Some(item.clone())).build();
    let put = put.map_err(|_| PortError::Corrupt("a write without an item".to_owned()))?;
    Ok(WriteRequest::builder().put_request(put).build())
}
