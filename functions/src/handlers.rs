//! One file per Lambda function. A handler names the doors it needs; `app` opens them.
//!
//! Each takes the gateway's event as it came and gives the gateway's answer. None fails: whatever goes wrong is
//! answered, logged and counted here, because a failed invocation makes the gateway speak for us.

pub mod api;
mod http;
mod reception;
mod strangers;
mod tally;
pub mod tool_call;
pub mod twiml;
pub mod ws_connect;
pub mod ws_default;
pub mod ws_disconnect;
mod ws_event;
pub mod ws_logs;

#[cfg(test)]
mod anything_test;
#[cfg(test)]
mod fixtures_test;
#[cfg(test)]
mod hygiene_test;
#[cfg(test)]
mod testing;
