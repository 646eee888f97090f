//! What is there for the console alone.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use serde_json::Value;
use url::Url;

use super::PortResult;
use crate::calls::Call;
use crate::console::Act;
use crate::ids::CallSid;
use crate::insights::Review;
use crate::page::{Cursor, Page};
use crate::search::{Search, Term};

pub type Answering<'a, T> = Pin<Box<dyn Future<Output = PortResult<T>> + Send + 'a>>;

/// A provider of OpenID Connect, over HTTPS.
pub trait AskProvider: Debug + Send + Sync {
    /// What it says of itself, or its keys.
    fn document<'a>(&'a self, url: &'a Url) -> Answering<'a, Value>;
    /// What it gives for a code, or why it gives nothing.
    fn redeem<'a>(&'a self, url: &'a Url, form: &'a [(&'a str, &'a str)]) -> Answering<'a, Value>;
}

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
