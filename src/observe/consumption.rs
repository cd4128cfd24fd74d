//! Who asks how often: requests by the interval that clients announce, and requests of frontends (metrics.md 2.3).
//!
//! Counts only grow. A report takes the difference to what was reported last, so that one which does not arrive loses
//! nothing. Intervals are steps of a fixed width up to an hour, at most about 800 in all.

use std::collections::BTreeMap;

use super::endpoint::Metered;

/// From there on all intervals count as one.
const LONGEST_MS: u32 = 3_600_000;

/// A range of announced intervals in milliseconds, as `[from, to]` of a data point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// Where it begins.
    pub from_ms: u32,
    /// Where it ends.
    pub to_ms: u32,
}

/// Requests by group and interval.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consumption {
    /// Fetches, by interval.
    pub features: BTreeMap<Interval, u64>,
    /// Posts of metrics, by interval.
    pub metrics: BTreeMap<Interval, u64>,
    /// Requests of frontends; `None` until the first one ever.
    pub frontend: Option<u64>,
}

impl Interval {
    /// Where an announced interval belongs; `None` is one that is missing or no number.
    pub fn of(metered: Metered, announced_ms: Option<u32>) -> Self {
        let (first, step) = match metered {
            Metered::Metrics => (60_000, 60_000),
            Metered::Features | Metered::Bulk => (15_000, 5_000),
        };
        match announced_ms.unwrap_or(first) {
            ms if ms <= first => Self { from_ms: 0, to_ms: first },
            ms if ms > LONGEST_MS => Self { from_ms: LONGEST_MS, to_ms: LONGEST_MS },
            ms => {
                let from_ms = ms - (ms - first) % step;
                Self { from_ms, to_ms: from_ms + step }
            }
        }
    }
}

impl Consumption {
    /// A request of this group with this interval, answered 2xx or 304.
    pub fn count(&mut self, metered: Metered, announced_ms: Option<u32>) {
        *self.group(metered).entry(Interval::of(metered, announced_ms)).or_default() += 1;
    }

    /// A request of a frontend, answered 2xx or 304.
    pub fn count_frontend(&mut self) {
        *self.frontend.get_or_insert_default() += 1;
    }

    fn group(&mut self, metered: Metered) -> &mut BTreeMap<Interval, u64> {
        match metered {
            Metered::Features => &mut self.features,
            Metered::Metrics | Metered::Bulk => &mut self.metrics,
        }
    }

    /// Adds all counts of another.
    pub fn add(&mut self, other: &Self) {
        let groups = [(&mut self.features, &other.features), (&mut self.metrics, &other.metrics)];
        for (mine, theirs) in groups {
            for (interval, count) in theirs {
                *mine.entry(*interval).or_default() += count;
            }
        }
        if let Some(count) = other.frontend {
            *self.frontend.get_or_insert_default() += count;
        }
    }

    /// What came since an earlier state. Intervals in which nothing came are left out; the count of frontends stays
    /// once there was one, as Unleash Edge 20.4 reports it.
    pub fn since(&self, earlier: &Self) -> Self {
        let less = |now: &BTreeMap<Interval, u64>, before: &BTreeMap<Interval, u64>| {
            let grown = now.iter().map(|(interval, count)| {
                (*interval, count.saturating_sub(before.get(interval).copied().unwrap_or_default()))
            });
            grown.filter(|(_, count)| *count > 0).collect()
        };
        Self {
            features: less(&self.features, &earlier.features),
            metrics: less(&self.metrics, &earlier.metrics),
            frontend: self.frontend.map(|count| count.saturating_sub(earlier.frontend.unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn intervals_fall_into_steps() {
        let check = |metered, announced, from_ms, to_ms| {
            assert_eq!(
                Interval::of(metered, announced),
                Interval { from_ms, to_ms },
                "{metered:?} {announced:?}"
            );
        };
        check(Metered::Metrics, None, 0, 60_000);
        check(Metered::Metrics, Some(0), 0, 60_000);
        check(Metered::Metrics, Some(60_000), 0, 60_000);
        check(Metered::Metrics, Some(60_001), 60_000, 120_000);
        check(Metered::Metrics, Some(119_999), 60_000, 120_000);
        check(Metered::Metrics, Some(120_000), 120_000, 180_000);
        check(Metered::Features, None, 0, 15_000);
        check(Metered::Features, Some(15_000), 0, 15_000);
        check(Metered::Features, Some(15_001), 15_000, 20_000);
        check(Metered::Features, Some(19_999), 15_000, 20_000);
        check(Metered::Features, Some(20_000), 20_000, 25_000);
        check(Metered::Bulk, None, 0, 15_000);
        check(Metered::Bulk, Some(60_000), 60_000, 65_000);
        check(Metered::Features, Some(3_600_001), 3_600_000, 3_600_000);
        check(Metered::Metrics, Some(u32::MAX), 3_600_000, 3_600_000);
    }

    #[test]
    fn a_report_has_what_came_since_the_one_before() {
        let mut consumption = Consumption::default();
        assert_eq!(consumption.since(&Consumption::default()).frontend, None, "none until the first");
        consumption.count(Metered::Features, None);
        consumption.count(Metered::Bulk, None);
        consumption.count_frontend();
        let reported = consumption.clone();
        consumption.count(Metered::Metrics, Some(1));
        let since = consumption.since(&reported);
        let metrics = BTreeMap::from([(Interval { from_ms: 0, to_ms: 60_000 }, 1)]);
        assert_eq!(since, Consumption { features: BTreeMap::new(), metrics, frontend: Some(0) });
    }

    #[derive(Debug, Clone, Copy)]
    struct Request(u8, Option<u32>);

    fn consumption(requests: &[Request]) -> Consumption {
        let mut consumption = Consumption::default();
        for Request(group, announced) in requests {
            match group {
                0 => consumption.count(Metered::Features, *announced),
                1 => consumption.count(Metered::Metrics, *announced),
                2 => consumption.count(Metered::Bulk, *announced),
                _ => consumption.count_frontend(),
            }
        }
        consumption
    }

    fn requests() -> impl Strategy<Value = Vec<Request>> {
        let request =
            (0_u8..4, proptest::option::of(any::<u32>())).prop_map(|(group, ms)| Request(group, ms));
        proptest::collection::vec(request, 0..30)
    }

    proptest! {
        #[test]
        fn a_report_and_the_one_before_make_the_whole(before in requests(), after in requests()) {
            let reported = consumption(&before);
            let whole = consumption(&[before, after].concat());
            let mut sum = reported.clone();
            sum.add(&whole.since(&reported));
            prop_assert_eq!(sum, whole);
        }
    }
}
