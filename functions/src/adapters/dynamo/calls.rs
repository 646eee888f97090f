//! Calls: opened once, held by one relay at a time, ended once.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use shared::calls::{Call, CallStatus, Ending, Lease};
use shared::ids::{CallSid, RelayId};
use shared::ports::{PortError, PortResult, ReadCall, WriteCall};

use super::super::sdk::port_error;
use super::Store;
use super::item::{Item, attributes, number, part, record, text, value};
use super::schema::{CALLS_STAY, EXPIRES, META, call_key};

/// Keeps a call's ending: the first cause counts.
const NOT_ENDED: &str = "#status.#status <> :ended";

impl ReadCall for Store {
    async fn call(&self, sid: &CallSid) -> PortResult<Option<Call>> {
        self.get(call_key(sid), META).await?.map(record).transpose()
    }
}

impl WriteCall for Store {
    async fn open_call(&self, call: &Call) -> PortResult<()> {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(attributes(call)?));
        let request = request
            .item("pk", text(call_key(&call.sid)))
            .item("sk", text(META))
            .item("gsi1pk", text("CALLS"))
            .item("gsi1sk", text(format!("{:015}#{}", call.began_at_ms, call.sid)))
            .item(EXPIRES, number(self.expiry(CALLS_STAY)))
            .condition_expression("attribute_not_exists(pk)");
        request.send().await.map(drop).map_err(|error| match error.as_service_error() {
            Some(cause) if cause.is_conditional_check_failed_exception() => conflict("the call exists"),
            _ => port_error("open call", &error),
        })
    }

    async fn claim(&self, sid: &CallSid, relay: &RelayId, held: Option<u64>) -> PortResult<Lease> {
        let lease = Lease { relay: relay.clone(), fence: held.unwrap_or_default() + 1 };
        let request = self
            .update(call_key(sid), META)
            .update_expression("SET lease = :lease")
            .expression_attribute_values(":lease", value(&lease)?)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let request = match held {
            None => request.condition_expression("attribute_exists(pk) AND attribute_not_exists(lease.fence)"),
            Some(fence) => request
                .condition_expression("attribute_exists(pk) AND lease.fence = :held")
                .expression_attribute_values(":held", number(fence)),
        };
        match request.send().await {
            Ok(_) => Ok(lease),
            Err(error) => match refused(error, "claim call")? {
                Some(item) if holds(&item, &lease) => Ok(lease),
                Some(_) => Err(conflict("another relay has the call")),
                None => Err(PortError::Gone),
            },
        }
    }

    async fn set_status(&self, sid: &CallSid, status: CallStatus, lease: &Lease) -> PortResult<()> {
        let request = self
            .update(call_key(sid), META)
            .update_expression("SET #status = :status")
            .condition_expression(format!("lease = :lease AND {NOT_ENDED}"))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", value(&status)?)
            .expression_attribute_values(":ended", text("ended"))
            .expression_attribute_values(":lease", value(lease)?)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match refused(error, "set status")? {
                Some(item) if holds(&item, lease) => Ok(()),
                Some(_) => Err(conflict("another relay has the call")),
                None => Err(PortError::Gone),
            },
        }
    }

    async fn end_call(&self, sid: &CallSid, ending: Ending) -> PortResult<()> {
        let request = self
            .update(call_key(sid), META)
            .update_expression("SET #status = :status")
            .condition_expression(format!("attribute_exists(pk) AND {NOT_ENDED}"))
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", value(&CallStatus::Ended(ending))?)
            .expression_attribute_values(":ended", text("ended"))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => refused(error, "end call")?.map(drop).ok_or(PortError::Gone),
        }
    }

    async fn count_stream(&self, sid: &CallSid) -> PortResult<u32> {
        let request = self
            .update(call_key(sid), META)
            .update_expression("ADD streams :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::UpdatedNew);
        match request.send().await {
            Ok(answer) => {
                let streams = answer.attributes.and_then(|mut item| item.remove("streams"));
                part(streams.ok_or_else(|| PortError::Corrupt("a count without a number".to_owned()))?)
            }
            Err(error) => refused(error, "count stream").and(Err(PortError::Gone)),
        }
    }
}

/// The item that did not meet the condition, `None` if there is none; any other fault is passed on.
fn refused(error: SdkError<UpdateItemError>, what: &str) -> PortResult<Option<Item>> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(failed.item.clone()),
        _ => Err(port_error(what, &error)),
    }
}

fn holds(item: &Item, lease: &Lease) -> bool {
    item.get("lease").cloned().and_then(|held| part::<Lease>(held).ok()).as_ref() == Some(lease)
}

fn conflict(what: &str) -> PortError {
    PortError::Conflict(what.to_owned())
}
