//! The account's numbers at Twilio, and what they were set to before we were asked to change them.

use std::future::Future;

use super::PortResult;
use crate::ids::NumberSid;
use crate::page::{Cursor, Page};
use crate::twilio::numbers::{CarrierError, Pointed, Routing};
use crate::twilio::setup::Number;

/// Twilio's REST API, as far as numbers are looked at and set.
pub trait CarrierNumbers: Send + Sync {
    fn numbers(
        &self,
        most: u32,
        after: Option<&Cursor>,
    ) -> impl Future<Output = Result<Page<Number>, CarrierError>> + Send;
    fn number(&self, sid: &NumberSid) -> impl Future<Output = Result<Number, CarrierError>> + Send;
    /// The number, as it is then. Safe to repeat.
    fn set_number(&self, sid: &NumberSid, to: &Routing) -> impl Future<Output = Result<Number, CarrierError>> + Send;
}

/// `dynamodb:GetItem`, `Query`, `PutItem` and `DeleteItem` on numbers that were pointed here.
pub trait KeepPointed: Send + Sync {
    fn all_pointed(&self) -> impl Future<Output = PortResult<Vec<Pointed>>> + Send;
    fn pointed(&self, sid: &NumberSid) -> impl Future<Output = PortResult<Option<Pointed>>> + Send;
    fn keep_pointed(&self, pointed: &Pointed) -> impl Future<Output = PortResult<()>> + Send;
    fn forget_pointed(&self, sid: &NumberSid) -> impl Future<Output = PortResult<()>> + Send;
}
