//! Which relays live, as the others see it, and which calls each of them holds.

use shared::ids::{CallSid, RelayId};
use shared::ports::{Holdings, PortError, PortResult, Pulses, Random as _};

use super::super::random::SystemRandom;
use super::super::sdk::port_error;
use super::Store;
use super::calls::conflict;
use super::item::{Item, number, sort_key, text};
use super::schema::{EXPIRES, PULSE, PULSES_STAY, call_key, relay_key};

const CALL: &str = "CALL#";

impl Pulses for Store {
    async fn pulse(&self, relay: &RelayId) -> PortResult<()> {
        let request = self
            .update(relay_key(relay), PULSE)
            .update_expression("SET at_ms = :now, expires_at = :until")
            .condition_expression("attribute_not_exists(deposed)")
            .expression_attribute_values(":now", number(self.now_ms()))
            .expression_attribute_values(":until", number(self.expiry(PULSES_STAY)));
        self.send("pulse", request).await?.map(drop).map_err(|_| conflict("this relay was deposed"))
    }

    /// The mark is this attempt's own, so that a repetition by the SDK of a write whose answer was lost is not taken
    /// for somebody else's.
    async fn depose(&self, relay: &RelayId) -> PortResult<bool> {
        let request = self
            .update(relay_key(relay), PULSE)
            .update_expression("SET deposed = :me, expires_at = :until")
            .condition_expression("attribute_not_exists(deposed) OR deposed = :me")
            .expression_attribute_values(":me", text(SystemRandom.token()?.reveal()))
            .expression_attribute_values(":until", number(self.expiry(PULSES_STAY)));
        Ok(self.send("depose relay", request).await?.is_ok())
    }
}

impl Holdings for Store {
    async fn note_held(&self, relay: &RelayId, sid: &CallSid) -> PortResult<()> {
        let request = self.client.put_item().table_name(&self.table);
        let request = request.set_item(Some(self.key(relay_key(relay), &call_key(sid))));
        let request = request.item(EXPIRES, number(self.expiry(PULSES_STAY)));
        request.send().await.map(drop).map_err(|error| port_error("note held call", &error))
    }

    async fn forget_held(&self, relay: &RelayId, sid: &CallSid) -> PortResult<()> {
        let request = self.client.delete_item().table_name(&self.table);
        let request = request.set_key(Some(self.key(relay_key(relay), &call_key(sid))));
        request.send().await.map(drop).map_err(|error| port_error("forget held call", &error))
    }

    async fn held_by(&self, relay: &RelayId) -> PortResult<Vec<CallSid>> {
        self.list(relay_key(relay), CALL).await?.iter().map(held).collect()
    }
}

fn held(item: &Item) -> PortResult<CallSid> {
    let key = sort_key(item).strip_prefix(CALL);
    key.map(CallSid::from).ok_or_else(|| PortError::Corrupt("a call without a name".to_owned()))
}
