//! Agents, version by version, and whose number is whose. A version is written once; `META` says which one counts, and
//! both happen together or not at all.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use shared::agent::{Agent, Entitled, Saved};
use shared::ids::AgentId;
use shared::ports::{PortError, PortResult, ReadAgents, WriteAgents};

use super::super::sdk::port_error;
use super::Store;
use super::calls::conflict;
use super::item::{Item, number, part, record, text, value};
use super::schema::{INDEX, META, VERSIONS, agent_key, number_key, version_key};
use super::transact::{Outcome, Part};

const AGENTS: &str = "AGENTS";
const NUMBERS: &str = "NUMBERS";
/// What [`Entitled`] is read from.
const TITLE: &str = "id, version, #name, saved_at_ms";

/// What `META` says.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Pointer {
    /// The latest that was written.
    version: u32,
    /// It counts no more, and nor does any other.
    #[serde(default)]
    deleted: bool,
}

impl Pointer {
    fn current(self) -> Option<u32> {
        (!self.deleted).then_some(self.version)
    }
}

impl ReadAgents for Store {
    async fn agent(&self, id: &AgentId) -> PortResult<Option<Saved>> {
        match self.pointer(id).await?.and_then(Pointer::current) {
            Some(version) => self.agent_version(id, version).await,
            None => Ok(None),
        }
    }

    async fn agent_version(&self, id: &AgentId, version: u32) -> PortResult<Option<Saved>> {
        self.get(agent_key(id), &version_key(version)).await?.map(record).transpose()
    }

    async fn agents(&self) -> PortResult<Vec<Entitled>> {
        self.listed(AGENTS).await?.into_iter().map(record).collect()
    }

    async fn agent_versions(&self, id: &AgentId) -> PortResult<Vec<Entitled>> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .scan_index_forward(false)
            .key_condition_expression("pk = :pk AND begins_with(sk, :versions)")
            .expression_attribute_values(":pk", text(agent_key(id)))
            .expression_attribute_values(":versions", text(VERSIONS))
            .projection_expression(TITLE)
            .expression_attribute_names("#name", "name");
        let items: Result<Vec<Item>, _> = query.into_paginator().items().send().collect().await;
        items.map_err(|error| port_error("query versions", &error))?.into_iter().map(record).collect()
    }

    async fn answering(&self, number: &str) -> PortResult<Option<AgentId>> {
        let item = self.get(number_key(number), META).await?;
        item.and_then(|mut item| item.remove("agent")).map(part).transpose()
    }

    async fn numbers(&self) -> PortResult<Vec<(String, AgentId)>> {
        let items = self.listed(NUMBERS).await?;
        let pair = |mut item: Item| {
            let mut take = |field: &str| item.remove(field).ok_or_else(|| PortError::Corrupt(format!("no {field}")));
            Ok((part(take("gsi1sk")?)?, part(take("agent")?)?))
        };
        items.into_iter().map(pair).collect()
    }
}

impl WriteAgents for Store {
    async fn save_agent(&self, agent: &Agent, current: Option<u32>) -> PortResult<Saved> {
        let before = self.pointer(&agent.id).await?;
        if before.and_then(Pointer::current) != current {
            return Err(another_counts());
        }
        let version = before.map_or(0, |before| before.version).saturating_add(1);
        let saved = Saved { agent: Agent { version, ..agent.clone() }, saved_at_ms: self.now_ms() };
        let written = Part::put(self.version_item(&saved)?).only_if("attribute_not_exists(pk)");
        let pointed = Part::put(self.pointer_item(&saved.title()));
        let pointed = match before {
            None => pointed.only_if("attribute_not_exists(pk)"),
            Some(Pointer { version, deleted }) => {
                let exists = if deleted { "attribute_exists" } else { "attribute_not_exists" };
                let same = format!("version = :before AND {exists}(deleted)");
                pointed.only_if(&same).value(":before", number(version))
            }
        };
        match self.transact("save agent", vec![written, pointed]).await? {
            Outcome::Done => Ok(saved),
            Outcome::Refused(_) => Err(another_counts()),
        }
    }

    async fn delete_agent(&self, id: &AgentId, current: u32) -> PortResult<()> {
        let key = self.key(agent_key(id), META);
        let gone = Part::update(key, "SET deleted = :yes REMOVE gsi1pk, gsi1sk")
            .only_if("version = :current AND attribute_not_exists(deleted)")
            .value(":yes", AttributeValue::Bool(true))
            .value(":current", number(current));
        match self.transact("delete agent", vec![gone]).await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(_) => Err(another_counts()),
        }
    }

    async fn assign_number(&self, number: &str, to: &AgentId) -> PortResult<()> {
        let mut item = self.key(number_key(number), META);
        item.extend([
            ("agent".to_owned(), text(to.as_str())),
            ("gsi1pk".to_owned(), text(NUMBERS)),
            ("gsi1sk".to_owned(), text(number)),
        ]);
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        request.send().await.map(drop).map_err(|error| port_error("assign number", &error))
    }

    async fn release_number(&self, number: &str) -> PortResult<()> {
        let request = self.client.delete_item().table_name(&self.table);
        let request = request.set_key(Some(self.key(number_key(number), META)));
        request.send().await.map(drop).map_err(|error| port_error("release number", &error))
    }
}

impl Store {
    async fn pointer(&self, id: &AgentId) -> PortResult<Option<Pointer>> {
        self.get_only(agent_key(id), META, &["version", "deleted"]).await?.map(record).transpose()
    }

    /// What the index has of this kind, in order.
    async fn listed(&self, kind: &str) -> PortResult<Vec<Item>> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("gsi1pk = :kind")
            .expression_attribute_values(":kind", text(kind));
        let items: Result<Vec<Item>, _> = query.into_paginator().items().send().collect().await;
        items.map_err(|error| port_error("query index", &error))
    }

    fn version_item(&self, saved: &Saved) -> PortResult<Item> {
        let title = saved.title();
        let mut item = self.key(agent_key(&title.id), &version_key(title.version));
        item.extend(titled(&title));
        item.insert("agent".to_owned(), value(&saved.agent)?);
        Ok(item)
    }

    fn pointer_item(&self, title: &Entitled) -> Item {
        let mut item = self.key(agent_key(&title.id), META);
        item.extend(titled(title));
        item.insert("gsi1pk".to_owned(), text(AGENTS));
        item.insert("gsi1sk".to_owned(), text(title.id.as_str()));
        item
    }
}

fn titled(Entitled { id, version, name, saved_at_ms }: &Entitled) -> [(String, AttributeValue); 4] {
    [
        ("id".to_owned(), text(id.as_str())),
        ("version".to_owned(), number(version)),
        ("name".to_owned(), text(name)),
        ("saved_at_ms".to_owned(), number(saved_at_ms)),
    ]
}

fn another_counts() -> PortError {
    conflict("another version counts")
}
