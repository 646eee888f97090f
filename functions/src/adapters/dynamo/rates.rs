//! How often something happened within a minute: an item each, by which nobody can tell of whom.

use aws_sdk_dynamodb::types::ReturnValue;
use shared::limits::Window;
use shared::ports::{CountRates, PortError, PortResult};

use super::super::sdk::port_error;
use super::Store;
use super::item::{number, part};
use super::schema::{rate_key, window_key};

impl CountRates for Store {
    async fn count_rate(&self, what: &'static str, whom: &str, window: Window) -> PortResult<u32> {
        let request = self
            .update(rate_key(what, whom), &window_key(window))
            .update_expression("ADD hits :one SET expires_at = :until")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":until", number(window.ends_at_ms() / 1000))
            .return_values(ReturnValue::UpdatedNew);
        let answer = request.send().await.map_err(|error| port_error("count rate", &error))?;
        let hits = answer.attributes.and_then(|mut item| item.remove("hits"));
        part(hits.ok_or_else(|| PortError::Corrupt("a count without a number".to_owned()))?)
    }
}
