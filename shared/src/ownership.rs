//! Who may speak for a call, so that a relay can die at any moment and two never speak at once.
//!
//! A post to the caller carries no condition: nothing refuses it because another relay has the call by now. So it is
//! the speaker that must know, before each post, that nobody else can be speaking. All the rules follow from one:
//!
//! > **The old holder is silent for good, then the lease is claimed, then the new holder speaks.**
//!
//! What makes a holder silent for good, and how a successor knows it:
//!
//! | | the successor has | and waits |
//! |---|---|---|
//! | it hands over, or yields when asked | its word | for nothing |
//! | it is dead | a refused connection at its address | for nothing |
//! | it does not answer | deposed it in the store | until its right has run out, and frames prove that it gets none |
//!
//! **The right to speak** ([`Standing`]) is renewed by a write that the store refuses to a deposed relay, and lasts [`TTL`]
//! from when that write was *asked* for. Whoever deposes waits [`TTL`] and [`SLACK`] from when that was *answered*.
//! Between the two lies every order of events there is.
//!
//! **When the store is silent** nobody can be deposed, but a relay cannot tell that from being cut off alone. The
//! caller's frames tell: each goes to one relay first. A holder whose right has run out goes on as long as it has had all but
//! [`MOST_MISSED`] of its call's frames since the last renewal ([`Continuity`]); a successor claims only after it was given
//! [`PROOF_FRAMES`] that no other relay can have ([`Arrival::sole`]). Both cannot be true. A store that is down therefore
//! silences nobody, and a relay that is cut off falls silent as soon as its frames go elsewhere.
//!
//! The machines, and who drives them: the relay has one [`Standing`] and one [`GivenUp`], a [`Tenure`] for each call it
//! holds, a [`TakeOver`] for each it is about to hold, and a [`HandOver`] for each it passes on; `ws-default` has a
//! [`Route`] for each call, [`Suspects`], and a [`Journey`] for each frame. All are told the time of their own process and
//! compare it with nobody else's. `tests/ownership.rs` drives them all, through stalls, partitions and crashes.
//!
//! **What this stands on.** A process that refuses connections is dead: a relay closes its listener after it has fallen silent. The gateway
//! hands a frame to one function, once. The quickest of a stream's first frames took no more than
//! [`PROOF_AGE`] − [`LATE`], and clocks run alike to within [`SLACK`] in [`TTL`]. A post that was begun before its process
//! was stopped is completed when it wakes: at most one message, because one is in flight at a time.

mod continuity;
mod given_up;
mod hand_over;
mod journey;
mod moment;
mod opening;
mod route;
mod standing;
mod suspects;
mod take_over;
mod tenure;
mod transit;

use std::time::Duration;

pub use continuity::Continuity;
pub use given_up::GivenUp;
pub use hand_over::{HandOver, HandOverHeard, HandOverStep};
pub use journey::{Ask, Journey, Lost, Outcome};
pub use moment::Moment;
pub use opening::Opening;
pub use route::{Belief, Route};
pub use standing::{Right, Standing};
pub use suspects::Suspects;
pub use take_over::{Heard, Step, TakeOver, TakeOverEnd};
pub use tenure::{Arrival, Tenure, Verdict, YieldAnswer};

/// Between two renewals of a relay's right to speak. They may overlap: each counts from when it was asked for.
pub const RENEW_EVERY: Duration = Duration::from_millis(200);
/// How long a renewal gives the right to speak, from when it was asked for.
pub const TTL: Duration = Duration::from_millis(700);
/// For clocks that run apart, timers that round, and the step between a verdict and the post it allows.
pub const SLACK: Duration = Duration::from_millis(50);

/// A frame this old that has not come is missing. What was missing and comes after all is not any more.
pub const LATE: Duration = Duration::from_millis(200);
/// Frames that may be missing to a relay that goes on without the store: a quarter of a second, some of it out of order.
pub const MOST_MISSED: u32 = 12;
/// Frames which no other relay can have that prove a silent holder's silence: more than it may miss.
pub const PROOF_FRAMES: u32 = 16;
/// How old these must be, so that the holder has missed them: [`LATE`], and what it may misjudge a frame's age by.
pub const PROOF_AGE: Duration = Duration::from_millis(300);
/// After this a successor that was not given the frames gives up: they go elsewhere.
pub const LONGEST_KEEP: Duration = Duration::from_secs(2);

/// How long a function waits for a relay to take a frame.
pub const PATIENCE: Duration = Duration::from_millis(350);
/// The same with a relay that has let it wait before.
pub const SUSPECT_PATIENCE: Duration = Duration::from_millis(150);
/// For how long a relay is remembered to have let a function wait.
pub const SUSPECT_FOR: Duration = Duration::from_secs(2);
/// How long a function waits for a relay that was asked to take a call over: it has to ask others.
pub const TAKE_OVER_PATIENCE: Duration = Duration::from_millis(1_000);
/// How long a successor waits for a holder that was asked to yield.
pub const YIELD_PATIENCE: Duration = Duration::from_millis(200);
/// A holder that had a frame of its call within this time does not yield it.
pub const BUSY: Duration = Duration::from_millis(200);
/// How long a write or a look at the store may take.
pub const STORE_PATIENCE: Duration = Duration::from_millis(300);
