//! The scripted model: a WebSocket server that speaks OpenAI's Realtime protocol (GA) and thinks what a file tells it.
//!
//! It is strict where the real API is strict (handshake, shapes, order, ids), hears the caller by loudness, and says
//! what [`Script`] says. It is what `voicebridge serve` talks to without a key, and what tests and benchmarks measure
//! against. Not simulated: out-of-band responses, text output, `idle_timeout_ms`, MCP, formats other than µ-law.

mod cli;
mod contract;
mod conversation;
mod record;
mod reply;
pub mod script;
mod server;
mod session;
mod settings;
mod shape;
mod vad;

pub use cli::{Args, run};
pub use record::SessionReport;
pub use script::Script;
pub use server::{Handle, ScriptedModel};
