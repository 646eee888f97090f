//! What was written down of a call, by whom, for a console that has missed it.

use aws_sdk_dynamodb::types::AttributeValue;
use shared::ids::CallSid;
use shared::ports::{PortError, PortResult, ReadMissed, WrittenEvent};
use shared::session::Line;
use shared::time::CallTime;

use super::super::sdk::port_error;
use super::Store;
use super::item::{Item, part, sort_key, text};
use super::schema::{EVENT, call_key, event_name, events_since, line_fence};

impl ReadMissed for Store {
    async fn lines_written(&self, sid: &CallSid) -> PortResult<Vec<(u64, Line)>> {
        let items = self.list(call_key(sid), "LINE#").await?;
        items.into_iter().map(|mut item| Ok((line_fence(sort_key(&item)), attribute(item.remove("line"))?))).collect()
    }

    async fn events_written(&self, sid: &CallSid, since: CallTime) -> PortResult<Vec<WrittenEvent>> {
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(call_key(sid)))
            .expression_attribute_values(":first", text(events_since(since)))
            .expression_attribute_values(":last", text(format!("{EVENT}~")));
        let items: Result<Vec<Item>, _> = request.into_paginator().items().send().collect().await;
        let items = items.map_err(|error| port_error("query events", &error))?;
        items.into_iter().filter(|item| self.is_current(item)).map(event).collect()
    }
}

fn event(mut item: Item) -> PortResult<WrittenEvent> {
    let (fence, number) = event_name(sort_key(&item));
    Ok(WrittenEvent { fence, number, at: attribute(item.remove("at"))?, event: attribute(item.remove("event"))? })
}

fn attribute<T: serde::de::DeserializeOwned>(value: Option<AttributeValue>) -> PortResult<T> {
    part(value.ok_or_else(|| PortError::Corrupt("an item that is not complete".to_owned()))?)
}
