//! Which kinds of answers are failing, over all shards: says it when it begins, now and then, and when it ends.
//!
//! A pure state machine of the thread `access`; time is passed in. One line per change instead of one per request.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::failing::Failing;

/// Between two lines about an outage that goes on.
const REPEAT: Duration = Duration::from_secs(60);

/// Without a failure for so long an outage is over. Longer than a shard needs to tell, and than SDKs wait to ask again.
const QUIET: Duration = Duration::from_secs(30);

/// What is worth a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The first failures of their kind.
    Begins(Failing),
    /// More failures than were said so far.
    GoesOn(Failing),
    /// There are none any more; so many were not said yet.
    Ends {
        /// Route.
        pattern: &'static str,
        /// Status.
        status: u16,
        /// All of them.
        total: u64,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub struct Outages {
    kinds: BTreeMap<(&'static str, u16), Outage>,
}

#[derive(Debug)]
struct Outage {
    unsaid: Failing,
    total: u64,
    last: Instant,
    said: Instant,
}

impl Outages {
    /// Notes failures; something to say if they are the first.
    pub fn note(&mut self, failing: Failing, now: Instant) -> Option<News> {
        let key = (failing.place.pattern, failing.status);
        if let Some(outage) = self.kinds.get_mut(&key) {
            outage.unsaid.count += failing.count;
            outage.unsaid.took_max = outage.unsaid.took_max.max(failing.took_max);
            outage.total += failing.count;
            outage.last = now;
            return None;
        }
        let unsaid = Failing { count: 0, took_max: Duration::ZERO, ..failing };
        self.kinds.insert(key, Outage { unsaid, total: failing.count, last: now, said: now });
        Some(News::Begins(failing))
    }

    /// What time has brought.
    pub fn pass(&mut self, now: Instant) -> Vec<News> {
        let mut news = Vec::new();
        self.kinds.retain(|(pattern, status), outage| {
            if now.saturating_duration_since(outage.last) >= QUIET {
                news.push(News::Ends { pattern, status: *status, total: outage.total });
                return false;
            }
            if outage.unsaid.count > 0 && now.saturating_duration_since(outage.said) >= REPEAT {
                news.push(News::GoesOn(outage.unsaid));
                outage.unsaid = Failing { count: 0, took_max: Duration::ZERO, ..outage.unsaid };
                outage.said = now;
            }
            true
        });
        news
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::record::{Place, Surface},
        *,
    };

    fn failing(status: u16, count: u64) -> Failing {
        let place = Place { pattern: "/api/frontend", surface: Surface::Api };
        Failing { place, status, count, took_max: Duration::from_millis(count) }
    }

    #[test]
    fn an_outage_is_said_when_it_begins_now_and_then_and_when_it_ends() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut outages = Outages::default();
        assert_eq!(outages.note(failing(503, 1), at(0)), Some(News::Begins(failing(503, 1))));
        assert_eq!(outages.note(failing(500, 2), at(0)), Some(News::Begins(failing(500, 2))), "another kind");
        for second in 1..60 {
            assert_eq!(outages.note(failing(503, 10), at(second)), None);
            let ends = News::Ends { pattern: "/api/frontend", status: 500, total: 2 };
            let expected = if second == 30 { vec![ends] } else { Vec::new() };
            assert_eq!(outages.pass(at(second)), expected, "{second}");
        }
        let goes_on = Failing { took_max: Duration::from_millis(10), ..failing(503, 590) };
        assert_eq!(outages.pass(at(60)), [News::GoesOn(goes_on)]);
        assert_eq!(outages.pass(at(61)), []);
        assert_eq!(outages.note(failing(503, 1), at(62)), None);
        assert_eq!(outages.pass(at(91)), []);
        assert_eq!(outages.pass(at(92)), [News::Ends { pattern: "/api/frontend", status: 503, total: 592 }]);
        assert_eq!(outages.note(failing(503, 1), at(93)), Some(News::Begins(failing(503, 1))));
    }
}
