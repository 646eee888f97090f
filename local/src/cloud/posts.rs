//! Who posted what to whom: each relay process signs with an id of its own, so that two voices are told apart.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Deserialize;

/// One message of a relay's to a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    pub at: Instant,
    pub stream: String,
    /// The id of the key it was signed with: one for each life of a relay.
    pub by: String,
    /// It is sound, and not a mark or a clear.
    pub media: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Posts(Mutex<Vec<Post>>);

impl Posts {
    pub(crate) fn note(&self, by: &str, body: &[u8]) {
        let Ok(Message { event, stream_sid }) = serde_json::from_slice(body) else { return };
        let post =
            Post { at: Instant::now(), stream: stream_sid.to_owned(), by: by.to_owned(), media: event == "media" };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(post);
    }

    /// What was posted since this was asked last.
    pub(crate) fn take(&self) -> Vec<Post> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    event: &'a str,
    stream_sid: &'a str,
}
