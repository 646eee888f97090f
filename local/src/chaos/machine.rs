//! What the machine and its processes do meanwhile: without that no figure means anything.

use std::fs;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// How late a timer is says how late everything is.
const PROBE: Duration = Duration::from_millis(20);

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holds {
    pub(super) memory_bytes: u64,
    pub(super) files: usize,
}

impl Holds {
    /// `None` where there is no such process, or no `/proc`.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let memory_bytes = functions::proc::Usage::of(pid).ok()?.memory_bytes;
        let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
        Some(Self { memory_bytes, files })
    }
}

/// Watches the processors and the clock until it is asked.
#[derive(Debug)]
pub(super) struct Watch {
    began: Option<(u64, u64)>,
    since: Instant,
    used: Duration,
    probe: JoinHandle<()>,
    lags: std::sync::Arc<std::sync::Mutex<Vec<Duration>>>,
}

/// How busy the machine was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Of all processors, 0 to 1.
    pub(super) cpu: f64,
    /// And what of it was ours and our processes'.
    pub(super) ours: f64,
    /// How late our own timers were.
    pub(super) lag_p99: Duration,
    pub(super) lag_worst: Duration,
}

impl Watch {
    /// `processes`: those of ours that run now.
    pub(super) fn start(processes: &[u32]) -> Self {
        let lags = std::sync::Arc::<std::sync::Mutex<Vec<Duration>>>::default();
        let probe = tokio::spawn(probe(std::sync::Arc::clone(&lags)));
        Self { began: processors(), since: Instant::now(), used: used(processes), probe, lags }
    }

    pub(super) fn stop(self, processes: &[u32]) -> Load {
        self.probe.abort();
        let mut lags = self.lags.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        lags.sort_unstable();
        let cpu = self.began.zip(processors()).map_or(0.0, |(before, after)| share(before, after));
        let all = self.since.elapsed().as_secs_f64() * cores();
        Load {
            cpu,
            ours: used(processes).saturating_sub(self.used).as_secs_f64() / all.max(1.0),
            lag_p99: super::verdict::percentile(&lags, 99).unwrap_or_default(),
            lag_worst: lags.last().copied().unwrap_or_default(),
        }
    }
}

async fn probe(lags: std::sync::Arc<std::sync::Mutex<Vec<Duration>>>) {
    loop {
        let due = Instant::now() + PROBE;
        tokio::time::sleep_until(due.into()).await;
        lags.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(due.elapsed());
    }
}

/// Busy and all ticks of all processors since the machine began.
fn processors() -> Option<(u64, u64)> {
    ticks(&fs::read_to_string("/proc/stat").ok()?)
}

fn ticks(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().take(8).filter_map(|word| word.parse().ok()).collect();
    let (all, idle) = (ticks.iter().sum::<u64>(), ticks.get(3)? + ticks.get(4)?);
    Some((all - idle, all))
}

#[allow(clippy::cast_precision_loss, reason = "a share")]
fn share(before: (u64, u64), after: (u64, u64)) -> f64 {
    after.0.saturating_sub(before.0) as f64 / after.1.saturating_sub(before.1).max(1) as f64
}

#[allow(clippy::cast_precision_loss, reason = "a handful")]
fn cores() -> f64 {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64
}

/// Time that we, our processes, and those of ours that are gone have used.
fn used(processes: &[u32]) -> Duration {
    let own = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| own_ticks(&stat)).unwrap_or_default();
    let theirs = processes.iter().filter_map(|pid| functions::proc::Usage::of(pid).ok()).map(|usage| usage.cpu);
    Duration::from_millis(own * 10) + theirs.sum::<Duration>()
}

/// Our own, and those of children that have ended: fields 14 to 17.
fn own_ticks(stat: &str) -> Option<u64> {
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(4);
    fields.map(|field| field.parse::<u64>().ok()).sum()
}

/// Processors, and what they are called.
pub(super) fn description() -> String {
    let cores = cores();
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    format!("{cores} × {}", name.unwrap_or(std::env::consts::ARCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_busy_ticks_is_read() {
        let stat = |user: u64, idle: u64| ticks(&format!("cpu  {user} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 1")).unwrap();
        assert!((share(stat(100, 100), stat(150, 250)) - 0.25).abs() < 1e-9);
        assert_eq!(ticks("intr 1"), None);
        assert_eq!(own_ticks("1 (a) b) S 1 1 1 0 -1 0 0 0 0 0 10 20 30 40 20 0"), Some(100));
    }

    #[test]
    fn our_own_process_holds_something() {
        let holds = Holds::of(std::process::id()).unwrap();
        assert!(holds.memory_bytes > 1_000_000 && holds.files > 2);
        assert_eq!(Holds::of(u32::MAX), None);
    }
}
