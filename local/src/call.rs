//! The simulated caller: behaves as Twilio does, from the signed webhook to the status callback after the hang-up.
//!
//! [`Caller`] fetches TwiML and follows it, opens the media stream, sends a frame every 20 ms whatever happens, plays
//! what it gets on a [`playout`] clock and echoes marks when they have been heard. What the person on the line does is
//! a [`timeline`]; what the network does to the frames are [`faults`]. One task a call, so a hundred fit a laptop.
//! An [`exchange`] lets calls reach other people, and be told over a REST API like Twilio's what to do instead.

mod cli;
mod dial;
pub mod exchange;
pub mod faults;
mod form;
pub mod interview;
mod person;
pub mod playout;
pub mod probe;
mod putting_through;
mod report;
mod stream;
pub mod timeline;
mod twiml;
mod wire;

pub use cli::{Args, run};
pub use dial::{Caller, Config};
pub use report::{BargeIn, CallReport, Clear, Ended, Heard, StreamEnd, StreamReport, Wait, Waiting, Warning};
