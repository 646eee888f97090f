//! What came since it was last passed on: of two entries with one key the later, in the place of the earlier.

use std::collections::BTreeMap;

use super::{Key, LiveEntry};

#[derive(Debug, Default)]
pub(super) struct Batch {
    places: BTreeMap<Key, usize>,
    entries: Vec<LiveEntry>,
}

impl Batch {
    pub(super) fn add(&mut self, entry: LiveEntry) {
        match self.places.get(&entry.key()).and_then(|place| self.entries.get_mut(*place)) {
            Some(former) => *former = entry,
            None => {
                self.places.insert(entry.key(), self.entries.len());
                self.entries.push(entry);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn take(&mut self) -> Vec<LiveEntry> {
        self.places.clear();
        std::mem::take(&mut self.entries)
    }
}
