//! The heart of voicebridge: everything that decides, and nothing that touches the world.
//!
//! **Architecture invariant:** no I/O, no clock, no environment, no task, no lock, no randomness. Time is an
//! argument, effects are values, order is deterministic. `tests/purity.rs` and `clippy.toml` hold it to that.
//!
//! Start with [`session::Session`], the conversation; [`model`] is the language it speaks with any vendor,
//! [`twilio`] the one the carrier speaks, [`ports`] the doors the drivers open for us, and [`ownership`] says which relay
//! may speak for a call.

pub mod agent;
pub mod audio;
pub mod calls;
pub mod checks;
pub mod config;
pub mod console;
pub mod control;
pub mod fault;
pub mod hold_music;
pub mod ids;
pub mod insights;
pub mod limits;
pub mod live;
pub mod messages;
pub mod model;
pub mod money;
pub mod ownership;
pub mod page;
pub mod ports;
pub mod redact;
pub mod rfc3339;
pub mod search;
pub mod session;
pub mod summary;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod time;
pub mod tools;
pub mod transcript;
pub mod transfer;
pub mod twilio;
