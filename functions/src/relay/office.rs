//! This relay's right to speak, as `shared::ownership` defines it: renewed by a pulse in the store, lost for good when
//! another relay deposes this one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shared::ids::{CallSid, RelayId};
use shared::ownership::{
    Arrival, GivenUp, Moment, RENEW_EVERY, STORE_PATIENCE, Standing, Tenure, Verdict, YieldAnswer,
};
use shared::ports::{PortError, Pulses};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;

/// Between two questions whether a post that must wait may be begun.
pub const ASK_AGAIN: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub struct Office {
    since: Instant,
    standing: Mutex<Standing>,
    given_up: Mutex<GivenUp>,
    /// Another relay has been given our calls.
    pub deposed: CancellationToken,
    /// One for each permit: an idle relay needs no right to speak.
    permits: Arc<()>,
    /// A call is about to be held.
    wanted: Notify,
}

impl Default for Office {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            standing: Mutex::default(),
            given_up: Mutex::default(),
            deposed: CancellationToken::new(),
            permits: Arc::default(),
            wanted: Notify::new(),
        }
    }
}

impl Office {
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn standing(&self) -> Standing {
        *lock(&self.standing)
    }

    /// A call must not be spoken for with this fence any more.
    pub fn give_up(&self, call: &CallSid, fence: u64) {
        lock(&self.given_up).note(call, fence);
    }

    pub fn has_given_up(&self, call: &CallSid, fence: u64) -> bool {
        lock(&self.given_up).bars(call, fence)
    }

    /// A call is being opened: the right is renewed at once, so that it is there when the call is.
    pub fn want(&self) {
        self.wanted.notify_one();
    }

    fn is_wanted(&self) -> bool {
        Arc::strong_count(&self.permits) > 1
    }

    /// Renews the right until `stop`, while there are calls. Renewals overlap: each counts from when it was asked for, and one
    /// that takes its time does not hold up the next.
    pub async fn hold<P: Pulses + 'static>(
        self: Arc<Self>,
        me: RelayId,
        store: Arc<P>,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) {
        let mut renewals = tokio::time::interval(RENEW_EVERY);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.deposed.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wanted.notified() => {}
                _ = renewals.tick() => {
                    if !self.is_wanted() {
                        continue;
                    }
                }
            }
            let (office, me, store, metrics) =
                (Arc::clone(&self), me.clone(), Arc::clone(&store), Arc::clone(&metrics));
            tokio::spawn(async move { office.renew(&me, store.as_ref(), &metrics).await });
        }
    }

    /// A relay that cannot pulse cannot speak.
    async fn renew<P: Pulses>(&self, me: &RelayId, store: &P, metrics: &Metrics) {
        let asked_at = self.now();
        match tokio::time::timeout(STORE_PATIENCE, store.pulse(me)).await {
            Ok(Ok(())) => lock(&self.standing).granted(asked_at),
            Ok(Err(PortError::Conflict(_))) => {
                lock(&self.standing).refused();
                if !self.deposed.is_cancelled() {
                    tracing::error!(code = "relay_deposed", relay = %me);
                }
                self.deposed.cancel();
            }
            Ok(Err(_)) | Err(_) => _ = metrics.pulses_missed.inc(),
        }
    }
}

/// What one call's tasks know of the right to speak for it.
#[derive(Debug, Clone)]
pub struct Permit {
    office: Arc<Office>,
    _counted: Arc<()>,
    tenure: Arc<Mutex<Tenure>>,
    /// The call is another's, or about to be: nothing more is said.
    pub fenced: CancellationToken,
}

impl Permit {
    pub fn new(office: Arc<Office>, fence: u64) -> Self {
        let tenure = Arc::new(Mutex::new(Tenure::new(office.now(), fence)));
        let fenced = office.deposed.child_token();
        Self { _counted: Arc::clone(&office.permits), office, tenure, fenced }
    }

    pub fn fence(&self) -> u64 {
        lock(&self.tenure).fence
    }

    /// Asked before each post.
    pub fn verdict(&self) -> Verdict {
        if self.fenced.is_cancelled() {
            return Verdict::Never;
        }
        lock(&self.tenure).verdict(self.office.now(), &self.office.standing())
    }

    pub fn frame(&self, frame: Arrival) {
        lock(&self.tenure).frame(self.office.now(), &self.office.standing(), frame);
    }

    pub fn stream_changed(&self) {
        lock(&self.tenure).stream_changed(self.office.now(), &self.office.standing());
    }

    pub fn asked_to_yield(&self, fence: u64) -> YieldAnswer {
        lock(&self.tenure).asked_to_yield(self.office.now(), &self.office.standing(), fence)
    }
}

/// A panic with one of these locks held leaves a value that is whole: they are written in one go.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
