//! Tool calls that were begun and finished, so that a repeated request is not carried out twice.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use shared::ports::{PortError, PortResult, Random as _, ToolLedger};
use shared::tools::{ToolOutcome, ToolRequest};

use super::super::random::SystemRandom;
use super::super::sdk::port_error;
use super::Store;
use super::item::{Item, number, part, text, value};
use super::schema::{EXPIRES, TOOLS_STAY, call_key, tool_key};

/// A tool that was begun so long ago and has not finished died with its process: it may be begun again.
/// Unless it must not happen twice: then nobody knows whether it did.
const ABANDONED_AFTER_MS: u64 = 60_000;

/// A repetition by the SDK of our own write, whose answer was lost, does not find another in its way.
const BEGIN: &str = "attribute_not_exists(outcome) \
    AND (attribute_not_exists(pk) OR begun_at_ms < :old OR begun_by = :me)";

impl ToolLedger for Store {
    async fn begin(&self, request: &ToolRequest) -> PortResult<Option<ToolOutcome>> {
        let (now, me) = (self.now_ms(), text(SystemRandom.token()?.reveal()));
        let abandoned_before = if request.is_idempotent() { now.saturating_sub(ABANDONED_AFTER_MS) } else { 0 };
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(call_key(&request.sid)))
            .item("sk", text(tool_key(&request.call)))
            .item("name", text(&request.name))
            .item("begun_at_ms", number(now))
            .item("begun_by", me.clone())
            .item(EXPIRES, number(self.expiry(TOOLS_STAY)))
            .condition_expression(BEGIN)
            .expression_attribute_values(":me", me)
            .expression_attribute_values(":old", number(abandoned_before))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => earlier(failed.item.clone()).map(Some),
                _ => Err(port_error("begin tool call", &error)),
            },
        }
    }

    async fn finish(&self, request: &ToolRequest, outcome: &ToolOutcome) -> PortResult<()> {
        let update = self
            .update(call_key(&request.sid), &tool_key(&request.call))
            .update_expression("SET outcome = :outcome")
            .expression_attribute_values(":outcome", value(outcome)?);
        update.send().await.map(drop).map_err(|error| port_error("finish tool call", &error))
    }

    async fn outcome(&self, request: &ToolRequest) -> PortResult<Option<ToolOutcome>> {
        let item = self.get(call_key(&request.sid), &tool_key(&request.call)).await?;
        item.and_then(|mut item| item.remove("outcome")).map(part).transpose()
    }
}

fn earlier(item: Option<Item>) -> PortResult<ToolOutcome> {
    match item.and_then(|mut item| item.remove("outcome")) {
        Some(outcome) => part(outcome),
        None => Err(PortError::Conflict("this tool call is being carried out".to_owned())),
    }
}
