//! What only somebody outside can tell: whether the model's vendor knows us, and whether we are found at our address.

use std::future::Future;
use std::pin::Pin;

use url::Url;

use crate::checks::Reached;
use crate::model::Availability;

/// Without a name of its own: whoever looks around is put together once, and asked seldom.
pub type Looking<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Asks vendors and our own public address. Nothing that is asked costs anything or changes anything.
pub trait LookAround: Send + Sync + std::fmt::Debug {
    /// Whether the key may use this model.
    fn model<'a>(&'a self, name: &'a str) -> Looking<'a, Availability>;
    /// Whether it is us who answer there.
    fn reach<'a>(&'a self, public_url: &'a Url) -> Looking<'a, Reached>;
}
