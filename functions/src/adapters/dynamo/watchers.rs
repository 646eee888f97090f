//! Consoles that watch: one partition, which every relay reads whole.

use shared::ids::ConnectionId;
use shared::live::Watcher;
use shared::ports::{KeepWatchers, ListWatchers, PortError, PortResult};

use super::super::sdk::port_error;
use super::Store;
use super::item::{attributes, number, record, text};
use super::schema::{EXPIRES, WATCHERS, WATCHERS_STAY};

impl ListWatchers for Store {
    async fn watchers(&self) -> PortResult<Vec<Watcher>> {
        self.list(WATCHERS.to_owned(), "").await?.into_iter().map(record).collect()
    }
}

impl KeepWatchers for Store {
    async fn keep_watcher(&self, watcher: &Watcher) -> PortResult<()> {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(attributes(watcher)?));
        let request = request
            .item("pk", text(WATCHERS))
            .item("sk", text(watcher.connection.as_str()))
            .item(EXPIRES, number(self.expiry(WATCHERS_STAY)));
        request.send().await.map(drop).map_err(|error| port_error("keep watcher", &error))
    }

    async fn watcher(&self, connection: &ConnectionId) -> PortResult<Option<Watcher>> {
        self.get(WATCHERS.to_owned(), connection.as_str()).await?.map(record).transpose()
    }

    async fn watcher_seen(&self, connection: &ConnectionId, at_ms: u64) -> PortResult<()> {
        let request = self
            .update(WATCHERS.to_owned(), connection.as_str())
            .update_expression("SET seen_at_ms = :at, expires_at = :until")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":at", number(at_ms))
            .expression_attribute_values(":until", number(self.expiry(WATCHERS_STAY)));
        request.send().await.map(drop).map_err(|error| match error.as_service_error() {
            Some(cause) if cause.is_conditional_check_failed_exception() => PortError::Gone,
            _ => port_error("note watcher", &error),
        })
    }

    async fn forget_watcher(&self, connection: &ConnectionId) -> PortResult<()> {
        let request = self.client.delete_item().table_name(&self.table);
        let request = request.set_key(Some(self.key(WATCHERS.to_owned(), connection.as_str())));
        request.send().await.map(drop).map_err(|error| port_error("forget watcher", &error))
    }
}
