//! What a process has used, as Linux counts it.

use std::time::Duration;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) memory_kib: u64,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> std::io::Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name, in parentheses, may hold blanks; after it come the state and eleven numbers, then user and system time.
        let fields: Vec<u64> =
            stat.rsplit(')').next().unwrap_or_default().split(' ').map(|f| f.parse().unwrap_or(0)).collect();
        let ticks = fields.get(12).unwrap_or(&0) + fields.get(13).unwrap_or(&0);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory_kib = resident.and_then(|text| text.trim().split(' ').next()?.parse().ok()).unwrap_or(0);
        // USER_HZ is 100 on every Linux that Rust's std runs on.
        Ok(Self { cpu: Duration::from_millis(ticks * 10), memory_kib })
    }
}

/// The machine, for the table's head.
pub(crate) fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{} × {}", cores, model.unwrap_or("unknown processor"))
}
