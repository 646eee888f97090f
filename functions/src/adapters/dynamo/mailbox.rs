//! What callers leave for people: messages by when they were taken, requests to be called back by when they are due.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use shared::ids::{CallSid, ToolCallId};
use shared::messages::{Callback, CallbackState, Message};
use shared::ports::{Mailbox, OpenMailbox, PortError, PortResult};

use super::super::sdk::port_error;
use super::Store;
use super::calls::refused;
use super::item::{attributes, number, text, value};
use super::schema::{EXPIRES, call_key, callback_key, message_key};

const MESSAGES: &str = "MESSAGES";
const CALLBACKS: &str = "CALLBACKS";

impl Mailbox for Store {
    async fn keep_message(&self, message: &Message) -> PortResult<()> {
        let Message { call, id, taken_at_ms, .. } = message;
        self.keep_once(call, &message_key(id), (MESSAGES, *taken_at_ms), message).await.map(drop)
    }

    async fn keep_callback(&self, callback: &Callback) -> PortResult<()> {
        let Callback { call, id, due_at_ms, .. } = callback;
        let until = self.keep_once(call, &callback_key(id), (CALLBACKS, *due_at_ms), callback).await?;
        self.stay_found(call, until).await
    }
}

impl OpenMailbox for Store {
    async fn messages(&self, limit: u32) -> PortResult<Vec<Message>> {
        let request = self.index(MESSAGES).scan_index_forward(false).limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let answer = request.send().await.map_err(|error| port_error("query messages", &error))?;
        self.records(answer.items.unwrap_or_default())
    }

    async fn messages_of(&self, sid: &CallSid) -> PortResult<Vec<Message>> {
        let mut messages: Vec<Message> = self.records(self.list(call_key(sid), &message_key(&"".into())).await?)?;
        messages.sort_by_key(|message| message.taken_at_ms);
        Ok(messages)
    }

    async fn callbacks(&self, limit: u32) -> PortResult<Vec<Callback>> {
        let request = self.index(CALLBACKS).limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let answer = request.send().await.map_err(|error| port_error("query callbacks", &error))?;
        self.records(answer.items.unwrap_or_default())
    }

    async fn cancel_callback(&self, sid: &CallSid, id: &ToolCallId) -> PortResult<()> {
        let request = self
            .update(call_key(sid), &callback_key(id))
            .update_expression("SET #state = :state")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", value(&CallbackState::Cancelled)?);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => refused("cancel callback", &error).and(Err(PortError::Gone)),
        }
    }
}

impl Store {
    /// What is there already stays as it is: somebody may have cancelled it since. Returns until when it stays.
    async fn keep_once(
        &self,
        call: &CallSid,
        sk: &str,
        (kind, at_ms): (&str, u64),
        record: &impl Serialize,
    ) -> PortResult<u64> {
        let mut item = attributes(record)?;
        item.retain(|_, value| !matches!(value, AttributeValue::Null(_)));
        item.extend(self.key(call_key(call), sk));
        item.insert("gsi1pk".to_owned(), text(kind));
        item.insert("gsi1sk".to_owned(), text(format!("{at_ms:014}#{call}#{sk}")));
        // What is due later stays so much longer.
        let later = (at_ms / 1000).saturating_sub(self.now_ms() / 1000);
        let expires = self.kept_until(call).await? + later;
        item.insert(EXPIRES.to_owned(), number(expires));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        match put.condition_expression("attribute_not_exists(pk)").send().await {
            Ok(_) => Ok(expires),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(expires),
                _ => Err(port_error("keep for people", &error)),
            },
        }
    }
}
