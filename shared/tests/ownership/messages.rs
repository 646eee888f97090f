//! What is said in the simulated cloud, and between whom.

use shared::calls::{Holder, Lease};
use shared::ids::RelayId;
use shared::ownership::{Arrival, Lost};

use super::net::Place;

/// Somebody who asks and is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Process {
    /// The so-many-th process in a slot: each has a name of its own, and all of a slot have one address.
    Relay {
        slot: usize,
        generation: u32,
    },
    Function(usize),
}

/// A message of the caller's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) call: usize,
    /// Counted from 1; `<Redirect>` opens the next.
    pub(crate) stream: u32,
    pub(crate) number: u64,
    pub(crate) stamp_ms: Option<u64>,
    pub(crate) spoken_at: u64,
}

impl Frame {
    pub(crate) fn arrival(&self, sole: bool) -> Arrival {
        Arrival { number: self.number, stamp_ms: self.stamp_ms, sole }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Event {
    CallerSpeaks {
        call: usize,
    },
    FunctionStarts {
        function: usize,
        frame: Frame,
    },
    ToStore {
        from: Process,
        place: Place,
        token: u64,
        request: StoreRequest,
    },
    ToRelay {
        from: Process,
        place: Place,
        slot: usize,
        token: u64,
        request: RelayRequest,
        delayed: bool,
    },
    Answer {
        from: Place,
        to: Process,
        place: Place,
        token: u64,
        reply: Reply,
    },
    TimedOut {
        at: Process,
        token: u64,
    },
    Timer {
        at: Process,
        timer: Timer,
        delayed: bool,
    },
    RelayStarts {
        slot: usize,
    },
    RelayForgotten {
        id: RelayId,
    },
    FaultBegins(usize),
    FaultEnds(usize),
    /// The second half of one that comes in two.
    FaultGrows(usize),
    StoreFound {
        slot: usize,
    },
}

#[derive(Debug, Clone)]
pub(crate) enum Timer {
    Renew,
    /// Time for the next 20 ms of audio.
    Post {
        call: usize,
        poster: u32,
    },
    /// The verdict was asked for, and the post is begun.
    Begin {
        call: usize,
        poster: u32,
        fence: u64,
        asked_at: u64,
    },
    Posted {
        call: usize,
        poster: u32,
    },
    Keep {
        call: usize,
    },
    Journal,
    HandOver {
        call: usize,
    },
    /// A drained or deposed process ends.
    Exit,
    /// A journey waits before it looks again.
    LookUp,
}

#[derive(Debug, Clone)]
pub(crate) enum StoreRequest {
    Renew(RelayId),
    Depose(RelayId),
    Claim {
        call: usize,
        by: Holder,
        held: u64,
    },
    HandOver {
        call: usize,
        from: Lease,
        to: Holder,
    },
    LookUp {
        call: usize,
    },
    /// Any other conditional write of a holder's.
    Write {
        call: usize,
        lease: Lease,
    },
}

#[derive(Debug, Clone)]
pub(crate) enum RelayRequest {
    Prepare { call: usize },
    Frame { relay: RelayId, frame: Frame, sole: bool, lost: Option<Lost> },
    Yield { call: usize, lease: Lease },
    HandedOver { call: usize, lease: Lease },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    // of the store
    Done,
    Granted(Lease),
    Found(Lease),
    Conflict,
    Unavailable,
    // of a relay, or of the machine it ran on
    Taken {
        fence: u64,
    },
    Kept,
    NotMine,
    Declined,
    Claimed,
    Busy,
    Yielded,
    /// Refused, or answered by another process.
    Dead,
    Broken,
}
