//! How long something took, many times: count, sum, and a histogram for quantiles.
//!
//! Two significant digits from a microsecond to a minute, about 20 kB. Made when the first value comes; recording never
//! allocates afterwards. Adding two equals recording the values of both.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest time that is told apart; longer ones count as this long in quantiles.
const LONGEST_US: u64 = 60_000_000;
const SIGNIFICANT_DIGITS: u8 = 2;

/// See the module.
#[derive(Debug, Clone)]
pub struct Timing {
    sum: Duration,
    values_us: Histogram<u64>,
}

/// The figures of instance data; all zero if nothing was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Latency {
    /// Mean in milliseconds.
    pub avg_ms: f64,
    /// How often.
    pub count: u64,
    /// 99 % took at most so many milliseconds.
    pub p99_ms: f64,
}

impl Default for Timing {
    fn default() -> Self {
        let values_us = Histogram::new_with_bounds(1, LONGEST_US, SIGNIFICANT_DIGITS)
            .expect("constant bounds, the upper one more than twice the lower, and at most five digits");
        Self { sum: Duration::ZERO, values_us }
    }
}

impl Timing {
    /// Adds a value.
    pub fn record(&mut self, took: Duration) {
        self.sum = self.sum.saturating_add(took);
        self.values_us.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    /// Adds all values of another.
    pub fn add(&mut self, other: &Self) {
        self.sum = self.sum.saturating_add(other.sum);
        // All have the same bounds, so that adding cannot fail.
        let added = self.values_us.add(&other.values_us);
        debug_assert_eq!(added, Ok(()));
    }

    /// What instance data says of it.
    pub fn latency(&self) -> Latency {
        let count = self.values_us.len();
        if count == 0 {
            return Latency::default();
        }
        let avg_ms = self.sum.as_secs_f64() * 1e3 / count as f64;
        let p99_ms = Duration::from_micros(self.values_us.value_at_quantile(0.99)).as_secs_f64() * 1e3;
        Latency { avg_ms: rounded(avg_ms), count, p99_ms: rounded(p99_ms) }
    }
}

/// Three decimals, as Unleash Edge 20.4 writes them.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timing(values_us: &[u64]) -> Timing {
        let mut timing = Timing::default();
        values_us.iter().for_each(|value| timing.record(Duration::from_micros(*value)));
        timing
    }

    #[test]
    fn latencies_are_means_and_quantiles_in_milliseconds() {
        let check = |values_us: &[u64], avg_ms, p99_ms| {
            let expected = Latency { avg_ms, count: values_us.len() as u64, p99_ms };
            assert_eq!(timing(values_us).latency(), expected, "{values_us:?}");
        };
        check(&[], 0.0, 0.0);
        check(&[0], 0.0, 0.001);
        check(&[209], 0.209, 0.209);
        check(&[100, 200], 0.15, 0.2);
        // Counted as long as told apart, but the mean is that of the values.
        let day = Duration::from_secs(86_400);
        let latency = timing(&[day.as_micros() as u64]).latency();
        assert_eq!((latency.avg_ms, latency.count), (86_400_000.0, 1));
        assert!((60_000.0..61_000.0).contains(&latency.p99_ms), "{latency:?}");
    }

    proptest! {
        #[test]
        fn adding_equals_recording_both(
            mine in proptest::collection::vec(0_u64..100_000_000, 0..50),
            theirs in proptest::collection::vec(0_u64..100_000_000, 0..50),
        ) {
            let mut sum = timing(&mine);
            sum.add(&timing(&theirs));
            let both = timing(&[mine, theirs].concat());
            prop_assert_eq!(sum.sum, both.sum);
            prop_assert_eq!(sum.values_us, both.values_us);
        }
    }
}
