//! What a process has used, as the kernel counts it.

use std::time::Duration;

use anyhow::{Context, Result};

/// Length of the kernel's tick in `/proc`: 100 a second on every Linux that this runs on (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);
/// Fields of `/proc/<pid>/stat` after the name, counted from 0: time in user mode, time in the kernel.
const USER_TIME: usize = 11;
const KERNEL_TIME: usize = 12;

/// Processor time of all threads of a process so far.
pub(crate) fn processor_time(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the process has gone")?;
    ticks(&stat)
        .map(|ticks| TICK * ticks)
        .context("/proc/<pid>/stat cannot be read")
}

/// The largest resident memory of a process so far, in bytes.
pub(crate) fn peak_memory(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the process has gone")?;
    kibibytes(&status, "VmHWM:")
        .map(|kib| kib * 1024)
        .context("/proc/<pid>/status cannot be read")
}

fn ticks(stat: &str) -> Option<u32> {
    // The name stands in parentheses and may itself have spaces and parentheses.
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let field = |at: usize| fields.get(at)?.parse::<u32>().ok();
    Some(field(USER_TIME)? + field(KERNEL_TIME)?)
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_process_name() {
        let stat = "42 (a ) name) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(ticks(stat), Some(200));
    }

    #[test]
    fn the_peak_of_resident_memory_is_in_kibibytes() {
        assert_eq!(kibibytes("VmPeak:\t 9 kB\nVmHWM:\t  1234 kB\n", "VmHWM:"), Some(1234));
    }
}
