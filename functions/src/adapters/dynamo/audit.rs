//! Which tools a call has called, and how it went: one item a run, named by when it began.

use shared::ids::CallSid;
use shared::ports::{AuditTools, PortResult, ReadAudit};
use shared::tools::audit::ToolRun;

use super::super::sdk::port_error;
use super::Store;
use super::item::{attributes, number, record, text};
use super::schema::{AUDIT, EXPIRES, audit_key, call_key};

impl AuditTools for Store {
    async fn note_run(&self, sid: &CallSid, run: &ToolRun) -> PortResult<()> {
        let mut item = attributes(run)?;
        item.insert("pk".to_owned(), text(call_key(sid)));
        item.insert("sk".to_owned(), text(audit_key(run.began_at_ms, &run.call)));
        item.insert(EXPIRES.to_owned(), number(self.kept_until(sid).await?));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(drop).map_err(|error| port_error("note tool run", &error))
    }
}

impl ReadAudit for Store {
    async fn tool_runs(&self, sid: &CallSid) -> PortResult<Vec<ToolRun>> {
        self.list(call_key(sid), AUDIT).await?.into_iter().map(record).collect()
    }
}
