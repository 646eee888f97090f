//! The store: one DynamoDB table behind every port that keeps something.
//!
//! What must happen once (opening a call, taking its lease, redeeming a token, running a tool) is one conditional
//! write, so that two processes which try at the same time cannot both succeed. The SDK repeats a write whose answer
//! was lost; each condition lets our own first attempt count as ours.

mod acts;
mod agents;
mod audit;
mod calls;
mod chronicle;
mod connections;
mod data;
mod erase;
mod history;
mod item;
mod kept;
mod lease;
mod ledger;
mod line;
mod mailbox;
mod missed;
mod pointed;
mod pulses;
mod rates;
mod relays;
pub mod schema;
mod search;
mod seed;
mod spending;
mod tokens;
mod transact;
mod watchers;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use shared::ports::{Clock, PortResult};

use self::item::{Item, text, whole};
use self::kept::Kept;
use super::clock::SystemClock;
use super::sdk::port_error;

pub use self::seed::seed;

#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
    kept: Kept,
}

impl Store {
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), kept: Kept::default() }
    }

    fn now_ms(&self) -> u64 {
        SystemClock.unix_ms()
    }

    /// Epoch seconds, for the expiry attribute.
    fn expiry(&self, stays: std::time::Duration) -> u64 {
        self.now_ms() / 1000 + stays.as_secs()
    }

    /// One item as it is now, unless it has expired.
    async fn get(&self, pk: String, sk: &str) -> PortResult<Option<Item>> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let request = request.key("pk", text(pk)).key("sk", text(sk));
        let answer = request.send().await.map_err(|error| port_error("get item", &error))?;
        Ok(answer.item.filter(|item| self.is_current(item)))
    }

    /// As [`Store::get`], but no more of it than these attributes.
    async fn get_only(&self, pk: String, sk: &str, fields: &[&str]) -> PortResult<Option<Item>> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let fields = fields.iter().chain([&schema::EXPIRES]).copied().collect::<Vec<_>>().join(", ");
        let request = request.set_key(Some(self.key(pk, sk))).projection_expression(fields);
        let answer = request.send().await.map_err(|error| port_error("get item", &error))?;
        Ok(answer.item.filter(|item| self.is_current(item)))
    }

    /// All items of a partition whose sort key begins like this, in order.
    async fn list(&self, pk: String, prefix: &str) -> PortResult<Vec<Item>> {
        let request = self.client.query().table_name(&self.table).consistent_read(true);
        let request = if prefix.is_empty() {
            request.key_condition_expression("pk = :pk")
        } else {
            let request = request.key_condition_expression("pk = :pk AND begins_with(sk, :prefix)");
            request.expression_attribute_values(":prefix", text(prefix))
        };
        let pages = request.expression_attribute_values(":pk", text(pk)).into_paginator().items().send();
        let items: Result<Vec<Item>, _> = pages.collect().await;
        let items = items.map_err(|error| port_error("query", &error))?;
        Ok(items.into_iter().filter(|item| self.is_current(item)).collect())
    }

    fn update(&self, pk: String, sk: &str) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).set_key(Some(self.key(pk, sk)))
    }

    fn key(&self, pk: String, sk: &str) -> Item {
        Item::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
    }

    fn is_current(&self, item: &Item) -> bool {
        whole(item, schema::EXPIRES).is_none_or(|at| at > self.now_ms() / 1000)
    }
}
