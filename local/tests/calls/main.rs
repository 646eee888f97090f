//! Whole calls, through the real binaries: from the signed webhook to the recording.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test that panics has failed")]

mod bytes;
mod chaos;
mod conversation;
mod faults;
mod house;
mod hygiene;
mod watching;
