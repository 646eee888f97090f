//! What is there for the console alone.

use std::future::Future;

use super::PortResult;
use crate::calls::Call;
use crate::console::Act;
use crate::ids::CallSid;
use crate::insights::Review;
use crate::page::{Cursor, Page};
use crate::search::{Search, Term};

/// `dynamodb:BatchWriteItem`: what a call is found by, once it is over; and how it went.
pub trait IndexCalls: Send + Sync {
    fn index_call(&self, call: &Call, terms: &[Term]) -> impl Future<Output = PortResult<()>> + Send;
    /// `dynamodb:UpdateItem`: how it went, beside what it is.
    fn review_call(&self, sid: &CallSid, review: &Review) -> impl Future<Output = PortResult<()>> + Send;
}

/// `dynamodb:Query`. Another store of documents would fit behind it.
pub trait SearchCalls: Send + Sync {
    /// Newest first. A search without terms finds nothing.
    fn search(
        &self,
        search: &Search,
        limit: u32,
        after: Option<&Cursor>,
    ) -> impl Future<Output = PortResult<Page<CallSid>>> + Send;
}

/// `dynamodb:PutItem`: who did what.
pub trait NoteActs: Send + Sync {
    fn note_act(&self, act: &Act) -> impl Future<Output = PortResult<()>> + Send;
}

/// `dynamodb:Query`.
pub trait ReadActs: Send + Sync {
    /// Newest first.
    fn acts(&self, limit: u32, after: Option<&Cursor>) -> impl Future<Output = PortResult<Page<Act>>> + Send;
}
