//! Makes this relay known: who it is, where it takes frames, how busy it is. A heartbeat that stops says the rest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::calls::Relay;
use shared::ports::{Clock as _, Relays as _};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::calls::Calls;
use super::doors::Doors;
use crate::proc::Usage;

const HEARTBEAT: Duration = Duration::from_secs(5);
/// A store that hangs must not silence the heartbeats after it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(4);
/// How often the count is looked at between heartbeats, for a jump that those who choose a relay should know of.
const COUNT_WATCH: Duration = Duration::from_millis(500);
const CLOCK_ERROR_MS: u64 = 1_000;
const LAG_PROBE: Duration = Duration::from_millis(100);
/// The weight of one probe in what is usual: two seconds of late timers are overload, one long pause is not.
const LAG_WEIGHT: f32 = 0.05;
/// A share that was measured over less says nothing.
const SHORTEST_READING: Duration = Duration::from_secs(2);

/// Beats until `stop`, and then takes this relay off the list. `changed` is for news that cannot wait.
pub async fn run<D: Doors>(calls: Arc<Calls<D>>, changed: Arc<tokio::sync::Notify>, stop: CancellationToken) {
    let mut gauge = LoadGauge::start(Arc::clone(&calls));
    let mut beats = tokio::time::interval(HEARTBEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = 0;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = beats.tick() => {}
            () = changed.notified() => {}
            () = jump(&calls, told) => {}
        }
        told = calls.count();
        beat(&calls, gauge.read()).await;
    }
    deregister(&calls).await;
}

/// Returns once the count of calls is far from what was told.
async fn jump<D: Doors>(calls: &Calls<D>, told: usize) {
    loop {
        tokio::time::sleep(COUNT_WATCH).await;
        if is_jump(told, calls.count()) {
            return;
        }
    }
}

/// A quarter, and at least five.
fn is_jump(told: usize, now: usize) -> bool {
    now.abs_diff(told) >= (told / 4).max(5)
}

/// Once more if the store's answer put the clock right: a heartbeat of another time is none.
async fn beat<D: Doors>(calls: &Calls<D>, load: Load) {
    let clock = &calls.common().ports.clock;
    for _ in 0..2 {
        let (begun, shown) = (Instant::now(), clock.unix_ms());
        register(calls, load).await;
        let passed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if clock.unix_ms().abs_diff(shown.saturating_add(passed)) < CLOCK_ERROR_MS {
            return;
        }
    }
}

async fn register<D: Doors>(calls: &Calls<D>, load: Load) {
    let common = calls.common();
    let relay = Relay {
        id: common.me.relay.clone(),
        address: common.me.address.clone(),
        // Written by whoever sees the control socket open, and left alone by this.
        control: None,
        calls: u32::try_from(calls.count()).unwrap_or(u32::MAX),
        opened: 0,
        most_calls: u32::try_from(common.most_calls).unwrap_or(u32::MAX),
        draining: calls.is_draining(),
        cpu: load.cpu,
        cores: common.cores,
        event_loop_lag_ms: load.lag_ms,
        heartbeat_at_ms: common.ports.clock.unix_ms(),
    };
    match tokio::time::timeout(WRITE_TIMEOUT, common.ports.store.register(&relay)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "a heartbeat was not written"),
        Err(_) => tracing::warn!("a heartbeat took too long"),
    }
}

async fn deregister<D: Doors>(calls: &Calls<D>) {
    let common = calls.common();
    match tokio::time::timeout(WRITE_TIMEOUT, common.ports.store.deregister(&common.me.relay)).await {
        Ok(Ok(())) => tracing::info!(relay = %common.me.relay, "relay deregistered"),
        Ok(Err(error)) => tracing::warn!(%error, "the relay stays listed until its heartbeat expires"),
        Err(_) => tracing::warn!("the relay stays listed until its heartbeat expires"),
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Load {
    cpu: f32,
    /// The usual one.
    lag_ms: f32,
}

/// How late timers fire.
#[derive(Debug, Clone, Copy, Default)]
struct Lag {
    /// Since the last reading.
    worst: Duration,
    usual_ms: f32,
}

/// How busy this process is between two readings.
#[derive(Debug)]
struct LoadGauge {
    read_at: Instant,
    cpu: Duration,
    lag: tokio::sync::watch::Receiver<Lag>,
    last: Load,
    reset: Arc<tokio::sync::Notify>,
    publish: Arc<super::metrics::Metrics>,
    _probe: tokio_util::task::AbortOnDropHandle<()>,
}

impl LoadGauge {
    fn start<D: Doors>(calls: Arc<Calls<D>>) -> Self {
        let (sender, lag) = tokio::sync::watch::channel(Lag::default());
        let reset = Arc::new(tokio::sync::Notify::new());
        let probe = tokio::spawn(probe(sender, Arc::clone(&reset)));
        Self {
            read_at: Instant::now(),
            cpu: used().cpu,
            lag,
            last: Load::default(),
            reset,
            publish: Arc::clone(&calls.common().metrics),
            _probe: tokio_util::task::AbortOnDropHandle::new(probe),
        }
    }

    /// A reading soon after another repeats what that one said of the processors.
    fn read(&mut self) -> Load {
        let (now, lag) = (Instant::now(), *self.lag.borrow());
        self.last.lag_ms = lag.usual_ms;
        let passed = now.duration_since(self.read_at);
        if passed < SHORTEST_READING {
            return self.last;
        }
        let used = used();
        let share = used.cpu.saturating_sub(self.cpu).as_secs_f64() / passed.as_secs_f64();
        (self.read_at, self.cpu) = (now, used.cpu);
        self.reset.notify_one();
        self.publish.cpu_share.set(share);
        self.publish.memory_bytes.set(i64::try_from(used.memory_bytes).unwrap_or(i64::MAX));
        self.publish.event_loop_lag_seconds.set(lag.worst.as_secs_f64());
        #[allow(clippy::cast_possible_truncation, reason = "a share of a core needs no more digits")]
        let cpu = share as f32;
        self.last.cpu = cpu;
        self.last
    }
}

/// How late a timer fires is how late everything else is.
async fn probe(to: tokio::sync::watch::Sender<Lag>, reset: Arc<tokio::sync::Notify>) {
    loop {
        let due = Instant::now() + LAG_PROBE;
        tokio::select! {
            () = reset.notified() => to.send_modify(|lag| lag.worst = Duration::ZERO),
            () = tokio::time::sleep_until(due.into()) => to.send_modify(|lag| lag.note(due.elapsed())),
        }
    }
}

impl Lag {
    fn note(&mut self, late: Duration) {
        self.worst = self.worst.max(late);
        self.usual_ms += LAG_WEIGHT * (late.as_secs_f32() * 1_000.0 - self.usual_ms);
    }
}

/// Of this machine, or of the slice of it that is ours.
#[allow(clippy::cast_precision_loss, reason = "no machine has so many")]
pub(super) fn cores() -> f32 {
    std::thread::available_parallelism().map_or(1.0, |count| count.get() as f32)
}

/// Nothing where there is no `/proc`.
fn used() -> Usage {
    Usage::of("self").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_a_quarter_and_at_least_five() {
        let jumps = [(0, 4), (0, 5), (6, 2), (40, 49), (40, 50), (40, 30)].map(|(told, now)| is_jump(told, now));
        assert_eq!(jumps, [false, true, false, false, true, true]);
    }

    #[test]
    fn one_long_pause_is_worst_but_not_usual_and_late_timers_are() {
        let mut lag = Lag::default();
        lag.note(Duration::from_millis(1_500));
        assert_eq!(lag.worst, Duration::from_millis(1_500));
        assert!(lag.usual_ms < shared::calls::OVERLOADED_LAG_MS, "{lag:?}");
        (0..40).for_each(|_| lag.note(Duration::from_millis(200)));
        assert!(lag.usual_ms > shared::calls::OVERLOADED_LAG_MS, "{lag:?}");
        (0..40).for_each(|_| lag.note(Duration::ZERO));
        assert!(lag.usual_ms < 50.0, "{lag:?}");
    }
}
