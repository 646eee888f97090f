//! Who holds a call, and what the next one must know. Both are one item, so that taking a call is one conditional
//! write, and tells all there is.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use shared::calls::{Call, Claimed, Holder, Lease};
use shared::ids::CallSid;
use shared::ports::{PortError, PortResult};
use shared::session::{JOURNAL_VERSION, Journal};

use super::Store;
use super::calls::{conflict, refused};
use super::item::{Item, attributes, number, part, record, text, value};
use super::kept::days;
use super::schema::{CALLS_STAY, EXPIRES, LEASE, META, call_key};
use super::transact::PATIENCE;

/// The item without the journal.
pub(super) const LEASE_FIELDS: [&str; 3] = ["relay", "address", "fence"];

const HELD: &str = "relay = :relay AND fence = :held";
const NEXT: &str = "SET relay = :by, address = :address, fence = :next, \
    expires_at = if_not_exists(expires_at, :until)";

impl Store {
    pub(super) async fn read_lease(&self, sid: &CallSid) -> PortResult<Option<Lease>> {
        let item = self.get_only(call_key(sid), LEASE, &LEASE_FIELDS).await?;
        item.map(|item| lease_of(&item)).transpose()
    }

    pub(super) fn lease_item(&self, call: &Call, lease: &Lease) -> PortResult<Item> {
        let mut item = attributes(lease)?;
        item.extend(self.key(call_key(&call.sid), LEASE));
        let stays = days(call.agent.recording.transcript_retention_days);
        item.insert(EXPIRES.to_owned(), number(self.expiry(stays)));
        Ok(item)
    }

    /// Of a call that nobody has held yet. It is looked up first: an update would make the item of any call.
    pub(super) async fn take_first(&self, sid: &CallSid, by: &Holder) -> PortResult<Claimed> {
        if !self.is_known(sid).await? {
            return Err(PortError::Gone);
        }
        let lease = by.lease(1);
        let request = self.next(sid, &lease).condition_expression("attribute_not_exists(fence)");
        self.claimed(sid, lease, request).await
    }

    /// The journal stays in the item, for whoever is next if this holder does not come to write one.
    pub(super) async fn take_over(&self, sid: &CallSid, by: &Holder, held: u64) -> PortResult<Claimed> {
        let lease = by.lease(held + 1);
        let request = self.next(sid, &lease).condition_expression("fence = :held");
        self.claimed(sid, lease, request.expression_attribute_values(":held", number(held))).await
    }

    pub(super) async fn give(&self, sid: &CallSid, lease: &Lease, to: &Holder, journal: &Journal) -> PortResult<Lease> {
        let next = to.lease(lease.fence + 1);
        let request = held_by(self.next(sid, &next), lease)
            .update_expression(format!("{NEXT}, journal = :journal"))
            .expression_attribute_values(":journal", value(journal)?);
        match self.send("hand over call", request).await? {
            Ok(_) => Ok(next),
            Err(Some(item)) if lease_of(&item).as_ref() == Ok(&next) => Ok(next),
            Err(item) => Err(anothers(item.as_ref())),
        }
    }

    pub(super) async fn keep_journal(&self, sid: &CallSid, lease: &Lease, journal: &Journal) -> PortResult<()> {
        let request = held_by(self.update(call_key(sid), LEASE), lease)
            .update_expression("SET journal = :journal")
            .expression_attribute_values(":journal", value(journal)?);
        match self.send("write journal", request).await? {
            Ok(_) => Ok(()),
            Err(item) => Err(anothers(item.as_ref())),
        }
    }

    async fn claimed(&self, sid: &CallSid, lease: Lease, request: UpdateItemFluentBuilder) -> PortResult<Claimed> {
        match self.send("claim call", request.return_values(ReturnValue::AllNew)).await? {
            Ok(item) => Ok(Claimed { lease, journal: journal_of(sid, item) }),
            // Our own write, whose answer was lost.
            Err(Some(item)) if lease_of(&item).as_ref() == Ok(&lease) => {
                Ok(Claimed { lease, journal: journal_of(sid, item) })
            }
            Err(None) if !self.is_known(sid).await? => Err(PortError::Gone),
            Err(_) => Err(conflict("another relay has the call")),
        }
    }

    /// Writes a lease over another.
    fn next(&self, sid: &CallSid, lease: &Lease) -> UpdateItemFluentBuilder {
        self.update(call_key(sid), LEASE)
            .update_expression(NEXT)
            .expression_attribute_values(":by", text(lease.relay.as_str()))
            .expression_attribute_values(":address", text(lease.address.as_str()))
            .expression_attribute_values(":next", number(lease.fence))
            .expression_attribute_values(":until", number(self.expiry(CALLS_STAY)))
    }

    async fn is_known(&self, sid: &CallSid) -> PortResult<bool> {
        Ok(self.get_only(call_key(sid), META, &[]).await?.is_some())
    }

    /// Writes what it returns, or says which item refused it. A transaction on the item makes it wait a little.
    pub(super) async fn send(
        &self,
        what: &str,
        request: UpdateItemFluentBuilder,
    ) -> PortResult<Result<Item, Option<Item>>> {
        let mut waits = PATIENCE.into_iter();
        let request = request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        loop {
            match request.clone().send().await {
                Ok(answer) => return Ok(Ok(answer.attributes.unwrap_or_default())),
                Err(error) => match (error.as_service_error(), waits.next()) {
                    (Some(cause), Some(wait)) if cause.is_transaction_conflict_exception() => {
                        tokio::time::sleep(wait).await;
                    }
                    _ => return refused(what, &error).map(Err),
                },
            }
        }
    }
}

fn held_by(request: UpdateItemFluentBuilder, lease: &Lease) -> UpdateItemFluentBuilder {
    request
        .condition_expression(HELD)
        .expression_attribute_values(":relay", text(lease.relay.as_str()))
        .expression_attribute_values(":held", number(lease.fence))
}

/// A call without an item has no holder, and is none that could be held.
fn anothers(item: Option<&Item>) -> PortError {
    item.map_or(PortError::Gone, |_| conflict("another relay has the call"))
}

pub(super) fn lease_of(item: &Item) -> PortResult<Lease> {
    let fields = LEASE_FIELDS.iter().filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone())));
    record(fields.collect())
}

/// One that cannot be read must not keep anyone from taking the call.
fn journal_of(sid: &CallSid, mut item: Item) -> Option<Journal> {
    match readable(item.remove("journal")?) {
        Ok(journal) => Some(journal),
        Err(reason) => {
            tracing::warn!(code = "journal_unreadable", call = %sid, %reason);
            None
        }
    }
}

fn readable(journal: AttributeValue) -> PortResult<Journal> {
    let version = journal.as_m().ok().and_then(|fields| fields.get("version").cloned());
    match version.map(part::<u32>).transpose()? {
        Some(1..=JOURNAL_VERSION) => part(journal),
        Some(version) => Err(PortError::Corrupt(format!("version {version} of the journal"))),
        None => Err(PortError::Corrupt("a journal without a version".to_owned())),
    }
}
