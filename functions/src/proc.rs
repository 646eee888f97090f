//! What a process has used, as Linux counts it.

use std::fmt::Display;
use std::io;
use std::time::Duration;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time.
    pub cpu: Duration,
    pub memory_bytes: u64,
}

impl Usage {
    /// `process` is a number, or `self`. Fails where there is no `/proc`.
    pub fn of(process: impl Display) -> io::Result<Self> {
        let cpu = cpu(&std::fs::read_to_string(format!("/proc/{process}/stat"))?);
        let memory_bytes = memory_bytes(&std::fs::read_to_string(format!("/proc/{process}/status"))?);
        Ok(Self { cpu: cpu.unwrap_or_default(), memory_bytes: memory_bytes.unwrap_or_default() })
    }
}

/// Fields 14 and 15. The second field is a name in parentheses and may contain anything. `USER_HZ` is 100 on every Linux
/// that Rust's standard library runs on, whatever the kernel's own tick is.
fn cpu(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis(user.saturating_add(system).saturating_mul(10)))
}

fn memory_bytes(status: &str) -> Option<u64> {
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    kib.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_whatever_the_process_is_called() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 8 0 100 1000 10";
        assert_eq!(cpu(stat), Some(Duration::from_secs(2)));
        assert_eq!(cpu("nonsense"), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(memory_bytes("VmPeak:\t 9999 kB\nVmRSS:\t    2048 kB\n"), Some(2048 * 1024));
        assert_eq!(memory_bytes("nonsense"), None);
    }
}
