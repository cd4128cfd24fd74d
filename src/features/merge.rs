//! How a new document and what an environment held become one (upstream.md 8.4, tokens.md 7.3).
//!
//! Lists in and lists out; the catalog decides what to do with them.

use super::fragment::{Fragment, SegmentFragment};
use crate::tokens::scope::Projects;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The features after an answer for `projects`: the new ones, and of the old ones those of other projects.
/// Where a name is in both, the new one counts. Sorted by name.
pub(super) fn merge_features(
    old: &[Arc<Fragment>],
    new: Vec<Arc<Fragment>>,
    projects: &Projects,
) -> Vec<Arc<Fragment>> {
    let is_kept = |fragment: &&Arc<Fragment>| !projects.sees(fragment.project_or_default());
    let mut merged = new;
    merged.extend(old.iter().filter(is_kept).cloned());
    // The sort is stable and the new ones stand before the old ones, so `dedup` keeps the new.
    merged.sort_by(|a, b| a.name.cmp(&b.name));
    merged.dedup_by(|later, kept| later.name == kept.name);
    merged
}

/// The segments after a merge: the new ones win over old ones of the same id, and those no feature refers
/// to are dropped (Unleash Edge 20.4 keeps them for ever). Sorted by id.
pub(super) fn merge_segments(
    old: &[Arc<SegmentFragment>],
    new: Vec<Arc<SegmentFragment>>,
    features: &[Arc<Fragment>],
) -> Vec<Arc<SegmentFragment>> {
    let referred: BTreeSet<i64> =
        features.iter().flat_map(|feature| feature.segments.iter().copied()).collect();
    let mut merged = new;
    merged.extend(old.iter().cloned());
    merged.retain(|segment| referred.contains(&segment.id));
    merged.sort_by_key(|segment| segment.id);
    merged.dedup_by_key(|segment| segment.id);
    merged
}
