//! What /proc says about a process: run time by thread, and memory.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use serde::Serialize;

/// CPU time of a process, read in two ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunTimes {
    /// Of each thread that lives, from its schedstat: exact to the nanosecond.
    threads: BTreeMap<u32, u64>,
    /// How each of them is called.
    names: BTreeMap<u32, String>,
    /// Of the whole process with all threads that ever lived, in ticks of usually ten milliseconds.
    process_nanos: u64,
    tick_nanos: u64,
}

/// Memory of a process in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Resident now.
    pub rss_kib: u64,
    /// Most that was ever resident.
    pub peak_kib: u64,
}

/// The CPU time of a process so far.
pub fn run_times(pid: u32) -> io::Result<RunTimes> {
    let (mut threads, mut names) = (BTreeMap::new(), BTreeMap::new());
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let entry = entry?;
        let Some(thread) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A thread may end between listing and reading.
        let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
        if let Some(nanos) = first_number(&text) {
            threads.insert(thread, nanos);
            names.insert(thread, fs::read_to_string(entry.path().join("comm")).unwrap_or_default());
        }
    }
    let tick_nanos = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
    let process_nanos = ticks_in(&fs::read_to_string(format!("/proc/{pid}/stat"))?) * tick_nanos;
    Ok(RunTimes { threads, names, process_nanos, tick_nanos })
}

impl RunTimes {
    /// What the busiest of the threads whose names begin so has run since an earlier reading, in nanoseconds.
    pub fn most_since(&self, before: &Self, name: &str) -> u64 {
        let named = self
            .threads
            .iter()
            .filter(|(thread, _)| self.names.get(thread).is_some_and(|known| known.starts_with(name)));
        let grown = named
            .map(|(thread, nanos)| nanos.saturating_sub(before.threads.get(thread).copied().unwrap_or(0)));
        grown.max().unwrap_or(0)
    }

    /// What all threads have run since an earlier reading, in nanoseconds.
    pub fn since(&self, before: &Self) -> u64 {
        run_time_between(before, self)
    }
}

/// User and system time in ticks: the 14th and 15th field, counted behind the name, which may hold
/// blanks and brackets.
fn ticks_in(stat: &str) -> u64 {
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    behind_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// The CPU time between two readings in nanoseconds.
///
/// The threads' own counts are exact, but a thread that ends takes its count along. If the count
/// of the whole process says clearly more, threads have ended, and the coarser figure is right.
pub fn run_time_between(before: &RunTimes, after: &RunTimes) -> u64 {
    let grown = |(thread, &nanos): (&u32, &u64)| {
        nanos.saturating_sub(before.threads.get(thread).copied().unwrap_or(0))
    };
    let by_thread: u64 = after.threads.iter().map(grown).sum();
    let whole = after.process_nanos.saturating_sub(before.process_nanos);
    let tolerance = 3 * after.tick_nanos + by_thread / 50;
    if whole > by_thread + tolerance { whole } else { by_thread }
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

    fn check(before: &[(u32, u64)], after: &[(u32, u64)], process_nanos: u64, wanted: u64) {
        let times = |threads: &[(u32, u64)], process_nanos| RunTimes {
            threads: threads.iter().copied().collect(),
            names: BTreeMap::new(),
            process_nanos,
            tick_nanos: 10,
        };
        assert_eq!(run_time_between(&times(before, 0), &times(after, process_nanos)), wanted);
    }

    #[test]
    fn exact_counts_are_used_until_threads_end() {
        check(&[(1, 100), (2, 50)], &[(1, 160), (2, 50), (3, 7)], 70, 67);
        check(&[(1, 100)], &[(1, 160)], 0, 60);
        check(&[(1, 100), (2, 50)], &[(1, 160)], 500, 500);
    }

    #[test]
    fn the_busiest_of_a_kind_is_found_by_name() {
        let times = |one, two, other| RunTimes {
            threads: [(1, one), (2, two), (3, other)].into(),
            names: [(1, "shard-0\n".to_owned()), (2, "shard-1\n".to_owned()), (3, "pages\n".to_owned())]
                .into(),
            ..RunTimes::default()
        };
        assert_eq!(times(15, 27, 99).most_since(&times(10, 20, 0), "shard-"), 7);
        assert_eq!(times(15, 27, 99).most_since(&times(10, 20, 0), "nobody"), 0);
    }

    #[test]
    fn ticks_are_found_behind_any_name() {
        assert_eq!(ticks_in("7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 63 9 0 0 20"), 72);
        assert_eq!(ticks_in(""), 0);
    }

    #[test]
    fn our_own_process_is_readable() {
        let pid = std::process::id();
        assert!(memory(pid).expect("our status is readable").rss_kib > 0);
        assert!(!run_times(pid).expect("our threads are readable").threads.is_empty());
    }
}
