//! Whether we agree with what others wrote: Twilio's own SDK, and messages as Twilio documents them.
//!
//! The SDK runs in a Python process; `make contract-deps` installs it. Random cases come from a fixed seed;
//! `VOICEBRIDGE_SEED` sets another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "test code")]
#![allow(clippy::disallowed_methods, reason = "the test touches the world so that the heart need not")]

mod oracle;
mod signatures;
mod stream_messages;
mod twiml;
