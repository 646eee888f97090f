//! What an agent's calls have cost on a day: one item, to which all relays add.

use aws_sdk_dynamodb::types::ReturnValue;
use shared::ids::AgentId;
use shared::money::{Day, Usd};
use shared::ports::{CountSpending, PortError, PortResult};

use super::super::sdk::port_error;
use super::Store;
use super::item::{number, part};
use super::schema::{day_key, spent_key};

impl CountSpending for Store {
    async fn count_spending(&self, agent: &AgentId, day: Day, amount: Usd) -> PortResult<Usd> {
        let request = self
            .update(spent_key(agent), &day_key(day))
            .update_expression("ADD billionths :amount SET expires_at = :until")
            .expression_attribute_values(":amount", number(amount.billionths()))
            .expression_attribute_values(":until", number(day.forgotten_at_ms() / 1000))
            .return_values(ReturnValue::UpdatedNew);
        let answer = request.send().await.map_err(|error| port_error("count spending", &error))?;
        let total = answer.attributes.and_then(|mut item| item.remove("billionths"));
        let total: u64 = part(total.ok_or_else(|| PortError::Corrupt("a count without a number".to_owned()))?)?;
        Ok(Usd::from_billionths(total))
    }
}
