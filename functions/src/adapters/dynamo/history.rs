//! What the console and the API read.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use shared::calls::{Call, Relay};
use shared::ids::CallSid;
use shared::page::{Cursor, Page};
use shared::ports::{LONGEST_AUDIO, PortError, PortResult, ReadHistory};
use shared::session::{Event, Line};
use shared::time::{CallTime, Samples};
use shared::transcript;

use super::super::sdk::port_error;
use super::Store;
use super::item::{Item, part, record, sort_key, text};
use super::schema::{AUDIO, INDEX, audio_from, call_key, line_fence};

impl ReadHistory for Store {
    async fn recent_calls(&self, limit: u32, after: Option<&Cursor>) -> PortResult<Page<Call>> {
        let query = self.client.query().table_name(&self.table).index_name(INDEX);
        let Page { items, next } = self.page(query, ("gsi1pk", "CALLS"), "gsi1sk", limit, after).await?;
        let calls = items.into_iter().map(|mut item| {
            // Of calls that were opened when the lease had no item of its own.
            item.remove("lease");
            record(item)
        });
        Ok(Page { items: calls.collect::<PortResult<_>>()?, next })
    }

    async fn transcript(&self, sid: &CallSid) -> PortResult<Vec<Line>> {
        let items = self.list(call_key(sid), "LINE#").await?;
        let written =
            items.into_iter().map(|mut item| Ok((line_fence(sort_key(&item)), attribute(&mut item, "line")?)));
        Ok(transcript::merge(written.collect::<PortResult<Vec<_>>>()?))
    }

    async fn events(&self, sid: &CallSid) -> PortResult<Vec<(CallTime, Event)>> {
        let items = self.list(call_key(sid), "EVENT#").await?;
        items.into_iter().map(|mut item| Ok((attribute(&mut item, "at")?, attribute(&mut item, "event")?))).collect()
    }

    async fn caller_audio(&self, sid: &CallSid, from: Samples) -> PortResult<Vec<(Samples, Bytes)>> {
        let items = self.audio_items(sid, from - LONGEST_AUDIO).await?;
        let mut pieces = BTreeMap::new();
        for mut item in items {
            let begins: Samples = attribute(&mut item, "from")?;
            let mulaw = binary(&mut item, "mulaw")?;
            if begins + Samples(mulaw.len() as u64) > from {
                // In the order of fences: the later holder's counts.
                pieces.insert(begins, mulaw);
            }
        }
        Ok(pieces.into_iter().collect())
    }

    async fn relays(&self) -> PortResult<Vec<Relay>> {
        let pages = self.index("RELAYS").into_paginator().items().send();
        let items: Result<Vec<Item>, _> = pages.collect().await;
        self.records(items.map_err(|error| port_error("query relays", &error))?)
    }
}

impl Store {
    pub(super) fn index(&self, partition: &str) -> QueryFluentBuilder {
        let request = self.client.query().table_name(&self.table).index_name(INDEX);
        request.key_condition_expression("gsi1pk = :pk").expression_attribute_values(":pk", text(partition))
    }

    async fn audio_items(&self, sid: &CallSid, from: Samples) -> PortResult<Vec<Item>> {
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(call_key(sid)))
            .expression_attribute_values(":first", text(audio_from(from)))
            .expression_attribute_values(":last", text(format!("{AUDIO}~")));
        let items: Result<Vec<Item>, _> = request.into_paginator().items().send().collect().await;
        let items = items.map_err(|error| port_error("query audio", &error))?;
        Ok(items.into_iter().filter(|item| self.is_current(item)).collect())
    }

    /// The newest of a partition, or those behind a cursor. What has expired leaves a gap: a page may be short, and is not
    /// the last while it names a next one.
    pub(super) async fn page(
        &self,
        query: QueryFluentBuilder,
        (hash, partition): (&str, &str),
        range: &str,
        limit: u32,
        after: Option<&Cursor>,
    ) -> PortResult<Page<Item>> {
        let query = query.expression_attribute_values(":pk", text(partition));
        let query = match after {
            None => query.key_condition_expression(format!("{hash} = :pk")),
            Some(after) => query
                .key_condition_expression(format!("{hash} = :pk AND {range} < :after"))
                .expression_attribute_values(":after", text(after.key())),
        };
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let answer = query.scan_index_forward(false).limit(limit).send().await;
        let answer = answer.map_err(|error| port_error("query a page", &error))?;
        let ends = |key: Item| key.get(range).and_then(|key| key.as_s().ok()).map(Cursor::behind);
        let next = answer.last_evaluated_key.and_then(ends);
        let items = answer.items.unwrap_or_default().into_iter().filter(|item| self.is_current(item));
        Ok(Page { items: items.collect(), next })
    }

    pub(super) fn records<T: serde::de::DeserializeOwned>(&self, items: Vec<Item>) -> PortResult<Vec<T>> {
        items.into_iter().filter(|item| self.is_current(item)).map(record).collect()
    }
}

fn attribute<T: serde::de::DeserializeOwned>(item: &mut Item, name: &str) -> PortResult<T> {
    part(item.remove(name).ok_or_else(|| PortError::Corrupt(format!("an item without `{name}`")))?)
}

fn binary(item: &mut Item, name: &str) -> PortResult<Bytes> {
    match item.remove(name) {
        Some(AttributeValue::B(blob)) => Ok(blob.into_inner().into()),
        _ => Err(PortError::Corrupt(format!("an item without `{name}`"))),
    }
}
