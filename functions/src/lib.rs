//! The hands of voicebridge: drivers around the heart that `shared` is.
//!
//! `handlers` has one file per Lambda function, `relay` is the process that holds the calls, `adapters` opens the
//! doors of `shared::ports` with AWS and HTTP, and `app` puts them together. `emf` is how all of them are measured.
//!
//! **Architecture invariant:** a vendor's SDK is named in `adapters` and `app` only; `handlers` and `relay` never
//! import each other.

pub mod adapters;
pub mod app;
pub mod emf;
pub mod handlers;
pub mod private_api;
pub mod proc;
pub mod relay;
