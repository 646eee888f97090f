//! Two relays never both speak for a call: callers, functions, relays and a store in simulated time, driven by the machines
//! of `shared::ownership`, through whatever goes wrong, in any order.
//!
//! `PROPTEST_CASES=10000` looks longer. A failing case is kept in `ownership.proptest-regressions` and tried first ever after.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use proptest::prelude::*;

#[path = "ownership/fault.rs"]
mod fault;
#[path = "ownership/function.rs"]
mod function;
#[path = "ownership/judge.rs"]
mod judge;
#[path = "ownership/messages.rs"]
mod messages;
#[path = "ownership/net.rs"]
mod net;
#[path = "ownership/relay.rs"]
mod relay;
#[path = "ownership/store.rs"]
mod store;
#[path = "ownership/world.rs"]
mod world;

use self::fault::{Fault, Planned};
use self::net::Weather;
use self::world::{Plan, World};

/// When the callers begin to speak.
const FRAMES_FROM_MS: u64 = 300;
/// After the last fault, everything is well again within this time.
const RECOVERS_MS: u64 = 5_000;
const WATCHED_MS: u64 = 2_500;
/// The last frames may still be on their way: a function that has slept believes in a relay that is gone.
const ON_THEIR_WAY_MS: u64 = 1_000;

fn address(slot: usize) -> url::Url {
    format!("http://10.0.0.1:{}", slot + 1).parse().unwrap()
}

fn slot_of(address: &url::Url) -> usize {
    usize::from(address.port().unwrap()) - 1
}

/// A cloud as it should be.
fn calm(seed: u64, delay_ms: u64) -> Plan {
    let weather = Weather { delay_ms, tail: 0 };
    Plan { seed, relays: 3, subnets: 3, calls: 3, weather, warm: 24, cold: true, sticky: false, faults: Vec::new() }
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let numbers = (any::<u64>(), 2_usize..=4, 2_usize..=4, 1_usize..=3);
    let tail = prop_oneof![2 => Just(0_u32), 1 => Just(500), 1 => Just(60)];
    let faults = prop::collection::vec(fault::planned(), 0..10);
    (numbers, 1_u64..=30, tail, any::<bool>(), faults).prop_map(|(numbers, delay_ms, tail, sticky, faults)| {
        let (seed, relays, subnets, calls) = numbers;
        let weather = Weather { delay_ms, tail };
        Plan { seed, relays, subnets, calls, weather, warm: 2 * subnets, cold: true, sticky, faults }
    })
}

fn recovered(plan: &Plan) -> World {
    let mut world = World::new(plan.clone());
    let over = plan.faults.iter().map(|planned| planned.at_ms + planned.lasts_ms).max().unwrap_or(0);
    // One fault ends a second after it should.
    let over = over + 1_000;
    world.run_until(over + 1);
    world.net.weather.tail = 0;
    world.recover();
    world.run_until(over + RECOVERS_MS + WATCHED_MS);
    world
}

/// Each call has one speaker, who speaks all the time and gets all the frames; or else what is wrong.
fn health(world: &World) -> Result<(), String> {
    let (until, from) = (world.net.now, world.net.now - WATCHED_MS);
    for call in 0..world.plan.calls {
        let speakers = world.judge.speakers(call, from);
        let &[speaker] = speakers.as_slice() else {
            return Err(format!("call {call} is spoken for by {speakers:?}: {:?}", world.store.leases));
        };
        let silence = world.judge.longest_silence(call, from, until);
        if silence >= 100 {
            return Err(format!("call {call} was silent for {silence} ms"));
        }
        let spoken = world.frames.iter().filter(|frame| frame.call == call);
        let watched = |frame: &&messages::Frame| (from..until - ON_THEIR_WAY_MS).contains(&frame.spoken_at);
        if let Some(missing) = spoken.filter(watched).find(|frame| !world.judge.has_taken(speaker, frame)) {
            return Err(format!("{missing:?} did not reach {speaker:?}"));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn two_relays_never_both_speak_and_every_call_is_spoken_for_again(plan in any_plan()) {
        let world = recovered(&plan);
        prop_assert_eq!(&world.judge.faults, &Vec::<String>::new());
        prop_assert_eq!(health(&world), Ok(()));
    }
}

/// The narrow places, which chance seldom finds: the holder renews its right, is deposed, loses the store, and goes on; it is
/// slow; and its successor dies while it waits.
#[test]
fn a_holder_cut_off_bit_by_bit_is_silent_before_its_successor_speaks() {
    for seed in 0..400 {
        let at_ms = 3_000 + seed * 7 % 200;
        let store_after_ms = 700 + seed * 37 % 200;
        let cut = Fault::Encircle { slot: 0, subnets: 0b111, store_after_ms };
        let mut faults = vec![Planned { at_ms, lasts_ms: 3_000, fault: cut }];
        if seed % 4 != 0 {
            faults.push(Planned { at_ms, lasts_ms: 3_000, fault: Fault::Slow { slot: 0, by_ms: 30 } });
        }
        if seed % 4 == 1 {
            let fault = Fault::Crash { slot: 1 + seed as usize / 4 % 3 };
            faults.push(Planned { at_ms: at_ms + 750 + seed * 13 % 500, lasts_ms: 500, fault });
        }
        let world = recovered(&Plan { relays: 4, faults, ..calm(seed, 2) });
        assert_eq!(world.judge.faults, Vec::<String>::new(), "seed {seed}");
        assert_eq!(health(&world), Ok(()), "seed {seed}");
    }
}

#[test]
fn without_a_fault_nobody_takes_over() {
    for seed in 0..20 {
        let mut world = World::new(calm(seed, 30));
        world.run_until(10_000);
        assert_eq!((world.store.claims, world.store.depositions), (0, 0));
        assert_eq!(world.judge.faults, Vec::<String>::new());
        for call in 0..3 {
            assert!(world.judge.longest_silence(call, 1_000, 10_000) < 100);
        }
        assert_eq!(health(&world), Ok(()));
    }
}

#[test]
fn a_store_that_is_down_silences_nobody() {
    for seed in 0..30 {
        // Each environment has seen each call by then: one that has not has nobody to ask whose frame it is.
        let outage = Planned { at_ms: 10_000, lasts_ms: 12_000, fault: Fault::StoreOut { how: seed as usize % 2 } };
        let mut world = World::new(Plan { faults: vec![outage], cold: false, ..calm(seed, 30) });
        world.run_until(24_000);
        assert!(world.judge.without_store > 1_000, "the store was not missed");
        assert_eq!((world.store.claims, world.store.depositions), (0, 0));
        for call in 0..3 {
            assert!(world.judge.longest_silence(call, 1_000, 24_000) < 100);
        }
        assert_eq!(health(&world), Ok(()));
    }
}

/// Milliseconds from the fault to the first post of another relay, for the call of slot 0.
fn gap_after(seed: u64, fault: Fault) -> u64 {
    let at_ms = 3_000 + seed % 200;
    let planned = Planned { at_ms, lasts_ms: 4_000, fault };
    let mut world = World::new(Plan { faults: vec![planned], ..calm(seed, 15) });
    world.run_until(at_ms + 4_000);
    assert_eq!(world.judge.faults, Vec::<String>::new());
    let after = |post: &&judge::Post| post.call == 0 && post.at > at_ms && post.fence > 1;
    world.judge.posts.iter().find(after).map_or(u64::MAX, |post| post.at - at_ms)
}

#[test]
fn a_killed_relays_call_is_spoken_for_within_a_tenth_of_a_second() {
    let worst = (0..100).map(|seed| gap_after(seed, Fault::Crash { slot: 0 })).max().unwrap();
    assert!(worst <= 100 + 20, "{worst} ms");
}

#[test]
fn a_hung_relays_call_is_spoken_for_within_1600_ms() {
    for fault in [Fault::Stop { slot: 0 }, Fault::Vanish { slot: 0 }] {
        let worst = (0..100).map(|seed| gap_after(seed, fault)).max().unwrap();
        assert!(worst <= 1_600, "{fault:?}: {worst} ms");
    }
}
