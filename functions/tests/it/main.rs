//! The adapters against the services that a laptop has: DynamoDB and S3 over HTTP, with the real SDKs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agents;
mod erase;
mod fetch;
mod http_server;
mod lease;
mod mailbox;
mod mischief;
mod music;
mod own_tools;
mod rates;
mod recordings;
mod search;
mod spending;
mod store;
mod watching;
mod world;
