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
const LAG_PROBE: Duration = Duration::from_millis(100);

/// Beats until `stop`, and then takes this relay off the list. `changed` is for news that cannot wait.
pub async fn run<D: Doors>(calls: Arc<Calls<D>>, changed: Arc<tokio::sync::Notify>, stop: CancellationToken) {
    let mut gauge = LoadGauge::start(Arc::clone(&calls));
    let mut beats = tokio::time::interval(HEARTBEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = beats.tick() => {}
            () = changed.notified() => {}
        }
        beat(&calls, gauge.read()).await;
    }
    deregister(&calls).await;
}

async fn beat<D: Doors>(calls: &Calls<D>, load: Load) {
    let common = calls.common();
    let relay = Relay {
        id: common.me.relay.clone(),
        address: common.me.address.clone(),
        // Written by whoever sees the control socket open, and left alone by this.
        control: None,
        calls: u32::try_from(calls.count()).unwrap_or(u32::MAX),
        draining: calls.is_draining(),
        cpu: load.cpu,
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

#[derive(Debug, Clone, Copy, PartialEq)]
struct Load {
    cpu: f32,
    lag_ms: f32,
}

/// How busy this process is between two readings.
#[derive(Debug)]
struct LoadGauge {
    read_at: Instant,
    cpu: Duration,
    worst_lag: tokio::sync::watch::Receiver<Duration>,
    reset: Arc<tokio::sync::Notify>,
    publish: Arc<super::metrics::Metrics>,
    _probe: tokio_util::task::AbortOnDropHandle<()>,
}

impl LoadGauge {
    fn start<D: Doors>(calls: Arc<Calls<D>>) -> Self {
        let (sender, worst_lag) = tokio::sync::watch::channel(Duration::ZERO);
        let reset = Arc::new(tokio::sync::Notify::new());
        let probe = tokio::spawn(probe(sender, Arc::clone(&reset)));
        Self {
            read_at: Instant::now(),
            cpu: used().cpu,
            worst_lag,
            reset,
            publish: Arc::clone(&calls.common().metrics),
            _probe: tokio_util::task::AbortOnDropHandle::new(probe),
        }
    }

    fn read(&mut self) -> Load {
        let (now, used) = (Instant::now(), used());
        let passed = now.duration_since(self.read_at).as_secs_f64();
        let share = if passed > 0.0 { used.cpu.saturating_sub(self.cpu).as_secs_f64() / passed } else { 0.0 };
        let lag = *self.worst_lag.borrow();
        (self.read_at, self.cpu) = (now, used.cpu);
        self.reset.notify_one();
        self.publish.cpu_share.set(share);
        self.publish.memory_bytes.set(i64::try_from(used.memory_bytes).unwrap_or(i64::MAX));
        self.publish.event_loop_lag_seconds.set(lag.as_secs_f64());
        #[allow(clippy::cast_possible_truncation, reason = "a share of a core needs no more digits")]
        Load { cpu: share as f32, lag_ms: lag.as_secs_f32() * 1_000.0 }
    }
}

/// How late a timer fires is how late everything else is. Keeps the worst since the last reading.
async fn probe(worst: tokio::sync::watch::Sender<Duration>, reset: Arc<tokio::sync::Notify>) {
    loop {
        let due = Instant::now() + LAG_PROBE;
        tokio::select! {
            () = reset.notified() => { worst.send_replace(Duration::ZERO); }
            () = tokio::time::sleep_until(due.into()) => {
                let lag = due.elapsed();
                worst.send_if_modified(|kept| {
                    let worse = lag > *kept;
                    *kept = lag.max(*kept);
                    worse
                });
            }
        }
    }
}

/// Nothing where there is no `/proc`.
fn used() -> Usage {
    Usage::of("self").unwrap_or_default()
}
