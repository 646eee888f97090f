//! The cloud on a laptop, with real processes and the real SDK clients, and functions that do what they are told.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "all of it is a test, also what is not marked as one")]

mod chaos;
mod functions;
mod http;
mod management;
mod relays;
mod serve;
mod toys;
mod websocket;
