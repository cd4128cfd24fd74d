//! `feature_toggle_usage_total`: how often SDKs say that they evaluated a toggle, and how.
//!
//! Names of applications and toggles are texts of clients, so they are capped: beyond [`SERIES_MAX`] series new names
//! count together as `other`. Names that were there first keep their series.

use std::collections::BTreeMap;

use prometheus::proto::{MetricFamily, MetricType};

use crate::observe::family;

/// Series of the family. Each pair of names makes two, for on and off.
const SERIES_MAX: usize = 2_000;
const PAIRS_MAX: usize = SERIES_MAX / 2 - 1;
/// Longer names count as `other`: 2,000 series of the longest names are 1 MB of text.
const NAME_BYTES_MAX: usize = 256;
const OTHER: &str = "other";

/// By application, then by toggle: evaluated on, evaluated off.
#[derive(Debug, Default)]
pub struct Toggles {
    counts: BTreeMap<Box<str>, BTreeMap<Box<str>, [u64; 2]>>,
    pairs: usize,
}

impl Toggles {
    /// Adds to a toggle.
    pub fn used(&mut self, app_name: &str, toggle: &str, yes: u64, no: u64) {
        let is_known = self.counts.get(app_name).is_some_and(|toggles| toggles.contains_key(toggle));
        let has_room = self.pairs < PAIRS_MAX && app_name.len().max(toggle.len()) <= NAME_BYTES_MAX;
        let (app_name, toggle) = if is_known || has_room { (app_name, toggle) } else { (OTHER, OTHER) };
        self.pairs += usize::from(!is_known && has_room);
        let toggles = match self.counts.get_mut(app_name) {
            Some(toggles) => toggles,
            None => self.counts.entry(app_name.into()).or_default(),
        };
        let [on, off] = match toggles.get_mut(toggle) {
            Some(counts) => counts,
            None => toggles.entry(toggle.into()).or_default(),
        };
        *on = on.saturating_add(yes);
        *off = off.saturating_add(no);
    }

    /// The family, if anything was used.
    pub fn family(&self) -> Option<MetricFamily> {
        let mut series = Vec::new();
        for (app_name, toggles) in &self.counts {
            for (toggle, [on, off]) in toggles {
                for (active, count) in [("false", *off), ("true", *on)] {
                    let labels = [("active", active), ("appName", app_name), ("toggle", toggle)];
                    series.push(family::counter(&labels, count));
                }
            }
        }
        family::of("feature_toggle_usage_total", "Evaluations that SDKs report", MetricType::COUNTER, series)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_cap_count_together() {
        let mut toggles = Toggles::default();
        for index in 0..3 * PAIRS_MAX {
            toggles.used("svc", &format!("flag-{index}"), 2, 1);
        }
        toggles.used("svc", "flag-0", 2, 1);
        toggles.used("svc", &"x".repeat(NAME_BYTES_MAX + 1), 2, 1);
        let family = toggles.family().expect("used");
        assert_eq!(family.get_metric().len(), SERIES_MAX);
        let sum: f64 = family.get_metric().iter().map(|one| one.get_counter().get_value()).sum();
        assert_eq!(sum, 3.0 * (3 * PAIRS_MAX + 2) as f64, "nothing is lost");
        assert_eq!(toggles.counts["svc"]["flag-0"], [4, 2]);
        assert_eq!(toggles.counts[OTHER][OTHER], [2 * (2 * PAIRS_MAX as u64 + 1), 2 * PAIRS_MAX as u64 + 1]);
    }

    #[test]
    fn nothing_used_is_no_family() {
        assert_eq!(Toggles::default().family(), None);
    }
}
