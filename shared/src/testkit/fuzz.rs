//! What is fed with any bytes at all: a function for each reader that the network reaches. It must come back, whatever it
//! is given, and what it read must hold together.
//!
//! `make fuzz` looks for bytes that break one; `tests/corpus.rs` tries with every build those that were found to be of use.

mod bytes;
mod console;
mod frames;
mod office;
mod own_tools;
mod records;
mod session;
mod webhooks;

/// A name, which is also that of its binary and of its folder in `fuzz/corpus`, and what to feed.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 13] = [
    ("audio", frames::audio),
    ("config", webhooks::config),
    ("console", console::console),
    ("journal", records::journal),
    ("media", frames::media),
    ("messages", records::messages),
    ("model", frames::model),
    ("office", office::office),
    ("own_tools", own_tools::own_tools),
    ("session", session::session),
    ("signature", webhooks::signature),
    ("tools", records::tools),
    ("webhook", webhooks::webhook),
];

/// Feeds one of them.
pub fn feed(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(target, _)| *target == name).expect("a target of this name");
    target(bytes);
}
