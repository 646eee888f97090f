//! The calls of a number, and their end before their time. What a call is found by goes last, and by its number's hash.

use aws_sdk_dynamodb::types::{DeleteRequest, WriteRequest};
use shared::agent::is_number;
use shared::calls::{Call, Trace};
use shared::ids::CallSid;
use shared::ports::{EraseCalls, PortError, PortResult, ReadCall as _};

use super::super::sdk::port_error;
use super::Store;
use super::item::{Item, number, part, text};
use super::kept::days;
use super::schema::{EXPIRES, TERMS, call_key, caller_key, trace_key};

impl EraseCalls for Store {
    async fn calls_of(&self, number: &str, after: Option<&Trace>, limit: u32) -> PortResult<Vec<Trace>> {
        let entry = caller_key(number);
        let after = after.map(|last| self.key(entry.clone(), &trace_key(last.began_at_ms, &last.call)));
        let request = self.client.query().table_name(&self.table).consistent_read(true).set_exclusive_start_key(after);
        let request = request.key_condition_expression("pk = :pk").limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let answer = request.expression_attribute_values(":pk", text(entry)).send().await;
        let items = answer.map_err(|error| port_error("query calls of a number", &error))?.items.unwrap_or_default();
        items.into_iter().map(trace).collect()
    }

    async fn erase_call(&self, call: &Trace) -> PortResult<()> {
        let sk = trace_key(call.began_at_ms, &call.call);
        let named = |entries: &[String]| entries.iter().map(|entry| self.key(entry.clone(), &sk)).collect();
        self.remove_all(named(&self.terms(&call.call).await?)).await?;
        self.erase_items(&call.call).await?;
        self.remove_all(named(&call.entries)).await
    }
}

impl Store {
    /// By which a call is found, once for each of its numbers.
    pub(super) fn trace_items(&self, call: &Call) -> PortResult<Vec<Item>> {
        let entries = entries(call);
        let expires = self.expiry(days(call.agent.recording.found_for_days()));
        let listed = super::item::value(&entries)?;
        let item = |entry: &String| {
            let mut item = self.key(entry.clone(), &trace_key(call.began_at_ms, &call.sid));
            item.insert("call".to_owned(), text(call.sid.as_str()));
            item.insert("began_at_ms".to_owned(), number(call.began_at_ms));
            item.insert("entries".to_owned(), listed.clone());
            item.insert(EXPIRES.to_owned(), number(expires));
            item
        };
        Ok(entries.iter().map(item).collect())
    }

    /// Also when the call is not there any more, but something that its caller left is.
    pub(super) async fn stay_found(&self, sid: &CallSid, until: u64) -> PortResult<()> {
        let Some(call) = self.call(sid).await? else { return Ok(()) };
        for entry in entries(&call) {
            let request = self
                .update(entry, &trace_key(call.began_at_ms, sid))
                .update_expression("SET expires_at = :until")
                .condition_expression("expires_at < :until")
                .expression_attribute_values(":until", number(until));
            self.send("stay found", request).await.map(drop)?;
        }
        Ok(())
    }

    /// By which it is found beside its numbers.
    async fn terms(&self, sid: &CallSid) -> PortResult<Vec<String>> {
        let item = self.get_only(call_key(sid), TERMS, &["terms"]).await?;
        item.and_then(|mut item| item.remove("terms")).map_or_else(|| Ok(Vec::new()), part)
    }

    async fn erase_items(&self, sid: &CallSid) -> PortResult<()> {
        let request = self.client.query().table_name(&self.table).consistent_read(true);
        let request = request.key_condition_expression("pk = :pk").projection_expression("pk, sk");
        let request = request.expression_attribute_values(":pk", text(call_key(sid)));
        let keys: Result<Vec<Item>, _> = request.into_paginator().items().send().collect().await;
        self.remove_all(keys.map_err(|error| port_error("query keys", &error))?).await
    }

    async fn remove_all(&self, keys: Vec<Item>) -> PortResult<()> {
        let removal = |key: Item| {
            let delete = DeleteRequest::builder().set_key(Some(key)).build();
            let delete = delete.map_err(|_| PortError::Corrupt("a removal without a key".to_owned()))?;
            Ok(WriteRequest::builder().delete_request(delete).build())
        };
        self.write_all(keys.into_iter().map(removal).collect::<PortResult<_>>()?).await
    }
}

/// Of numbers only: who shows none is not found.
fn entries(call: &Call) -> Vec<String> {
    let numbers = [call.from.reveal().as_str(), call.to.reveal().as_str()];
    let mut entries: Vec<String> = numbers.into_iter().filter(|it| is_number(it)).map(caller_key).collect();
    entries.dedup();
    entries
}

fn trace(mut item: Item) -> PortResult<Trace> {
    let mut take =
        |name: &str| item.remove(name).ok_or_else(|| PortError::Corrupt(format!("an entry without `{name}`")));
    Ok(Trace { call: part(take("call")?)?, began_at_ms: part(take("began_at_ms")?)?, entries: part(take("entries")?)? })
}
