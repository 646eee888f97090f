//! Until when the items of a call stay: its agent said so when it began, and its own item knows. All others go with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::ids::CallSid;
use shared::ports::PortResult;

use super::Store;
use super::item::whole;
use super::schema::{CALLS_STAY, EXPIRES, META, call_key};

/// Calls that one process writes about at a time, and then some.
const MOST: usize = 1_024;

/// What was asked once: it does not change.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept(Arc<Mutex<BTreeMap<CallSid, u64>>>);

impl Kept {
    fn get(&self, sid: &CallSid) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(sid).copied()
    }

    fn insert(&self, sid: &CallSid, until: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(sid.clone(), until);
    }
}

impl Store {
    /// Epoch seconds. Of a call that is not there, what is written stays as long as most.
    pub(super) async fn kept_until(&self, sid: &CallSid) -> PortResult<u64> {
        if let Some(until) = self.kept.get(sid) {
            return Ok(until);
        }
        let item = self.get_only(call_key(sid), META, &[]).await?;
        let Some(until) = item.and_then(|item| whole(&item, EXPIRES)) else { return Ok(self.expiry(CALLS_STAY)) };
        self.kept.insert(sid, until);
        Ok(until)
    }
}

pub(super) fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 60 * 60)
}
