//! Several writes that happen together or not at all, each with its condition.

use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use shared::ports::{PortError, PortResult};

use super::super::sdk::{is_throttling, port_error};
use super::Store;
use super::item::Item;

/// Between tries of what another transaction, or a write, was in the way of: half a second in all. The SDK does not
/// try these again.
pub(super) const PATIENCE: [Duration; 5] = [
    Duration::from_millis(15),
    Duration::from_millis(35),
    Duration::from_millis(75),
    Duration::from_millis(150),
    Duration::from_millis(250),
];

#[derive(Debug, Clone)]
pub(super) enum Part {
    Put(PutBuilder),
    Update(UpdateBuilder),
    /// Writes nothing.
    Check(ConditionCheckBuilder),
}

#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    /// Of each part whose condition was not met the item as it is, if there is one; `None` of the others.
    Refused(Vec<Option<Option<Item>>>),
}

impl Part {
    pub(super) fn put(item: Item) -> Self {
        Self::Put(Put::builder().set_item(Some(item)))
    }

    pub(super) fn update(key: Item, expression: &str) -> Self {
        Self::Update(Update::builder().set_key(Some(key)).update_expression(expression))
    }

    pub(super) fn check(key: Item) -> Self {
        Self::Check(ConditionCheck::builder().set_key(Some(key)))
    }

    pub(super) fn only_if(self, condition: &str) -> Self {
        let old = ReturnValuesOnConditionCheckFailure::AllOld;
        match self {
            Self::Put(put) => {
                Self::Put(put.condition_expression(condition).return_values_on_condition_check_failure(old))
            }
            Self::Update(update) => {
                Self::Update(update.condition_expression(condition).return_values_on_condition_check_failure(old))
            }
            Self::Check(check) => {
                Self::Check(check.condition_expression(condition).return_values_on_condition_check_failure(old))
            }
        }
    }

    pub(super) fn name(self, placeholder: &str, name: &str) -> Self {
        match self {
            Self::Put(put) => Self::Put(put.expression_attribute_names(placeholder, name)),
            Self::Update(update) => Self::Update(update.expression_attribute_names(placeholder, name)),
            Self::Check(check) => Self::Check(check.expression_attribute_names(placeholder, name)),
        }
    }

    pub(super) fn value(self, placeholder: &str, value: AttributeValue) -> Self {
        match self {
            Self::Put(put) => Self::Put(put.expression_attribute_values(placeholder, value)),
            Self::Update(update) => Self::Update(update.expression_attribute_values(placeholder, value)),
            Self::Check(check) => Self::Check(check.expression_attribute_values(placeholder, value)),
        }
    }

    fn build(self, table: &str) -> PortResult<TransactWriteItem> {
        let item = TransactWriteItem::builder();
        let item = match self {
            Self::Put(put) => item.put(put.table_name(table).build().map_err(|_| incomplete())?),
            Self::Update(update) => item.update(update.table_name(table).build().map_err(|_| incomplete())?),
            Self::Check(check) => item.condition_check(check.table_name(table).build().map_err(|_| incomplete())?),
        };
        Ok(item.build())
    }
}

impl Store {
    /// The SDK names each of these, so that one whose answer was lost is not done twice.
    pub(super) async fn transact(&self, what: &str, parts: Vec<Part>) -> PortResult<Outcome> {
        let parts: Vec<_> = parts.into_iter().map(|part| part.build(&self.table)).collect::<PortResult<_>>()?;
        let mut waits = PATIENCE.into_iter();
        loop {
            let request = self.client.transact_write_items().set_transact_items(Some(parts.clone()));
            let Err(error) = request.send().await else { return Ok(Outcome::Done) };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
            else {
                return Err(port_error(what, &error));
            };
            match (refusal(what, cancelled.cancellation_reasons()), waits.next()) {
                (Err(PortError::Throttled(_)), Some(wait)) => tokio::time::sleep(wait).await,
                (refusal, _) => return refusal,
            }
        }
    }
}

/// Conditions count only if nothing else was in the way: they may be met the next time.
fn refusal(what: &str, reasons: &[CancellationReason]) -> PortResult<Outcome> {
    let mut refused = Vec::with_capacity(reasons.len());
    for reason in reasons {
        refused.push(match reason.code().unwrap_or("None") {
            "None" => None,
            "ConditionalCheckFailed" => Some(reason.item().filter(|item| !item.is_empty()).cloned()),
            code if is_throttling(code) => return Err(PortError::Throttled(format!("{what}: {code}"))),
            code => return Err(PortError::Unavailable(format!("{what}: {code}"))),
        });
    }
    match refused.iter().any(Option::is_some) {
        true => Ok(Outcome::Refused(refused)),
        false => Err(PortError::Unavailable(format!("{what}: cancelled"))),
    }
}

fn incomplete() -> PortError {
    PortError::Corrupt("a write that is incomplete".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::dynamo::item::text;

    fn reason(code: &str) -> CancellationReason {
        CancellationReason::builder().code(code).build()
    }

    #[test]
    fn what_is_in_the_way_for_a_moment_is_no_refusal() {
        let conflict = refusal("x", &[reason("ConditionalCheckFailed"), reason("TransactionConflict")]);
        assert_eq!(conflict.unwrap_err(), PortError::Throttled("x: TransactionConflict".to_owned()));
        let throttled = refusal("x", &[reason("ThrottlingError"), reason("None")]);
        assert!(matches!(throttled, Err(PortError::Throttled(_))));
        assert!(matches!(refusal("x", &[reason("ValidationError")]), Err(PortError::Unavailable(_))));
        assert!(matches!(refusal("x", &[]), Err(PortError::Unavailable(_))));
    }

    #[test]
    fn a_refusal_says_which_part_and_what_is_there() {
        let item = Item::from([("sk".to_owned(), text("META"))]);
        let there = CancellationReason::builder().code("ConditionalCheckFailed").set_item(Some(item.clone())).build();
        let Ok(Outcome::Refused(parts)) = refusal("x", &[reason("None"), there, reason("ConditionalCheckFailed")])
        else {
            panic!("not refused")
        };
        assert_eq!(parts, [None, Some(Some(item)), Some(None)]);
    }
}
