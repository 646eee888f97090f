//! The workshop: the cloud on a laptop, a simulated caller, a scripted model, and the demo that brings them together.

mod api;
pub mod assets;
pub mod call;
pub mod chaos;
pub mod cloud;
pub mod demo;
mod dotenv;
pub mod hum;
mod lines;
pub mod model;
pub mod serve;
pub mod sound;

pub use lines::ScriptError;
