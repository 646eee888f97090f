//! What a call costs, as it runs: what it has used, at prices that stand in one file with their date.
//!
//! An estimate for limits and for the eye; the bill is the vendors'. Where it is uncertain it is on the dear side.

mod prices;

use std::borrow::Cow;
use std::ops::{Add, AddAssign, Sub};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::model::Usage;
pub use prices::{PriceList, Rates, price_list};

/// US dollars, counted in billionths; written as dollars. Never more than a million: what costs more has cost too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(u64);

/// This many billionths a float still tells apart.
const MOST: u64 = 1_000_000 * 1_000_000_000;

impl Usd {
    pub const ZERO: Self = Self(0);

    pub const fn from_billionths(billionths: u64) -> Self {
        Self(if billionths < MOST { billionths } else { MOST })
    }

    pub const fn billionths(self) -> u64 {
        self.0
    }

    /// This share of it, in hundredths.
    pub const fn percent(self, hundredths: u64) -> Self {
        Self(self.0.saturating_mul(hundredths) / 100)
    }

    fn from_dollars(dollars: f64) -> Option<Self> {
        // In range, so that the cast is exact.
        (0.0..=MOST as f64 / 1e9).contains(&dollars).then(|| Self((dollars * 1e9).round() as u64))
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::from_billionths(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Usd {
    type Output = Self;
    /// What is spent only grows; less than nothing reads as nothing.
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 1e9)
    }
}

impl JsonSchema for Usd {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "description": "US dollars, exact to a billionth", "minimum": 0, "maximum": 1_000_000 })
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(deserializer)?;
        Self::from_dollars(dollars).ok_or_else(|| de::Error::custom("dollars from 0 to a million"))
    }
}

/// A day of the calendar in UTC: what is spent on it is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(u64);

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

impl Day {
    pub fn at(unix_ms: u64) -> Self {
        Self(unix_ms / DAY_MS)
    }

    /// Since 1970.
    pub fn number(self) -> u64 {
        self.0
    }

    /// A while after its end, for calls that last beyond it and for whoever wants to know.
    pub fn forgotten_at_ms(self) -> u64 {
        self.0.saturating_add(32).saturating_mul(DAY_MS)
    }
}

/// What a call has used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    pub tokens: Usage,
    /// Since the call began: the carrier and the relay are paid for it.
    pub call_ms: u64,
    /// With a stream.
    pub stream_ms: u64,
    /// Stream messages from the caller and to them.
    pub messages_in: u64,
    pub messages_out: u64,
}

/// What that costs, by whom it is paid to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    pub model: Usd,
    pub voice: Usd,
    pub stream: Usd,
    pub gateway: Usd,
    pub relay: Usd,
    pub total: Usd,
}

impl Rates {
    pub fn cost(&self, used: &Used) -> Cost {
        let Used { tokens, call_ms, stream_ms, messages_in, messages_out } = used;
        // The carrier counts whole minutes that have begun.
        let minutes = call_ms.div_ceil(60_000);
        let (model, voice) = (self.model(tokens), Usd::from_billionths(self.voice_minute.0.saturating_mul(minutes)));
        let stream = self.stream_minute.times(*stream_ms, 60_000);
        let gateway = self.million_messages_in.times(*messages_in, 1_000_000)
            + self.million_messages_out.times(*messages_out, 1_000_000);
        let relay = self.relay_minute.times(*call_ms, 60_000);
        Cost { model, voice, stream, gateway, relay, total: model + voice + stream + gateway + relay }
    }

    /// Cached tokens are among the input's, and cheaper.
    fn model(&self, tokens: &Usage) -> Usd {
        let price = &self.million_tokens;
        let million = |count: u64, price: Usd| price.times(count, 1_000_000);
        million(tokens.input_text.saturating_sub(tokens.cached_text), price.input_text)
            + million(tokens.cached_text, price.cached_text)
            + million(tokens.output_text, price.output_text)
            + million(tokens.input_audio.saturating_sub(tokens.cached_audio), price.input_audio)
            + million(tokens.cached_audio, price.cached_audio)
            + million(tokens.output_audio, price.output_audio)
    }
}

impl Usd {
    /// So many of what `of` together cost this.
    fn times(self, count: u64, of: u64) -> Self {
        let product = u128::from(self.0) * u128::from(count) / u128::from(of.max(1));
        Self::from_billionths(u64::try_from(product).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::MediaPath;

    fn rates(model: &str, path: MediaPath) -> Rates {
        price_list().rates(model, path)
    }

    #[test]
    fn five_minutes_cost_what_the_page_on_cost_says() {
        // Two and a half minutes of each: 10 tokens a second of the caller's, 20 of the agent's.
        let tokens = Usage { input_audio: 1_500, output_audio: 3_000, ..Usage::default() };
        let used = Used { tokens, call_ms: 300_000, stream_ms: 300_000, messages_in: 15_300, messages_out: 750 };
        let cost = rates("gpt-realtime-2.1", MediaPath::Gateway).cost(&used);
        let dollars = serde_json::to_value(cost).unwrap();
        assert_eq!(dollars["voice"], 0.0425);
        assert_eq!(dollars["stream"], 0.022);
        assert_eq!(dollars["model"], 0.24);
        assert_eq!(dollars["gateway"], 0.019263);
        assert_eq!(dollars["relay"], 0.00012);
    }

    #[test]
    fn what_is_read_from_the_cache_is_cheap() {
        let of = |cached_audio| {
            let tokens = Usage { input_audio: 10_000, cached_audio, ..Usage::default() };
            rates("gpt-realtime-2.1", MediaPath::Direct).cost(&Used { tokens, ..Used::default() }).model
        };
        assert_eq!((of(0), of(10_000)), (Usd::from_billionths(320_000_000), Usd::from_billionths(4_000_000)));
    }

    #[test]
    fn a_minute_that_has_begun_is_a_minute_of_the_carriers() {
        let voice =
            |call_ms| rates("x", MediaPath::Direct).cost(&Used { call_ms, ..Used::default() }).voice.billionths();
        assert_eq!([voice(0), voice(1), voice(60_000), voice(60_001)], [0, 8_500_000, 8_500_000, 17_000_000]);
    }

    #[test]
    fn dollars_come_back_as_they_went_in() {
        for billionths in [0, 1, 123_456_789, 999_999_999_999_999] {
            let text = serde_json::to_string(&Usd(billionths)).unwrap();
            assert_eq!(serde_json::from_str::<Usd>(&text).unwrap(), Usd(billionths), "{text}");
        }
        assert!(["-1", "1e7", "null"].iter().all(|text| serde_json::from_str::<Usd>(text).is_err()));
    }

    #[test]
    fn nothing_overflows_and_what_comes_of_it_reads_back() {
        let most = Usage {
            input_text: u64::MAX,
            input_audio: u64::MAX,
            cached_text: 0,
            cached_audio: 0,
            output_text: u64::MAX,
            output_audio: u64::MAX,
        };
        let used = Used {
            tokens: most,
            call_ms: u64::MAX,
            stream_ms: u64::MAX,
            messages_in: u64::MAX,
            messages_out: u64::MAX,
        };
        let cost = rates("x", MediaPath::Gateway).cost(&used);
        assert_eq!(cost.total.billionths(), MOST);
        let text = serde_json::to_string(&cost).unwrap();
        assert_eq!(serde_json::from_str::<Cost>(&text).unwrap(), cost, "{text}");
    }
}
