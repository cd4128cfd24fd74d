//! When each request is due. Times count from the start of the run; no clock is read here.

use std::time::Duration;

/// A fixed schedule: request i is due at i / rate.
#[derive(Debug)]
pub struct Schedule {
    rate: u32,
    count: u64,
    /// The next request to hand out.
    at: u64,
}

impl Schedule {
    /// So many requests per second (0 counts as 1) for so long, or until the count is reached.
    pub fn new(rate: u32, duration: Duration, count_max: Option<u64>) -> Self {
        let rate = rate.max(1);
        let in_time = duration.as_nanos() * u128::from(rate) / 1_000_000_000;
        let in_time = u64::try_from(in_time).unwrap_or(u64::MAX);
        Self { rate, count: in_time.min(count_max.unwrap_or(u64::MAX)), at: 0 }
    }

    /// Hands out the next request if it is due: the moment it was due.
    pub fn take(&mut self, now: Duration) -> Option<Duration> {
        let due = self.next().filter(|&due| due <= now)?;
        self.at += 1;
        Some(due)
    }

    /// When the next request is due; `None` after the last one.
    pub fn next(&self) -> Option<Duration> {
        (self.at < self.count).then(|| self.due(self.at))
    }

    /// When the last request is due.
    pub fn end(&self) -> Duration {
        self.due(self.count.saturating_sub(1))
    }

    /// Requests not handed out.
    pub fn left(&self) -> u64 {
        self.count - self.at
    }

    fn due(&self, at: u64) -> Duration {
        let nanos = u128::from(at) * 1_000_000_000 / u128::from(self.rate);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rate: u32, millis: u64, count_max: Option<u64>, count: u64, end_micros: u64) {
        let schedule = Schedule::new(rate, Duration::from_millis(millis), count_max);
        assert_eq!(schedule.left(), count);
        assert_eq!(schedule.end(), Duration::from_micros(end_micros));
    }

    #[test]
    fn count_and_end_follow_from_rate_and_time() {
        check(1000, 1000, None, 1000, 999_000);
        check(1000, 1000, Some(10), 10, 9_000);
        check(3, 500, None, 1, 0);
        check(1000, 0, None, 0, 0);
    }

    #[test]
    fn requests_keep_the_moment_they_were_due() {
        let mut schedule = Schedule::new(1000, Duration::from_millis(5), None);
        assert_eq!(schedule.take(Duration::ZERO), Some(Duration::ZERO));
        assert_eq!(schedule.take(Duration::from_micros(900)), None);
        // A stall of four milliseconds: the requests of that time are handed out late, but keep their time.
        for millis in 1..5 {
            assert_eq!(schedule.take(Duration::from_micros(4_500)), Some(Duration::from_millis(millis)));
        }
        assert_eq!(schedule.take(Duration::from_secs(9)), None);
        assert_eq!(schedule.next(), None);
    }
}
