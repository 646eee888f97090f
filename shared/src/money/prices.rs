//! The price list: `shared/prices.json`, with its date. A price changes there, and nowhere else.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::Usd;
use crate::calls::{Channel, MediaPath};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceList {
    /// When somebody last looked.
    pub date: String,
    pub currency: String,
    models: BTreeMap<String, Model>,
    twilio: Twilio,
    gateway: Way,
    direct: Way,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    million_tokens: Tokens,
}

/// Of a million each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tokens {
    pub(super) input_text: Usd,
    pub(super) cached_text: Usd,
    pub(super) output_text: Usd,
    pub(super) input_audio: Usd,
    pub(super) cached_audio: Usd,
    pub(super) output_audio: Usd,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Twilio {
    voice_minute: Usd,
    stream_minute: Usd,
}

/// A message in is one of the gateway's and an invocation; what a relay costs a call is its share of one that is half full.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Way {
    million_messages_in: Usd,
    million_messages_out: Usd,
    relay_minute: Usd,
}

/// What this call's minutes, messages and tokens cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rates {
    pub(super) million_tokens: Tokens,
    pub(super) voice_minute: Usd,
    pub(super) stream_minute: Usd,
    pub(super) million_messages_in: Usd,
    pub(super) million_messages_out: Usd,
    pub(super) relay_minute: Usd,
}

/// The list that this build carries.
pub fn price_list() -> &'static PriceList {
    static LIST: OnceLock<PriceList> = OnceLock::new();
    LIST.get_or_init(|| serde_json::from_str(include_str!("../../prices.json")).unwrap_or_default())
}

impl PriceList {
    /// A model that is not on the list costs what the dearest one does.
    pub fn rates(&self, model: &str, path: MediaPath) -> Rates {
        let dearest = || self.models.values().max_by_key(|model| model.million_tokens.output_audio);
        let tokens = self.models.get(model).or_else(dearest).map(|model| model.million_tokens);
        let way = match path {
            MediaPath::Gateway => self.gateway,
            MediaPath::Direct => self.direct,
        };
        Rates {
            million_tokens: tokens.unwrap_or_default(),
            voice_minute: self.twilio.voice_minute,
            stream_minute: self.twilio.stream_minute,
            million_messages_in: way.million_messages_in,
            million_messages_out: way.million_messages_out,
            relay_minute: way.relay_minute,
        }
    }
}

impl Rates {
    /// A page of a browser calls by no carrier.
    pub fn on(self, channel: Channel) -> Self {
        match channel {
            Channel::Telephone => self,
            Channel::Browser => Self { voice_minute: Usd::ZERO, stream_minute: Usd::ZERO, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_and_dated_and_knows_the_default_agents_model() {
        let list = price_list();
        assert_eq!(list.date.len(), "2026-11-21".len());
        assert_eq!(list.currency, "USD");
        assert!(list.models.contains_key(&crate::agent::Agent::default().model));
    }

    #[test]
    fn a_model_that_is_not_on_the_list_costs_what_the_dearest_does() {
        let rates = |model| price_list().rates(model, MediaPath::Gateway);
        assert_eq!(rates("gpt-realtime-9"), rates("gpt-realtime-2.1"));
        assert_ne!(rates("gpt-realtime-9"), rates("gpt-realtime-2.1-mini"));
    }
}
