//! Something to look up on a laptop: what the tools bring along.

use shared::ports::PortResult;

use super::super::sdk::port_error;
use super::Store;
use super::item::{attributes, text};
use super::schema::data_key;

/// Puts the tools' own reference data; what is there already is replaced.
pub async fn seed(store: &Store) -> PortResult<()> {
    for (kind, id, item) in shared::tools::seed() {
        let request = store.client.put_item().table_name(&store.table).set_item(Some(attributes(&item)?));
        let request = request.item("pk", text(data_key(kind))).item("sk", text(id));
        request.send().await.map_err(|error| port_error("seed", &error))?;
    }
    Ok(())
}
