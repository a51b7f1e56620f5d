//! What the process itself costs, from `/proc`. Elsewhere than on Linux there is nothing to read.

use std::{
    fmt, fs,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

/// Linux counts CPU time for user space in hundredths of a second on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;
/// The unit of `/proc/self/status`.
const KIB: u64 = 1024;

#[derive(Debug)]
pub(super) struct ProcessCollector {
    started: f64,
}

impl ProcessCollector {
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: now.as_secs_f64() }
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut gauge = |name: &str, help: &str, value: f64| {
            let metric = ConstGauge::new(value);
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        gauge("process_start_time_seconds", "Start of the process since the epoch.", self.started)?;
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            for (name, help, field) in [
                ("process_resident_memory_bytes", "Resident memory.", "VmRSS"),
                ("process_virtual_memory_bytes", "Virtual memory.", "VmSize"),
                ("process_resident_memory_max_bytes", "Highest resident memory so far.", "VmHWM"),
            ] {
                if let Some(kib) = status_field(&status, field) {
                    gauge(name, help, (kib * KIB) as f64)?;
                }
            }
            if let Some(threads) = status_field(&status, "Threads") {
                gauge("process_threads", "Threads.", threads as f64)?;
            }
        }
        if let Ok(entries) = fs::read_dir("/proc/self/fd") {
            gauge("process_open_fds", "Open file descriptors.", entries.count() as f64)?;
        }
        if let Some(ticks) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(cpu_ticks) {
            let metric = ConstCounter::new(ticks as f64 / TICKS_PER_SECOND);
            metric.encode(encoder.encode_descriptor(
                "process_cpu_seconds",
                "CPU time spent.",
                None,
                metric.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

/// The number after `field:`.
fn status_field(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// User and system time. The command's name may hold spaces and parentheses, so fields count from its end.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernel_s_formats() {
        let status = "Name:\tx\nVmSize:\t  2048 kB\nVmRSS:\t     100 kB\nThreads:\t3\n";
        assert_eq!(status_field(status, "VmRSS"), Some(100));
        assert_eq!(status_field(status, "Threads"), Some(3));
        assert_eq!(status_field(status, "Vm"), None);
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 99 1000 25";
        assert_eq!(cpu_ticks(stat), Some(300));
    }
}
