//! The doors of [`shared::ports`], opened: one file per service. Vendors' names and errors end here.

pub mod clock;
pub mod connections;
pub mod dynamo;
pub mod handshake;
pub mod http_fetch;
pub mod http_tools;
pub mod lambda_tools;
pub mod lookout;
pub mod music_store;
pub mod own_functions;
pub mod provider;
pub mod random;
pub mod relay_frames;
pub mod s3;
mod sdk;
pub mod secrets;
pub mod tool_secrets;
pub mod twilio_rest;
