//! The end of a recording before its time.

use shared::ids::CallSid;
use shared::ports::{EraseRecordings, PortResult};

use super::super::sdk::port_error;
use super::RecordingStore;

impl EraseRecordings for RecordingStore {
    /// Call SIDs are of one length: none begins with another.
    async fn erase_recording(&self, sid: &CallSid) -> PortResult<()> {
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(format!("recordings/{sid}"));
        let mut pages = request.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| port_error("list recording", &error))?;
            keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
        }
        for key in &keys {
            self.remove(key).await?;
        }
        Ok(())
    }
}
