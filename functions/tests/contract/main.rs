//! Whether others understand us: Twilio's REST API, by its own OpenAPI description and by its manners.
//!
//! The mock server that knows the description is installed by `make contract-deps`; the description is read from the
//! `contract` folder of `SHARED_DIR`, which is `../shared` beside this repository unless set.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod prism;
mod twilio_description;
mod twilio_manners;
