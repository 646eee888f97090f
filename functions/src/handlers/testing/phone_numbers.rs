//! The account's numbers, what is kept of them, and what somebody outside says of models and of our address.

use std::collections::BTreeMap;

use shared::checks::Reached;
use shared::ids::NumberSid;
use shared::model::Availability;
use shared::page::{Cursor, Page};
use shared::ports::{CarrierNumbers, KeepPointed, LookAround, Looking, PortResult};
use shared::twilio::numbers::{CarrierError, Pointed, Routing};
use shared::twilio::setup::Number;
use url::Url;

use super::World;

#[derive(Debug, Default)]
pub(in crate::handlers) struct Phones {
    /// In the order of the list.
    pub(in crate::handlers) numbers: Vec<Number>,
    /// Of the next request that sets one, which all the same is carried out.
    pub(in crate::handlers) broken_set: Option<CarrierError>,
    /// Of all requests.
    pub(in crate::handlers) refusal: Option<CarrierError>,
    pub(in crate::handlers) set: u32,
    pub(in crate::handlers) pointed: BTreeMap<NumberSid, Pointed>,
    /// Those that the vendor has something to say about; all others are there.
    pub(in crate::handlers) models: BTreeMap<String, Availability>,
    pub(in crate::handlers) reached: Option<Reached>,
    /// How often somebody looked.
    pub(in crate::handlers) looks: u32,
}

impl Phones {
    fn let_in(&self) -> Result<(), CarrierError> {
        self.refusal.clone().map_or(Ok(()), Err)
    }
}

impl CarrierNumbers for World {
    async fn numbers(&self, most: u32, after: Option<&Cursor>) -> Result<Page<Number>, CarrierError> {
        let phones = &self.state().phones;
        phones.let_in()?;
        let from = after.and_then(|after| after.key().parse().ok()).unwrap_or(0);
        let most = usize::try_from(most).unwrap();
        let items: Vec<_> = phones.numbers.iter().skip(from).take(most).cloned().collect();
        let end = from + items.len();
        Ok(Page { items, next: (end < phones.numbers.len()).then(|| Cursor::behind(end.to_string())) })
    }

    async fn number(&self, sid: &NumberSid) -> Result<Number, CarrierError> {
        let phones = &self.state().phones;
        phones.let_in()?;
        phones.numbers.iter().find(|number| number.sid == *sid).cloned().ok_or(CarrierError::NotThere)
    }

    async fn set_number(&self, sid: &NumberSid, to: &Routing) -> Result<Number, CarrierError> {
        let phones = &mut self.state().phones;
        phones.let_in()?;
        phones.set += 1;
        let number = phones.numbers.iter_mut().find(|number| number.sid == *sid).ok_or(CarrierError::NotThere)?;
        number.voice_url = Some(to.voice_url.clone());
        number.voice_method = Some(to.voice_method.clone());
        number.status_callback = Some(to.status_callback.clone());
        number.status_callback_method = Some(to.status_callback_method.clone());
        let number = number.clone();
        phones.broken_set.take().map_or(Ok(number), Err)
    }
}

impl KeepPointed for World {
    async fn all_pointed(&self) -> PortResult<Vec<Pointed>> {
        Ok(self.read()?.phones.pointed.values().cloned().collect())
    }

    async fn pointed(&self, sid: &NumberSid) -> PortResult<Option<Pointed>> {
        Ok(self.read()?.phones.pointed.get(sid).cloned())
    }

    async fn keep_pointed(&self, pointed: &Pointed) -> PortResult<()> {
        self.write()?.phones.pointed.insert(pointed.number.clone(), pointed.clone());
        Ok(())
    }

    async fn forget_pointed(&self, sid: &NumberSid) -> PortResult<()> {
        self.write()?.phones.pointed.remove(sid);
        Ok(())
    }
}

impl LookAround for World {
    fn model<'a>(&'a self, name: &'a str) -> Looking<'a, Availability> {
        let mut state = self.state();
        state.phones.looks += 1;
        let found = state.phones.models.get(name).cloned().unwrap_or(Availability::There { until: None });
        Box::pin(async move { found })
    }

    fn reach<'a>(&'a self, _public_url: &'a Url) -> Looking<'a, Reached> {
        let mut state = self.state();
        state.phones.looks += 1;
        let found = state.phones.reached.unwrap_or(Reached::Us);
        Box::pin(async move { found })
    }
}
