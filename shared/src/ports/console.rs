//! What only the console asks for.

use std::future::Future;

use super::PortResult;
use crate::console::Act;
use crate::page::{Cursor, Page};

/// `dynamodb:PutItem`: who did what.
pub trait NoteActs: Send + Sync {
    fn note_act(&self, act: &Act) -> impl Future<Output = PortResult<()>> + Send;
}

/// `dynamodb:Query`.
pub trait ReadActs: Send + Sync {
    /// Newest first.
    fn acts(&self, limit: u32, after: Option<&Cursor>) -> impl Future<Output = PortResult<Page<Act>>> + Send;
}
