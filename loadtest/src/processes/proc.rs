//! What /proc says about a process: run time by thread, and memory.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use serde::Serialize;

/// Run time of each thread in nanoseconds.
pub type RunTimes = BTreeMap<u32, u64>;

/// Memory of a process in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Resident now.
    pub rss_kib: u64,
    /// Most that was ever resident.
    pub peak_kib: u64,
}

/// The run time of all threads, from their schedstat: exact to the nanosecond, whereas
/// /proc/PID/stat counts ticks of ten milliseconds.
pub fn run_times(pid: u32) -> io::Result<RunTimes> {
    let mut times = RunTimes::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let entry = entry?;
        let Some(thread) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A thread may end between listing and reading.
        let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
        if let Some(nanos) = first_number(&text) {
            times.insert(thread, nanos);
        }
    }
    Ok(times)
}

/// The run time between two readings. Threads that ended meanwhile are not in it.
pub fn run_time_between(before: &RunTimes, after: &RunTimes) -> u64 {
    let grown =
        |(thread, &nanos): (&u32, &u64)| nanos.saturating_sub(before.get(thread).copied().unwrap_or(0));
    after.iter().map(grown).sum()
}

/// The memory of a process now.
pub fn memory(pid: u32) -> io::Result<Memory> {
    Ok(memory_in(&fs::read_to_string(format!("/proc/{pid}/status"))?))
}

fn memory_in(status: &str) -> Memory {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(first_number).unwrap_or(0)
    };
    Memory { rss_kib: field("VmRSS:"), peak_kib: field("VmHWM:") }
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_a_status_text() {
        let status = "Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n";
        assert_eq!(memory_in(status), Memory { rss_kib: 1024, peak_kib: 2048 });
        assert_eq!(memory_in(""), Memory::default());
    }

    #[test]
    fn run_time_counts_new_threads_and_forgets_ended_ones() {
        let before = RunTimes::from([(1, 100), (2, 50)]);
        let after = RunTimes::from([(1, 160), (3, 7)]);
        assert_eq!(run_time_between(&before, &after), 67);
    }

    #[test]
    fn our_own_process_is_readable() {
        let pid = std::process::id();
        assert!(memory(pid).expect("our status is readable").rss_kib > 0);
        assert!(!run_times(pid).expect("our threads are readable").is_empty());
    }
}
