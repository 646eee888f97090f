//! The registry of relays. A heartbeat and the control channel are written by different processes, each its own
//! attributes; a relay is listed once it has registered.

use shared::calls::Relay;
use shared::ids::{ConnectionId, RelayId};
use shared::ports::{Placements, PortResult, Relays};

use super::super::sdk::port_error;
use super::Store;
use super::item::{Item, attributes, number, part, text};
use super::schema::{CONNECTIONS_STAY, EXPIRES, META, RELAYS_STAY, connection_key, relay_key};

impl Relays for Store {
    async fn register(&self, relay: &Relay) -> PortResult<()> {
        let mut fields = attributes(relay)?;
        if relay.control.is_none() {
            fields.remove("control");
        }
        fields.insert("gsi1pk".to_owned(), text("RELAYS"));
        fields.insert("gsi1sk".to_owned(), text(relay.id.as_str()));
        fields.insert(EXPIRES.to_owned(), number(self.expiry(RELAYS_STAY)));
        self.set(relay_key(&relay.id), fields).await
    }

    async fn deregister(&self, id: &RelayId) -> PortResult<()> {
        let request = self.client.delete_item().table_name(&self.table);
        let request = request.key("pk", text(relay_key(id))).key("sk", text(META));
        request.send().await.map(drop).map_err(|error| port_error("deregister relay", &error))
    }

    async fn control_opened(&self, id: &RelayId, connection: &ConnectionId) -> PortResult<()> {
        let socket = Item::from([
            ("relay".to_owned(), text(id.as_str())),
            (EXPIRES.to_owned(), number(self.expiry(CONNECTIONS_STAY))),
        ]);
        self.set(connection_key(connection), socket).await?;
        let control = Item::from([
            ("control".to_owned(), text(connection.as_str())),
            (EXPIRES.to_owned(), number(self.expiry(RELAYS_STAY))),
        ]);
        self.set(relay_key(id), control).await
    }

    /// Only if it is still this one: the relay may have another already.
    async fn control_closed(&self, connection: &ConnectionId) -> PortResult<()> {
        let item = self.forget_connection(connection).await?;
        let Some(relay) = item.and_then(|mut item| item.remove("relay")) else { return Ok(()) };
        let request = self
            .update(relay_key(&part(relay)?), META)
            .update_expression("REMOVE control")
            .condition_expression("control = :connection")
            .expression_attribute_values(":connection", text(connection.as_str()));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(cause) if cause.is_conditional_check_failed_exception() => Ok(()),
                _ => Err(port_error("forget control channel", &error)),
            },
        }
    }
}

/// A relay that has taken itself off the list is not put back by this.
impl Placements for Store {
    async fn note_placed(&self, relay: &RelayId) -> PortResult<()> {
        let request = self
            .update(relay_key(relay), META)
            .update_expression("ADD opened :one")
            .condition_expression("attribute_exists(heartbeat_at_ms)")
            .expression_attribute_values(":one", number(1));
        self.send("note placed call", request).await.map(drop)
    }
}

impl Store {
    /// Sets these attributes of an item and leaves its others.
    async fn set(&self, pk: String, fields: Item) -> PortResult<()> {
        let mut request = self.update(pk, META);
        let mut assignments = Vec::with_capacity(fields.len());
        for (index, (name, value)) in fields.into_iter().enumerate() {
            assignments.push(format!("#n{index} = :v{index}"));
            request = request
                .expression_attribute_names(format!("#n{index}"), name)
                .expression_attribute_values(format!(":v{index}"), value);
        }
        let request = request.update_expression(format!("SET {}", assignments.join(", ")));
        request.send().await.map(drop).map_err(|error| port_error("set attributes", &error))
    }
}
