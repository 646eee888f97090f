//! The relay from outside: real sockets on both sides, the cloud's doors played in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so")]
#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod admission;
mod browser;
mod caller;
mod faults;
mod lifecycle;
mod logs;
mod media;
mod model;
mod music;
mod renewal;
mod spending;
mod strangers;
mod take_over;
mod transfer;
mod watching;
mod world;
