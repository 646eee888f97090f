//! The carrier's WebSockets at API Gateway.

use aws_sdk_dynamodb::types::ReturnValue;
use shared::calls::{Binding, Connection};
use shared::ids::ConnectionId;
use shared::ports::{Connections, PortError, PortResult};

use super::super::sdk::port_error;
use super::Store;
use super::item::{Item, attributes, number, record, text, value};
use super::schema::{CONNECTIONS_STAY, EXPIRES, META, connection_key};

impl Connections for Store {
    async fn connection_opened(&self, connection: &Connection) -> PortResult<()> {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(attributes(connection)?));
        let request = request
            .item("pk", text(connection_key(&connection.id)))
            .item("sk", text(META))
            .item(EXPIRES, number(self.expiry(CONNECTIONS_STAY)));
        request.send().await.map(drop).map_err(|error| port_error("store connection", &error))
    }

    async fn connection(&self, id: &ConnectionId) -> PortResult<Option<Connection>> {
        self.get(connection_key(id), META).await?.map(record).transpose()
    }

    async fn bind_connection(&self, id: &ConnectionId, binding: &Binding) -> PortResult<()> {
        let request = self
            .update(connection_key(id), META)
            .update_expression("SET binding = :binding")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":binding", value(binding)?);
        request.send().await.map(drop).map_err(|error| match error.as_service_error() {
            Some(cause) if cause.is_conditional_check_failed_exception() => PortError::Gone,
            _ => port_error("bind connection", &error),
        })
    }

    async fn connection_closed(&self, id: &ConnectionId) -> PortResult<Option<Binding>> {
        let Some(item) = self.forget_connection(id).await? else { return Ok(None) };
        Ok(record::<Connection>(item)?.binding)
    }
}

impl Store {
    /// Deletes the item and says what it was.
    pub(super) async fn forget_connection(&self, id: &ConnectionId) -> PortResult<Option<Item>> {
        let request = self.client.delete_item().table_name(&self.table);
        let request = request.key("pk", text(connection_key(id))).key("sk", text(META));
        let answer = request.return_values(ReturnValue::AllOld).send().await;
        Ok(answer.map_err(|error| port_error("forget connection", &error))?.attributes)
    }
}
