//! What goes wrong.

use proptest::prelude::*;

use super::store::Outage;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// SIGSTOP, and SIGCONT in time.
    Stop {
        slot: usize,
    },
    /// Each step of the process comes late.
    Slow {
        slot: usize,
        by_ms: u64,
    },
    /// Killed, and started anew when this is over.
    Crash {
        slot: usize,
    },
    /// Gone with its machine: connections to it find nobody, not even a refusal.
    Vanish {
        slot: usize,
    },
    Drain {
        slot: usize,
    },
    CutFromStore {
        slot: usize,
    },
    CutPeers {
        slot: usize,
        other: usize,
    },
    CutFunctions {
        slot: usize,
        subnet: usize,
    },
    CutFunctionsFromStore {
        subnet: usize,
    },
    /// Cut from the store, from all peers, and from those subnets whose bit is set.
    Isolate {
        slot: usize,
        subnets: u32,
    },
    /// Cut from all peers and those subnets, and from the store only this much later: about when it is deposed.
    Encircle {
        slot: usize,
        subnets: u32,
        store_after_ms: u64,
    },
    StoreOut {
        how: usize,
    },
    Congestion,
    /// All environments of a subnet end.
    FunctionsDie {
        subnet: usize,
    },
    /// The caller comes back with another stream.
    Redirect {
        call: usize,
    },
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned {
    pub(crate) at_ms: u64,
    pub(crate) lasts_ms: u64,
    pub(crate) fault: Fault,
}

pub(crate) const OUTAGES: [Outage; 3] = [Outage::Refuses, Outage::Hangs, Outage::Flaky];

pub(crate) fn planned() -> impl Strategy<Value = Planned> {
    let lasts = prop_oneof![2 => 50_u64..400, 3 => 400_u64..1_500, 2 => 1_500_u64..5_000];
    // Much of it at about the same time: faults that do not meet are each other's repetition.
    let at_ms = prop_oneof![2 => 1_500_u64..7_000, 3 => 2_000_u64..3_500];
    (at_ms, lasts, fault()).prop_map(|(at_ms, lasts_ms, fault)| Planned { at_ms, lasts_ms, fault })
}

/// Slots and subnets are counted modulo those there are.
fn fault() -> impl Strategy<Value = Fault> {
    let (slot, subnet) = (|| 0_usize..4, || 0_usize..4);
    prop_oneof![
        6 => slot().prop_map(|slot| Fault::Stop { slot }),
        2 => (slot(), 1_u64..30).prop_map(|(slot, by_ms)| Fault::Slow { slot, by_ms }),
        3 => slot().prop_map(|slot| Fault::Crash { slot }),
        1 => slot().prop_map(|slot| Fault::Vanish { slot }),
        2 => slot().prop_map(|slot| Fault::Drain { slot }),
        3 => slot().prop_map(|slot| Fault::CutFromStore { slot }),
        3 => (slot(), slot()).prop_map(|(slot, other)| Fault::CutPeers { slot, other }),
        4 => (slot(), subnet()).prop_map(|(slot, subnet)| Fault::CutFunctions { slot, subnet }),
        1 => subnet().prop_map(|subnet| Fault::CutFunctionsFromStore { subnet }),
        5 => (slot(), 0_u32..16).prop_map(|(slot, subnets)| Fault::Isolate { slot, subnets }),
        3 => (slot(), 0_u32..16, 0_u64..1_500)
            .prop_map(|(slot, subnets, store_after_ms)| Fault::Encircle { slot, subnets, store_after_ms }),
        2 => (0_usize..3).prop_map(|how| Fault::StoreOut { how }),
        1 => Just(Fault::Congestion),
        2 => subnet().prop_map(|subnet| Fault::FunctionsDie { subnet }),
        1 => (0_usize..3).prop_map(|call| Fault::Redirect { call }),
    ]
}
