//! The carrier's languages: stream messages, webhook forms, TwiML, signatures, and the bodies of its REST API.

pub mod media;
pub mod numbers;
pub mod rest;
pub mod setup;
pub mod signature;
pub mod twiml;
pub mod webhook;
