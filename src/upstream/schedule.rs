//! What to fetch when: pure, no clock and no I/O; time and randomness are arguments.
//!
//! One entry per key (a token of the refresh set). The sync thread owns it, asks [`Schedule::due`], sends
//! the keys to workers and reports each outcome back. Invariants:
//!
//! - a key is never in flight twice, even if it is removed and inserted again while its call runs;
//! - a wait after a failure is at most 11 intervals, whatever upstream asks for (upstream.md 8.3);
//! - one success forgets all failures.
//!
//! ```text
//!   insert --> due --(due)--> in flight --succeeded--> due at start + interval, -10 %
//!                                       `--failed----> due after a back-off with full jitter
//! ```

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rand::Rng;

use super::{
    backoff::{Backoff, between},
    limits::{FAILURES_COUNTED_MAX, INTERVAL_MIN, STAGGER_MAX},
};

/// Quick retries before the first success: 1, 2, 4 … s, until the growth by intervals is shorter.
const FIRST_LOAD: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };

/// The timetable of the refresh set. See the module.
#[derive(Debug)]
pub struct Schedule<K> {
    interval: Duration,
    in_flight_max: usize,
    entries: BTreeMap<K, Entry>,
    /// Start of every running call. Kept apart from the entries, so that it outlives a removed one.
    in_flight: BTreeMap<K, Instant>,
}

/// What is remembered of one key.
#[derive(Debug, Clone)]
struct Entry {
    due: Instant,
    /// Failures since the last success, at most [`FAILURES_COUNTED_MAX`].
    failures: u32,
    last_success: Option<Instant>,
    etag: Option<String>,
}

impl<K: Ord + Clone> Schedule<K> {
    /// An empty timetable. `interval` is raised to [`INTERVAL_MIN`], `in_flight_max` to 1.
    pub fn new(interval: Duration, in_flight_max: usize) -> Self {
        Self {
            interval: interval.max(INTERVAL_MIN),
            in_flight_max: in_flight_max.max(1),
            entries: BTreeMap::new(),
            in_flight: BTreeMap::new(),
        }
    }

    /// The polling interval in force.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Adds `key`, first fetch at once; a known key is left as it is.
    ///
    /// When more first fetches wait than may run at a time, the rest is spread over up to a second.
    pub fn insert(&mut self, key: K, now: Instant, rng: &mut impl Rng) {
        if self.entries.contains_key(&key) {
            return;
        }
        let waiting = self.entries.values().filter(|entry| entry.due <= now).count();
        let stagger = if waiting < self.in_flight_max {
            Duration::ZERO
        } else {
            between(Duration::ZERO, STAGGER_MAX.min(self.interval), rng)
        };
        self.entries.insert(key, Entry { due: now + stagger, failures: 0, last_success: None, etag: None });
    }

    /// Forgets `key`. A call that still runs counts as in flight until its outcome is reported.
    pub fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    /// Forgets `key`, whose call is not made although [`Schedule::due`] named it.
    pub fn forget(&mut self, key: &K) {
        self.entries.remove(key);
        self.in_flight.remove(key);
    }

    /// Forgets every key that `keep` does not want.
    pub fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        self.entries.retain(|key, _| keep(key));
    }

    /// Keys to fetch now, the longest overdue first, and marks them as in flight.
    pub fn due(&mut self, now: Instant) -> Vec<K> {
        let mut ready: Vec<(Instant, K)> = self
            .waiting()
            .filter(|(_, entry)| entry.due <= now)
            .map(|(key, entry)| (entry.due, key.clone()))
            .collect();
        ready.sort();
        ready.truncate(self.in_flight_max.saturating_sub(self.in_flight.len()));
        let keys: Vec<K> = ready.into_iter().map(|(_, key)| key).collect();
        self.in_flight.extend(keys.iter().map(|key| (key.clone(), now)));
        keys
    }

    /// When [`Schedule::due`] should be asked again; `None` if only a reported outcome can change anything.
    pub fn next_due(&self) -> Option<Instant> {
        if self.in_flight.len() >= self.in_flight_max {
            return None;
        }
        self.waiting().map(|(_, entry)| entry.due).min()
    }

    /// Upstream answered with data or with 304: next call one interval after the start of this one, or up to
    /// 10 % earlier. Never later: a change is to be served within the interval.
    ///
    /// If the call took longer than that, the next one still waits a tenth of the interval.
    pub fn succeeded(&mut self, key: &K, now: Instant, rng: &mut impl Rng) {
        let started = self.in_flight.remove(key).unwrap_or(now);
        let Some(entry) = self.entries.get_mut(key) else { return };
        let period = between(self.interval.mul_f64(0.9), self.interval, rng);
        entry.due = (started + period).max(now + self.interval / 10);
        entry.failures = 0;
        entry.last_success = Some(now);
    }

    /// The call failed: next one after a back-off, counted from `now`.
    ///
    /// `retry_after` is what upstream asked for; it lengthens the wait, up to the cap.
    pub fn failed(&mut self, key: &K, now: Instant, retry_after: Option<Duration>, rng: &mut impl Rng) {
        self.in_flight.remove(key);
        let (interval, cap) = (self.interval, self.wait_max());
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.failures = (entry.failures + 1).min(FAILURES_COUNTED_MAX);
        let asked = retry_after.map_or(Duration::ZERO, |wait| spread(wait.min(cap), rng));
        entry.due = now + entry.backoff(interval, rng).max(asked).min(cap);
    }

    /// Fetches `key` at this time if it would be fetched later: `now` if as soon as possible.
    pub fn bring_forward(&mut self, key: &K, at: Instant) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.due = entry.due.min(at);
        }
    }

    /// Fetches `key` at this time and not before.
    pub fn put_off(&mut self, key: &K, at: Instant) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.due = at;
        }
    }

    /// Remembers the tag of the data last taken over; `None` makes the next call unconditional.
    pub fn set_etag(&mut self, key: &K, etag: Option<String>) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.etag = etag;
        }
    }

    /// The tag to send with the next call.
    pub fn etag(&self, key: &K) -> Option<&str> {
        self.entries.get(key)?.etag.as_deref()
    }

    /// Failures since the last success, at most 10.
    pub fn failures(&self, key: &K) -> Option<u32> {
        Some(self.entries.get(key)?.failures)
    }

    /// When the last call succeeded.
    pub fn last_success(&self, key: &K) -> Option<Instant> {
        self.entries.get(key)?.last_success
    }

    /// When `key` is fetched next; may lie in the past.
    pub fn due_at(&self, key: &K) -> Option<Instant> {
        Some(self.entries.get(key)?.due)
    }

    /// Whether `key` is scheduled.
    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// The scheduled keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.keys()
    }

    /// Number of calls that run.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The longest wait there is: 11 intervals.
    pub fn wait_max(&self) -> Duration {
        self.interval.saturating_mul(1 + FAILURES_COUNTED_MAX)
    }

    fn waiting(&self) -> impl Iterator<Item = (&K, &Entry)> {
        self.entries.iter().filter(|(key, _)| !self.in_flight.contains_key(key))
    }
}

impl Entry {
    /// The wait after a failure: full jitter between one interval and `interval x (1 + failures)`.
    ///
    /// Unleash Edge 20.4 waits exactly the upper bound, so that a fleet comes back in step. The range keeps
    /// its growth and its cap and never polls a failing upstream faster than a healthy one. Before the first
    /// success SDKs have nothing at all, so the first waits are shorter.
    fn backoff(&self, interval: Duration, rng: &mut impl Rng) -> Duration {
        let grown = interval.saturating_mul(1 + self.failures);
        if self.last_success.is_some() {
            return between(interval, grown, rng);
        }
        let ceiling = FIRST_LOAD.ceiling(self.failures).min(grown);
        between(ceiling / 2, ceiling, rng)
    }
}

/// Between `wait` and a tenth more: never earlier than asked for, yet not all at one moment.
fn spread(wait: Duration, rng: &mut impl Rng) -> Duration {
    between(wait, wait.mul_f64(1.1), rng)
}

#[cfg(test)]
mod tests;
