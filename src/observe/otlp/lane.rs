//! The records of one kind on their way out: batched, kept while the collector is away, and given up with a count.
//!
//! A state machine without a clock or a socket. Owned by the thread `otlp`.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use super::{
    send::{SendError, Why},
    tap::Queue,
};

/// Records of one message. The queue holds sixteen times as many.
const BATCH_MAX: usize = 512;

/// How long a record waits for others to go with it.
const LINGER: Duration = Duration::from_secs(2);

/// Waits after failures: 1, 2, 4 ... seconds, up to this.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Between two lines about lost records.
const LOST_REPEAT: Duration = Duration::from_secs(60);

/// Whether sending works, and when to try again. Said when it changes.
#[derive(Debug, Default)]
pub struct Trouble {
    failures: u32,
    not_before: Option<Instant>,
}

/// What is worth a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It does not work any more.
    Fails(Why),
    /// It works again.
    Works,
}

/// See the module.
#[derive(Debug)]
pub struct Lane<T> {
    queue: Queue<T>,
    batch: Vec<T>,
    /// When the oldest record of the batch must go.
    due: Option<Instant>,
    trouble: Trouble,
    lost_said: u64,
    lost_said_at: Option<Instant>,
}

impl Trouble {
    /// Whether it may be tried.
    pub fn may_try(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|not_before| now >= not_before)
    }

    /// Notes how it went; something to say if that is new.
    pub fn note(&mut self, outcome: &Result<u64, SendError>, now: Instant) -> Option<Change> {
        let Err(error) = outcome else {
            let was_failing = std::mem::take(self).failures > 0;
            return was_failing.then_some(Change::Works);
        };
        let wait = Duration::from_secs(1 << self.failures.min(10)).max(error.wait).min(WAIT_MAX);
        self.not_before = now.checked_add(wait);
        self.failures = self.failures.saturating_add(1);
        (self.failures == 1).then(|| Change::Fails(error.why.clone()))
    }
}

impl<T: Clone> Lane<T> {
    /// Nothing under way.
    pub fn new(queue: Queue<T>) -> Self {
        let trouble = Trouble::default();
        Self { queue, batch: Vec::new(), due: None, trouble, lost_said: 0, lost_said_at: None }
    }

    /// What is to be sent now, if anything; `flush` does not wait for more, nor for better times.
    pub fn batch(&mut self, now: Instant, flush: bool) -> Option<Vec<T>> {
        let room = BATCH_MAX.saturating_sub(self.batch.len());
        self.batch.extend(self.queue.records.try_iter().take(room));
        if self.batch.is_empty() {
            return None;
        }
        let due = *self.due.get_or_insert(now + LINGER);
        let is_due = flush || ((now >= due || self.batch.len() >= BATCH_MAX) && self.trouble.may_try(now));
        is_due.then(|| self.batch.clone())
    }

    /// The batch was sent, or was not.
    pub fn sent(&mut self, outcome: &Result<u64, SendError>, now: Instant) -> Option<Change> {
        let lost = match outcome {
            Ok(rejected) => *rejected,
            Err(error) if error.is_final => self.batch.len() as u64,
            Err(_) => return self.trouble.note(outcome, now),
        };
        self.batch.clear();
        self.due = None;
        self.queue.lost.fetch_add(lost, Ordering::Relaxed);
        self.trouble.note(outcome, now)
    }

    /// Records that are not sent.
    pub fn left(&self) -> usize {
        self.batch.len() + self.queue.records.len()
    }

    /// How many records were lost since this was said last, if it is worth a line.
    pub fn lost(&mut self, now: Instant) -> Option<u64> {
        let total = self.queue.lost.load(Ordering::Relaxed);
        let is_due = self.lost_said_at.is_none_or(|said| now.saturating_duration_since(said) >= LOST_REPEAT);
        let count = Some(total - self.lost_said).filter(|count| *count > 0 && is_due)?;
        (self.lost_said, self.lost_said_at) = (total, Some(now));
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tap::{Tap, queue},
        *,
    };

    const AWAY: SendError = SendError { why: Why::Status(503), wait: Duration::ZERO, is_final: false };
    const BUSY: SendError =
        SendError { why: Why::Status(429), wait: Duration::from_secs(7), is_final: false };
    const REFUSED: SendError = SendError { why: Why::Status(400), wait: Duration::ZERO, is_final: true };

    struct Bench {
        start: Instant,
        tap: Tap<u32>,
        lane: Lane<u32>,
    }

    impl Bench {
        fn new() -> Self {
            let (tap, queue) = queue();
            Self { start: Instant::now(), tap, lane: Lane::new(queue) }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn batch(&mut self, ms: u64) -> Option<usize> {
            let now = self.at(ms);
            self.lane.batch(now, false).map(|batch| batch.len())
        }

        fn sent(&mut self, ms: u64, outcome: Result<u64, SendError>) -> Option<Change> {
            let now = self.at(ms);
            self.lane.sent(&outcome, now)
        }
    }

    #[test]
    fn records_wait_for_company_but_not_for_long() {
        let mut bench = Bench::new();
        assert_eq!(bench.batch(0), None);
        bench.tap.put(1);
        assert_eq!(bench.batch(100), None);
        bench.tap.put(2);
        assert_eq!((bench.batch(2_099), bench.batch(2_100)), (None, Some(2)));
        assert_eq!(bench.sent(2_100, Ok(0)), None);
        assert_eq!(bench.batch(9_999), None);
        (0..600).for_each(|at| bench.tap.put(at));
        assert_eq!(bench.batch(10_000), Some(BATCH_MAX));
        assert_eq!(bench.sent(10_000, Ok(0)), None);
        assert_eq!((bench.batch(10_000), bench.batch(12_000)), (None, Some(600 - BATCH_MAX)));
    }

    #[test]
    fn a_flush_waits_for_nothing() {
        let mut bench = Bench::new();
        bench.tap.put(1);
        let now = bench.at(0);
        assert_eq!(bench.lane.batch(now, true), Some(vec![1]));
        bench.sent(0, Err(AWAY));
        assert_eq!(bench.lane.batch(now, true), Some(vec![1]));
    }

    #[test]
    fn a_batch_is_kept_while_the_collector_is_away() {
        let mut bench = Bench::new();
        bench.tap.put(1);
        assert_eq!((bench.batch(0), bench.batch(2_000)), (None, Some(1)));
        assert_eq!(bench.sent(2_000, Err(AWAY)), Some(Change::Fails(Why::Status(503))));
        assert_eq!((bench.batch(2_999), bench.batch(3_000)), (None, Some(1)));
        assert_eq!(bench.sent(3_000, Err(AWAY)), None, "said already");
        assert_eq!((bench.batch(4_999), bench.batch(5_000)), (None, Some(1)));
        assert_eq!(bench.sent(5_000, Err(BUSY)), None);
        assert_eq!((bench.batch(11_999), bench.batch(12_000)), (None, Some(1)));
        assert_eq!(bench.sent(12_000, Ok(0)), Some(Change::Works));
        let now = bench.at(12_000);
        assert_eq!((bench.batch(99_999), bench.lane.lost(now)), (None, None));
    }

    #[test]
    fn waits_end() {
        let mut bench = Bench::new();
        bench.tap.put(1);
        bench.batch(0);
        let mut now = 2_000;
        for _ in 0..40 {
            bench.sent(now, Err(AWAY));
            now += 60_000;
            assert_eq!(bench.batch(now), Some(1));
        }
    }

    #[test]
    fn what_is_refused_is_given_up_and_counted() {
        let mut bench = Bench::new();
        bench.tap.put(1);
        bench.tap.put(2);
        bench.batch(0);
        assert_eq!(bench.sent(0, Err(REFUSED)), Some(Change::Fails(Why::Status(400))));
        let (now, later) = (bench.at(0), bench.at(59_999));
        assert_eq!((bench.lane.lost(now), bench.lane.lost(now)), (Some(2), None));
        bench.tap.put(3);
        assert_eq!(bench.batch(500), None, "not before the wait is over");
        assert_eq!(bench.batch(2_500), Some(1));
        assert_eq!(bench.sent(2_500, Ok(1)), Some(Change::Works), "taken in part");
        assert_eq!((bench.lane.lost(later), bench.lane.lost(bench.at(60_000))), (None, Some(1)));
    }
}
