//! Calls: opened once, held by one relay at a time, ended once.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use shared::agent::Agent;
use shared::calls::{Call, CallStatus, Claimed, Ending, Holder, Lease};
use shared::ids::CallSid;
use shared::ports::{PortError, PortResult, ReadCall, WriteCall};
use shared::session::Journal;

use super::super::sdk::port_error;
use super::Store;
use super::item::{Item, attributes, number, part, record, sort_key, text, value};
use super::kept::days;
use super::lease::{LEASE_FIELDS, lease_of};
use super::schema::{EXPIRES, LEASE, META, call_key};
use super::transact::{Outcome, Part};

/// Keeps a call's ending: the first cause counts.
const NOT_ENDED: &str = "attribute_exists(pk) AND #status.#status <> :ended";
/// What a call is read from. All of it, but for what is not needed as long as the call is only looked at: the journal.
const CALL_FIELDS: [&str; 9] =
    ["sid", "from", "to", "agent", "media_path", "channel", "status", "began_at_ms", "streams"];

impl ReadCall for Store {
    async fn call(&self, sid: &CallSid) -> PortResult<Option<Call>> {
        let fields = || CALL_FIELDS.iter().chain(&LEASE_FIELDS).chain(&["sk", EXPIRES]).enumerate();
        let mut request = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :meta)")
            .expression_attribute_values(":pk", text(call_key(sid)))
            .expression_attribute_values(":meta", text(META))
            .projection_expression(fields().map(|(at, _)| format!("#f{at}")).collect::<Vec<_>>().join(", "));
        for (at, field) in fields() {
            request = request.expression_attribute_names(format!("#f{at}"), *field);
        }
        let answer = request.send().await.map_err(|error| port_error("query call", &error))?;
        let current = answer.items.unwrap_or_default().into_iter().filter(|item| self.is_current(item));
        together(current)
    }

    async fn lease(&self, sid: &CallSid) -> PortResult<Option<Lease>> {
        self.read_lease(sid).await
    }
}

impl WriteCall for Store {
    async fn open_call(&self, call: &Call) -> PortResult<()> {
        let mut item = call_attributes(call)?;
        item.extend([
            ("pk".to_owned(), text(call_key(&call.sid))),
            ("sk".to_owned(), text(META)),
            ("gsi1pk".to_owned(), text("CALLS")),
            ("gsi1sk".to_owned(), text(format!("{:015}#{}", call.began_at_ms, call.sid))),
            (EXPIRES.to_owned(), number(self.expiry(days(call.agent.recording.transcript_retention_days)))),
        ]);
        let mut parts = vec![Part::put(item).only_if("attribute_not_exists(pk)")];
        if let Some(lease) = &call.lease {
            parts.push(Part::put(self.lease_item(call, lease)?));
        }
        parts.extend(self.trace_items(call)?.into_iter().map(Part::put));
        match self.transact("open call", parts).await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(_) => Err(conflict("the call exists")),
        }
    }

    async fn claim(&self, sid: &CallSid, by: &Holder, held: Option<u64>) -> PortResult<Claimed> {
        match held {
            Some(fence) => self.take_over(sid, by, fence).await,
            None => self.take_first(sid, by).await,
        }
    }

    async fn hand_over(&self, sid: &CallSid, lease: &Lease, to: &Holder, journal: &Journal) -> PortResult<Lease> {
        self.give(sid, lease, to, journal).await
    }

    async fn write_journal(&self, sid: &CallSid, lease: &Lease, journal: &Journal) -> PortResult<()> {
        self.keep_journal(sid, lease, journal).await
    }

    async fn set_status(&self, sid: &CallSid, status: CallStatus, lease: &Lease) -> PortResult<()> {
        self.set_held("set status", sid, lease, "status", value(&status)?).await
    }

    async fn set_agent(&self, sid: &CallSid, agent: &Agent, lease: &Lease) -> PortResult<()> {
        self.set_held("set agent", sid, lease, "agent", value(agent)?).await
    }

    async fn end_call(&self, sid: &CallSid, ending: Ending) -> PortResult<()> {
        let request = self
            .update(call_key(sid), META)
            .update_expression("SET #status = :status")
            .condition_expression(NOT_ENDED)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", value(&CallStatus::Ended(ending))?)
            .expression_attribute_values(":ended", text("ended"));
        match self.send("end call", request).await? {
            Ok(_) => Ok(()),
            Err(refused) => refused.map(drop).ok_or(PortError::Gone),
        }
    }

    async fn count_stream(&self, sid: &CallSid) -> PortResult<u32> {
        let request = self
            .update(call_key(sid), META)
            .update_expression("ADD streams :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::UpdatedNew);
        let mut item = self.send("count stream", request).await?.map_err(|_| PortError::Gone)?;
        part(item.remove("streams").ok_or_else(|| PortError::Corrupt("a count without a number".to_owned()))?)
    }
}

impl Store {
    /// A field of a call that has not ended, for whoever holds it.
    async fn set_held(
        &self,
        what: &str,
        sid: &CallSid,
        lease: &Lease,
        field: &str,
        value: AttributeValue,
    ) -> PortResult<()> {
        let held = Part::check(self.key(call_key(sid), LEASE))
            .only_if("relay = :relay AND fence = :fence")
            .value(":relay", text(lease.relay.as_str()))
            .value(":fence", number(lease.fence));
        let written = Part::update(self.key(call_key(sid), META), "SET #field = :value")
            .only_if(NOT_ENDED)
            .name("#status", "status")
            .name("#field", field)
            .value(":value", value)
            .value(":ended", text("ended"));
        match self.transact(what, vec![held, written]).await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(causes) => match causes.as_slice() {
                // Whoever asks about a call that is not there has no lease on it either.
                [_, Some(None)] => Err(PortError::Gone),
                [Some(_), _] => Err(conflict("another relay has the call")),
                _ => Ok(()),
            },
        }
    }
}

/// The lease is an item of its own.
fn call_attributes(call: &Call) -> PortResult<Item> {
    let mut item = attributes(call)?;
    item.remove("lease");
    Ok(item)
}

/// A call from its items.
fn together(items: impl Iterator<Item = Item>) -> PortResult<Option<Call>> {
    let (mut call, mut lease) = (None, None);
    for item in items {
        match sort_key(&item) {
            META => call = Some(record::<Call>(item)?),
            LEASE => lease = Some(lease_of(&item)?),
            _ => {}
        }
    }
    Ok(call.map(|call| Call { lease, ..call }))
}

/// The item that did not meet the condition, `None` if there is none; any other fault is passed on.
pub(super) fn refused(what: &str, error: &SdkError<UpdateItemError>) -> PortResult<Option<Item>> {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(failed.item.clone()),
        _ => Err(port_error(what, error)),
    }
}

pub(super) fn conflict(what: &str) -> PortError {
    PortError::Conflict(what.to_owned())
}

#[cfg(test)]
mod tests {
    use shared::calls::{Channel, MediaPath};

    use super::*;

    #[test]
    fn all_of_a_call_is_asked_for() {
        let call = Call {
            sid: "CA1".into(),
            from: "+15551234567".into(),
            to: "+15557654321".into(),
            agent: Agent::default(),
            media_path: MediaPath::Gateway,
            channel: Channel::Telephone,
            status: CallStatus::Ringing,
            began_at_ms: 1,
            lease: None,
            streams: 1,
            review: None,
        };
        let mut kept: Vec<String> = call_attributes(&call).unwrap().into_keys().collect();
        let mut asked = CALL_FIELDS.map(str::to_owned);
        kept.sort();
        asked.sort();
        assert_eq!(kept, asked);
    }
}
