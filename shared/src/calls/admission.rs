//! Which relay gets a call, and how many more there is room for: by what relays measure of themselves, not by count alone.
//!
//! A heartbeat is up to five seconds old. What was given to a relay since then is counted in `opened`, and what it
//! will cost is taken from what its calls cost now, so that a jump in calls does not all land on whoever was idle last.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::Relay;
use crate::ids::CallSid;

/// Timers that fire later than this, as a rule, are heard: a frame has 20 ms.
pub const OVERLOADED_LAG_MS: f32 = 100.0;
/// Of its cores. The rest is for calls that get dearer, and for taking over another's.
pub const OVERLOADED_CPU: f32 = 0.85;

/// Above these a relay is passed over while there is a calmer one.
const BUSY_LAG_MS: f32 = 40.0;
const BUSY_CPU: f32 = 0.6;

/// Cores, until a relay has enough calls to tell from (`bench/RESULTS.md`).
const USUAL_COST: f32 = 0.02;
const ENOUGH_TO_TELL: u32 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pressure {
    Calm,
    Busy,
    Overloaded,
}

impl Relay {
    /// Takes no new call: its timers are late, its processors are used up, or it is full.
    pub fn is_overloaded(&self) -> bool {
        self.event_loop_lag_ms > OVERLOADED_LAG_MS || self.places() == 0
    }

    /// The one that should go on with a call: alive, not draining, least loaded. One that is overloaded only if there is
    /// no other: a call that goes on badly is better than one that is lost. New calls ask [`Relay::admit`].
    pub fn pick(relays: &[Self], now_ms: u64) -> Option<&Self> {
        takers(relays, now_ms).min_by(|a, b| a.rank().cmp(&b.rank()).then_with(|| a.id.cmp(&b.id)))
    }

    /// How many would take another call.
    pub fn with_room(relays: &[Self], now_ms: u64) -> usize {
        takers(relays, now_ms).filter(|relay| !relay.is_overloaded()).count()
    }

    /// The one that should take a new call, or none if all are overloaded. Among the least loaded the call's own name
    /// decides: webhooks that read the same registry at the same time do not all choose the same relay.
    pub fn admit<'a>(relays: &'a [Self], now_ms: u64, call: &CallSid) -> Option<&'a Self> {
        let open = || takers(relays, now_ms).filter(|relay| !relay.is_overloaded());
        let (pressure, fewest) = open().map(Self::rank).min()?;
        let near = fewest.saturating_add(fewest / 8);
        let best = open().filter(|relay| relay.rank() <= (pressure, near));
        best.max_by_key(|relay| (lot(call, relay), &relay.id))
    }

    /// How many new calls all of them together have room for until the next heartbeats.
    pub fn room(relays: &[Self], now_ms: u64) -> u32 {
        takers(relays, now_ms)
            .filter(|relay| !relay.is_overloaded())
            .fold(0, |room, relay| room.saturating_add(relay.places()))
    }

    fn places(&self) -> u32 {
        let by_count = self.most_calls.saturating_sub(self.held());
        let cores = OVERLOADED_CPU * self.cores - self.expected_cpu();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and below 0 is 0")]
        let by_cpu = (cores / self.cost()).ceil() as u32;
        by_count.min(by_cpu)
    }

    fn rank(&self) -> (Pressure, u32) {
        let busy = self.event_loop_lag_ms > BUSY_LAG_MS || self.expected_cpu() > BUSY_CPU * self.cores;
        let pressure = match (self.is_overloaded(), busy) {
            (true, _) => Pressure::Overloaded,
            (false, true) => Pressure::Busy,
            (false, false) => Pressure::Calm,
        };
        (pressure, self.held())
    }

    fn held(&self) -> u32 {
        self.calls.saturating_add(self.opened)
    }

    fn expected_cpu(&self) -> f32 {
        self.cpu + approximately(self.opened) * self.cost()
    }

    fn cost(&self) -> f32 {
        if self.calls < ENOUGH_TO_TELL {
            return USUAL_COST;
        }
        (self.cpu / approximately(self.calls)).clamp(USUAL_COST / 10.0, USUAL_COST * 5.0)
    }
}

fn takers(relays: &[Relay], now_ms: u64) -> impl Iterator<Item = &Relay> {
    relays.iter().filter(move |relay| relay.alive(now_ms) && !relay.draining)
}

#[allow(clippy::cast_precision_loss, reason = "relays hold hundreds of calls")]
fn approximately(count: u32) -> f32 {
    count as f32
}

fn lot(call: &CallSid, relay: &Relay) -> u64 {
    let mut hasher = DefaultHasher::new();
    (call.as_str(), relay.id.as_str()).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    pub(crate) fn relay(name: &str, calls: u32) -> Relay {
        Relay {
            id: name.into(),
            address: "http://10.0.1.17:8081".parse().unwrap(),
            control: None,
            calls,
            opened: 0,
            most_calls: 500,
            draining: false,
            cpu: 0.01 * calls as f32,
            cores: 2.0,
            event_loop_lag_ms: 1.0,
            heartbeat_at_ms: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::testing::relay;
    use super::*;

    fn sid(number: u32) -> CallSid {
        CallSid::from(format!("CA{number:032}"))
    }

    /// How many of `calls` each relay gets, with or without a registry that is corrected in between.
    fn spread(mut relays: Vec<Relay>, calls: u32, corrected: bool) -> BTreeMap<String, u32> {
        let mut spread = BTreeMap::new();
        for number in 0..calls {
            let Some(chosen) = Relay::admit(&relays, 0, &sid(number)).map(|relay| relay.id.clone()) else { break };
            *spread.entry(chosen.to_string()).or_default() += 1;
            if corrected {
                relays.iter_mut().find(|relay| relay.id == chosen).unwrap().opened += 1;
            }
        }
        spread
    }

    #[test]
    fn late_timers_used_up_processors_and_too_many_calls_are_overload() {
        let calm = || relay("a", 20);
        assert!(!calm().is_overloaded());
        assert!(Relay { event_loop_lag_ms: 101.0, ..calm() }.is_overloaded());
        assert!(!Relay { event_loop_lag_ms: 99.0, ..calm() }.is_overloaded());
        assert!(Relay { cpu: 1.71, ..calm() }.is_overloaded());
        assert!(!Relay { cpu: 1.69, ..calm() }.is_overloaded());
        assert!(Relay { cpu: 0.44, cores: 0.5, ..calm() }.is_overloaded());
        assert!(Relay { most_calls: 20, ..calm() }.is_overloaded());
        assert!(Relay { most_calls: 21, opened: 1, ..calm() }.is_overloaded());
    }

    #[test]
    fn what_was_given_since_the_heartbeat_is_counted_with_what_it_will_cost() {
        // A hundredth of a core a call: 170 are the most.
        let after = |opened| Relay { opened, ..relay("a", 100) }.is_overloaded();
        assert_eq!((after(69), after(71)), (false, true));
    }

    #[test]
    fn no_new_call_goes_to_a_relay_that_is_overloaded_but_one_that_must_go_on_may() {
        let full = Relay { event_loop_lag_ms: 500.0, ..relay("a", 0) };
        let relays = [full.clone(), relay("b", 90)];
        assert_eq!(Relay::admit(&relays, 0, &sid(1)).unwrap().id.as_str(), "b");
        assert_eq!(Relay::pick(&relays, 0).unwrap().id.as_str(), "b");
        assert_eq!(Relay::admit(std::slice::from_ref(&full), 0, &sid(1)), None);
        assert_eq!(Relay::pick(std::slice::from_ref(&full), 0), Some(&full));
    }

    #[test]
    fn a_calm_relay_goes_before_a_busy_one_with_fewer_calls() {
        let busy = Relay { cpu: 1.3, ..relay("a", 1) };
        let relays = [busy, relay("b", 30)];
        assert_eq!(Relay::admit(&relays, 0, &sid(1)).unwrap().id.as_str(), "b");
        assert_eq!(Relay::pick(&relays, 0).unwrap().id.as_str(), "b");
    }

    #[test]
    fn who_drains_or_is_gone_gets_nothing() {
        let gone = Relay { heartbeat_at_ms: 0, ..relay("a", 0) };
        let going = Relay { draining: true, heartbeat_at_ms: 60_000, ..relay("b", 0) };
        for relays in [vec![gone], vec![going]] {
            assert_eq!((Relay::admit(&relays, 60_000, &sid(1)), Relay::pick(&relays, 60_000)), (None, None));
            assert_eq!(Relay::room(&relays, 60_000), 0);
        }
    }

    #[test]
    fn calls_that_begin_within_one_heartbeat_are_spread() {
        let three = || vec![relay("a", 0), relay("b", 0), relay("c", 0)];
        // Nobody has corrected the count yet: as even as lots are.
        let blind = spread(three(), 300, false);
        assert!(blind.len() == 3 && blind.values().all(|calls| (70..=130).contains(calls)), "{blind:?}");
        let corrected = spread(three(), 150, true);
        assert!(corrected.values().all(|calls| (45..=55).contains(calls)), "{corrected:?}");
    }

    #[test]
    fn an_empty_relay_fills_up_first() {
        let corrected = spread(vec![relay("a", 40), relay("b", 40), relay("c", 0)], 40, true);
        assert!(corrected["c"] >= 35, "{corrected:?}");
    }

    #[test]
    fn there_is_room_until_the_last_relay_is_full() {
        let small = |name: &str| Relay { most_calls: 5, ..relay(name, 2) };
        let mut relays = vec![small("a"), small("b"), Relay { event_loop_lag_ms: 300.0, ..small("c") }];
        assert_eq!(Relay::room(&relays, 0), 6);
        assert_eq!(spread(relays.clone(), 100, true).values().sum::<u32>(), 6);
        relays[0].opened = 3;
        assert_eq!(Relay::room(&relays, 0), 3);
    }
}
