//! What a relay writes down while a call runs: lines, events and what the caller said, in batches.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use shared::ids::CallSid;
use shared::ports::{Chronicle, Entry, LONGEST_AUDIO, PortError, PortResult};

use super::super::sdk::port_error;
use super::Store;
use super::item::{Item, number, value};
use super::schema::{AUDIO_STAYS, EXPIRES, audio_key, call_key, event_key, line_key};

/// DynamoDB takes no more in one request.
const LARGEST_BATCH: usize = 25;
/// DynamoDB may leave a part of a batch undone. Each round waits twice as long as the one before: 3 s in all.
const ROUNDS: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(50);

impl Chronicle for Store {
    async fn append(&self, sid: &CallSid, fence: u64, entries: &[Entry]) -> PortResult<()> {
        // A batch may not name an item twice; the later word on a line is the one to keep.
        let mut items = BTreeMap::new();
        let until = if entries.is_empty() { 0 } else { self.kept_until(sid).await? };
        for entry in entries {
            let (key, item) = self.item(sid, fence, entry, until)?;
            items.insert(key, item);
        }
        self.write_all(items.into_values().map(put).collect::<PortResult<_>>()?).await
    }
}

impl Store {
    fn item(&self, sid: &CallSid, fence: u64, entry: &Entry, until: u64) -> PortResult<(String, Item)> {
        let (key, name, record) = match entry {
            Entry::Line(line) => (line_key(line.number, fence), "line", value(line)?),
            Entry::Event { number, at, event } => (event_key(at.as_millis(), fence, *number), "event", value(event)?),
            Entry::Audio { from, mulaw } => (audio_key(*from, fence), "mulaw", audio(mulaw)?),
        };
        let soon = matches!(entry, Entry::Audio { .. }).then(|| self.expiry(AUDIO_STAYS));
        let mut item = self.key(call_key(sid), &key);
        item.insert(name.to_owned(), record);
        item.insert(EXPIRES.to_owned(), number(soon.map_or(until, |soon| soon.min(until))));
        match entry {
            Entry::Line(_) => {}
            Entry::Event { at, .. } => _ = item.insert("at".to_owned(), value(at)?),
            Entry::Audio { from, .. } => _ = item.insert("from".to_owned(), value(from)?),
        }
        Ok((key, item))
    }

    pub(super) async fn write_all(&self, requests: Vec<WriteRequest>) -> PortResult<()> {
        for batch in requests.chunks(LARGEST_BATCH) {
            self.write(batch.to_vec()).await?;
        }
        Ok(())
    }

    /// Until nothing is left undone.
    async fn write(&self, mut requests: Vec<WriteRequest>) -> PortResult<()> {
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

pub(super) fn put(item: Item) -> PortResult<WriteRequest> {
    let put = PutRequest::builder().set_item(Some(item)).build();
    let put = put.map_err(|_| PortError::Corrupt("a write without an item".to_owned()))?;
    Ok(WriteRequest::builder().put_request(put).build())
}

/// A piece that is longer would not be found again.
fn audio(mulaw: &[u8]) -> PortResult<AttributeValue> {
    if mulaw.len() as u64 > LONGEST_AUDIO.0 {
        return Err(PortError::Corrupt("a piece of audio that is too long".to_owned()));
    }
    Ok(AttributeValue::B(Blob::new(mulaw)))
}
