//! Audio as it travels: base64 µ-law that knows its duration, and the few places where it is opened.

pub mod dtmf;
pub mod hold_music;
pub mod mulaw;
pub mod payload;
pub mod recording;
pub mod resample;
pub mod wav;

pub use payload::{BadPayload, Payload};
