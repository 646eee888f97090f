//! Makes this relay known: who it is, where it takes frames, how busy it is. A heartbeat that stops says the rest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::calls::Relay;
use shared::ports::{Clock as _, Relays as _};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::calls::Calls;
use super::doors::Doors;

const HEARTBEAT: Duration = Duration::from_secs(5);
/// A store that hangs must not silence the heartbeats after it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(4);
const LAG_PROBE: Duration = Duration::from_millis(100);
/// Linux counts a process's time in these, whatever the kernel's own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Beats until `stop`, and then takes this relay off the list. `changed` is for news that cannot wait.
pub async fn run<D: Doors>(
    calls: Arc<Calls<D>>,
    address: Url,
    changed: Arc<tokio::sync::Notify>,
    stop: CancellationToken,
) {
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
        beat(&calls, &address, gauge.read()).await;
    }
    deregister(&calls).await;
}

async fn beat<D: Doors>(calls: &Calls<D>, address: &Url, load: Load) {
    let common = calls.common();
    let relay = Relay {
        id: common.id.clone(),
        address: address.clone(),
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
    match tokio::time::timeout(WRITE_TIMEOUT, common.ports.store.deregister(&common.id)).await {
        Ok(Ok(())) => tracing::info!(relay = %common.id, "relay deregistered"),
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
    cpu_seconds: f64,
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
            cpu_seconds: cpu_seconds(),
            worst_lag,
            reset,
            publish: Arc::clone(&calls.common().metrics),
            _probe: tokio_util::task::AbortOnDropHandle::new(probe),
        }
    }

    fn read(&mut self) -> Load {
        let (now, cpu) = (Instant::now(), cpu_seconds());
        let passed = now.duration_since(self.read_at).as_secs_f64();
        let share = if passed > 0.0 { (cpu - self.cpu_seconds) / passed } else { 0.0 };
        let lag = *self.worst_lag.borrow();
        (self.read_at, self.cpu_seconds) = (now, cpu);
        self.reset.notify_one();
        self.publish.cpu_share.set(share);
        self.publish.memory_bytes.set(memory_bytes());
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

/// User and system time of this process; zero where there is no `/proc`.
fn cpu_seconds() -> f64 {
    std::fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(parse_stat).unwrap_or_default()
}

/// What this process holds in memory; zero where there is no `/proc`.
fn memory_bytes() -> i64 {
    std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(parse_status).unwrap_or_default()
}

fn parse_status(status: &str) -> Option<i64> {
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    kib.parse::<i64>().ok()?.checked_mul(1024)
}

/// Fields 14 and 15. The second field is a name in parentheses and may contain anything.
fn parse_stat(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_whatever_the_process_is_called() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 8 0 100 1000 10";
        assert_eq!(parse_stat(stat), Some(2.0));
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(parse_status("VmPeak:\t 9999 kB\nVmRSS:\t    2048 kB\n"), Some(2048 * 1024));
        assert_eq!(parse_status("nonsense"), None);
    }
}
