//! Numbers that were pointed here, and what they were set to before: one item each, of one key, because there are few and
//! all are read together.

use shared::ids::NumberSid;
use shared::ports::{KeepPointed, PortResult};
use shared::twilio::numbers::Pointed;

use super::super::sdk::port_error;
use super::Store;
use super::item::{attributes, record};
use super::schema::POINTED;

impl KeepPointed for Store {
    async fn all_pointed(&self) -> PortResult<Vec<Pointed>> {
        self.list(POINTED.to_owned(), "").await?.into_iter().map(record).collect()
    }

    async fn pointed(&self, sid: &NumberSid) -> PortResult<Option<Pointed>> {
        self.get(POINTED.to_owned(), sid.as_str()).await?.map(record).transpose()
    }

    async fn keep_pointed(&self, pointed: &Pointed) -> PortResult<()> {
        let mut item = attributes(pointed)?;
        item.extend(self.key(POINTED.to_owned(), pointed.number.as_str()));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(drop).map_err(|error| port_error("keep pointed number", &error))
    }

    async fn forget_pointed(&self, sid: &NumberSid) -> PortResult<()> {
        let request = self.client.delete_item().table_name(&self.table);
        let request = request.set_key(Some(self.key(POINTED.to_owned(), sid.as_str())));
        request.send().await.map(drop).map_err(|error| port_error("forget pointed number", &error))
    }
}
