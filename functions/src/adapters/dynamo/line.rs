//! The line of callers for whom there is no room yet: one partition, in the order of arrival.

use shared::calls::Waiting;
use shared::ports::{PortError, PortResult, WaitingLine};

use super::super::sdk::port_error;
use super::Store;
use super::item::{Item, number, sort_key};
use super::schema::{EXPIRES, WAITING, waiting_key};

impl WaitingLine for Store {
    async fn stand_in_line(&self, waiting: &Waiting, until_ms: u64) -> PortResult<()> {
        let request = self.client.put_item().table_name(&self.table);
        let request = request.set_item(Some(self.key(WAITING.to_owned(), &waiting_key(waiting))));
        let request = request.item(EXPIRES, number(until_ms.div_ceil(1000)));
        request.send().await.map(drop).map_err(|error| port_error("stand in line", &error))
    }

    async fn leave_line(&self, waiting: &Waiting) -> PortResult<()> {
        let request = self.client.delete_item().table_name(&self.table);
        let request = request.set_key(Some(self.key(WAITING.to_owned(), &waiting_key(waiting))));
        request.send().await.map(drop).map_err(|error| port_error("leave line", &error))
    }

    async fn line(&self) -> PortResult<Vec<Waiting>> {
        self.list(WAITING.to_owned(), "").await?.iter().map(waiting).collect()
    }
}

fn waiting(item: &Item) -> PortResult<Waiting> {
    let key = sort_key(item).split_once('#');
    let waiting = key.and_then(|(since, sid)| Some(Waiting { since_ms: since.parse().ok()?, call: sid.into() }));
    waiting.ok_or_else(|| PortError::Corrupt("a caller in line without a name".to_owned()))
}
