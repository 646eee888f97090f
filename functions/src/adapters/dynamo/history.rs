//! What the console and the API read.

use shared::calls::{Call, Relay};
use shared::ids::CallSid;
use shared::ports::{PortError, PortResult, ReadHistory};
use shared::session::{Event, Line};
use shared::time::CallTime;

use super::super::sdk::port_error;
use super::Store;
use super::item::{Item, part, record, text};
use super::schema::{INDEX, call_key};

impl ReadHistory for Store {
    async fn recent_calls(&self, limit: u32) -> PortResult<Vec<Call>> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let request = self.index("CALLS").scan_index_forward(false).limit(limit);
        let answer = request.send().await.map_err(|error| port_error("query calls", &error))?;
        self.records(answer.items.unwrap_or_default())
    }

    async fn transcript(&self, sid: &CallSid) -> PortResult<Vec<Line>> {
        let items = self.list(call_key(sid), "LINE#").await?;
        items.into_iter().map(|mut item| attribute(&mut item, "line")).collect()
    }

    async fn events(&self, sid: &CallSid) -> PortResult<Vec<(CallTime, Event)>> {
        let items = self.list(call_key(sid), "EVENT#").await?;
        items.into_iter().map(|mut item| Ok((attribute(&mut item, "at")?, attribute(&mut item, "event")?))).collect()
    }

    async fn relays(&self) -> PortResult<Vec<Relay>> {
        let pages = self.index("RELAYS").into_paginator().items().send();
        let items: Result<Vec<Item>, _> = pages.collect().await;
        self.records(items.map_err(|error| port_error("query relays", &error))?)
    }
}

impl Store {
    fn index(&self, partition: &str) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        let request = self.client.query().table_name(&self.table).index_name(INDEX);
        request.key_condition_expression("gsi1pk = :pk").expression_attribute_values(":pk", text(partition))
    }

    fn records<T: serde::de::DeserializeOwned>(&self, items: Vec<Item>) -> PortResult<Vec<T>> {
        items.into_iter().filter(|item| self.is_current(item)).map(record).collect()
    }
}

fn attribute<T: serde::de::DeserializeOwned>(item: &mut Item, name: &str) -> PortResult<T> {
    part(item.remove(name).ok_or_else(|| PortError::Corrupt(format!("an item without `{name}`")))?)
}
