//! What an open-loop run has seen.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest latency that is told apart, in microseconds; longer ones count as this.
const LATENCY_MICROS_MAX: u64 = 3_600_000_000;
/// Three digits: a value of 1,000 µs is exact to 1 µs.
const DIGITS: u8 = 3;
/// The percentiles that are printed.
const PERCENTILES: [f64; 6] = [50.0, 90.0, 99.0, 99.9, 99.99, 100.0];

/// Counts and latencies of a run. Written by the driver, complete after `finish`.
pub struct Report {
    rate: u32,
    /// In microseconds, from the moment a request was due to the last byte of its answer.
    latencies: Histogram<u64>,
    statuses: BTreeMap<u16, u64>,
    pub sent: u64,
    /// Requests lost to a broken connection or an unreadable answer.
    pub errors: u64,
    /// Connections opened again, for whatever reason.
    pub reconnects: u64,
    /// Connections that could not be opened again.
    pub lost_connections: u64,
    /// Sent, but without an answer at the end.
    pub unanswered: u64,
    /// Due, but never sent: every connection was busy.
    pub unsent: u64,
    elapsed: Duration,
}

impl Report {
    #[expect(clippy::expect_used, reason = "the bounds are constants that the histogram accepts")]
    pub fn new(rate: u32) -> Self {
        Self {
            rate,
            latencies: Histogram::new_with_max(LATENCY_MICROS_MAX, DIGITS)
                .expect("constant bounds are valid"),
            statuses: BTreeMap::new(),
            sent: 0,
            errors: 0,
            reconnects: 0,
            lost_connections: 0,
            unanswered: 0,
            unsent: 0,
            elapsed: Duration::ZERO,
        }
    }

    /// How often each status came.
    pub fn statuses(&self) -> impl Iterator<Item = (u16, u64)> {
        self.statuses.iter().map(|(&status, &count)| (status, count))
    }

    /// The latency that so many percent do not exceed.
    pub fn latency(&self, percent: f64) -> Duration {
        Duration::from_micros(self.latencies.value_at_percentile(percent))
    }

    pub(super) fn sent(&mut self) {
        self.sent += 1;
    }

    pub(super) fn answered(&mut self, latency: Duration, status: u16) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latencies.saturating_record(micros);
        *self.statuses.entry(status).or_default() += 1;
    }

    pub(super) fn error(&mut self) {
        self.errors += 1;
    }

    pub(super) fn reconnected(&mut self) {
        self.reconnects += 1;
    }

    pub(super) fn lost(&mut self) {
        self.lost_connections += 1;
    }

    pub(super) fn finish(&mut self, elapsed: Duration, unanswered: u64, unsent: u64) {
        self.elapsed = elapsed;
        self.unanswered = unanswered;
        self.unsent = unsent;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answered = self.latencies.len();
        let rate = answered as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON);
        writeln!(
            out,
            "asked for {} requests/s, answered {rate:.0}/s in {:.2} s",
            self.rate,
            self.elapsed.as_secs_f64()
        )?;
        writeln!(out, "sent {}, answered {answered}, lost {}", self.sent, self.errors)?;
        writeln!(out, "unanswered at the end {}, due but never sent {}", self.unanswered, self.unsent)?;
        writeln!(out, "connections opened again {}, given up {}", self.reconnects, self.lost_connections)?;
        for (status, count) in self.statuses() {
            writeln!(out, "status {status}: {count}")?;
        }
        writeln!(out, "latency from the moment a request was due:")?;
        for percentile in PERCENTILES {
            writeln!(out, "  p{percentile:<6} {:>10} µs", self.latencies.value_at_percentile(percentile))?;
        }
        write!(out, "  mean    {:>10.0} µs", self.latencies.mean())
    }
}
