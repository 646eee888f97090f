//! The workshop's own parts over real sockets: the scripted model, the simulated caller, and both together.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of it is a test, also what is not marked as one")]

mod bridge;
mod caller;
mod client;
mod model;
mod shapes;
mod together;
