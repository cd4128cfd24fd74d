//! What a measurement of subscribers has seen.

use std::fmt;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::open;
use crate::processes::Memory;

const LATENCY_MICROS_MAX: u64 = 3_600_000_000;
const DIGITS: u8 = 3;

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// From the writing of the change to its arrival at the first subscriber, at half of them, and at the last one.
    pub first: Duration,
    pub half: Duration,
    pub last: Duration,
    /// Subscribers that it did not reach.
    pub missing: usize,
}

impl Round {
    pub fn new(written: Instant, arrived: &[Instant], streams: usize) -> Self {
        let mut times: Vec<_> = arrived.iter().map(|at| at.saturating_duration_since(written)).collect();
        times.sort_unstable();
        let at = |place: usize| times.get(place).copied().unwrap_or_default();
        Self {
            first: at(0),
            half: at(times.len() / 2),
            last: at(times.len().saturating_sub(1)),
            missing: streams.saturating_sub(times.len()),
        }
    }
}

/// The outcome.
pub struct Report {
    pub streams: usize,
    /// Streams that ended by themselves.
    pub lost: usize,
    /// Of the server: before the streams, with all of them idle, and after the last change.
    pub memory: [Memory; 3],
    pub rounds: Vec<Round>,
    /// Other requests without changes, and beside them.
    pub quiet: Option<open::Report>,
    pub busy: Option<open::Report>,
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing: usize = self.rounds.iter().map(|round| round.missing).sum();
        writeln!(
            out,
            "{} streams, {} lost, {} changes, {missing} times one did not arrive",
            self.streams,
            self.lost,
            self.rounds.len()
        )?;
        let [before, idle, after] = self.memory;
        let each = |now: Memory| {
            let grown = now.rss_kib.saturating_sub(before.rss_kib) * 1024;
            grown as f64 / self.streams.max(1) as f64
        };
        writeln!(
            out,
            "RSS {} KiB without streams, {} KiB with ({:.0} bytes each), {} KiB after the changes ({:.0} bytes each)",
            before.rss_kib,
            idle.rss_kib,
            each(idle),
            after.rss_kib,
            each(after)
        )?;
        writeln!(out, "from writing a change to            p50        p99        max")?;
        line(out, "the first subscriber", &self.rounds, |round| round.first)?;
        line(out, "half of them", &self.rounds, |round| round.half)?;
        line(out, "the last one", &self.rounds, |round| round.last)?;
        for (when, probed) in [("without changes", &self.quiet), ("beside changes", &self.busy)] {
            let Some(probed) = probed else { continue };
            let at = |percentile| probed.latency(percentile).as_micros();
            writeln!(
                out,
                "other requests {when:<16} p50 {} µs, p99 {} µs, max {} µs; statuses {:?}, lost {}, unanswered {}",
                at(50.0),
                at(99.0),
                at(100.0),
                probed.statuses().collect::<Vec<_>>(),
                probed.errors,
                probed.unanswered + probed.unsent
            )?;
        }
        Ok(())
    }
}

fn line(
    out: &mut fmt::Formatter<'_>,
    name: &str,
    rounds: &[Round],
    time: fn(&Round) -> Duration,
) -> fmt::Result {
    let Ok(mut times) = Histogram::<u64>::new_with_max(LATENCY_MICROS_MAX, DIGITS) else { return Ok(()) };
    for round in rounds {
        times.saturating_record(u64::try_from(time(round).as_micros()).unwrap_or(u64::MAX));
    }
    let at = |percentile| times.value_at_percentile(percentile) as f64 / 1e3;
    writeln!(out, "  {name:<24} {:>8.1} ms {:>7.1} ms {:>7.1} ms", at(50.0), at(99.0), at(100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_its_first_its_middle_and_its_last() {
        let written = Instant::now();
        let after = |millis| written + Duration::from_millis(millis);
        let round = Round::new(written, &[after(9), after(1), after(4)], 5);
        let millis = [round.first, round.half, round.last].map(|time| time.as_millis());
        assert_eq!((millis, round.missing), ([1, 4, 9], 2));
        assert_eq!(Round::new(written, &[], 2).missing, 2);
    }
}
