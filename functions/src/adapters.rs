//! The doors of [`shared::ports`], opened: one file per service. Vendors' names and errors end here.

pub mod clock;
pub mod connections;
pub mod dynamo;
pub mod handshake;
pub mod http_fetch;
pub mod lambda_tools;
pub mod music_store;
pub mod random;
pub mod relay_frames;
pub mod s3;
mod sdk;
pub mod secrets;
pub mod twilio_rest;
