//! What a client of a scope must be told to get from one state of its environment to the next.
//!
//! Sorted lists are walked side by side, fragments are compared by address first. Only what the scope sees counts: a
//! feature that moves into one of its projects is new to it, one that moves out is gone, and a segment is there as
//! long as a feature in the scope refers to it. So a segment that a feature begins to refer to is always told of.

use crate::features::body::{SegmentMarks, is_visible};
use crate::features::environment::EnvironmentData;
use crate::features::fragment::{Fragment, SegmentFragment};
use crate::tokens::scope::Projects;
use std::cmp::Ordering;
use std::sync::Arc;

/// The lists are in the order in which a client has to apply them: never is a feature there without its segments, and
/// what is removed under a name never takes away what was added under it.
#[derive(Debug, Default)]
pub(super) struct Difference<'e> {
    pub(super) segments_updated: Vec<&'e SegmentFragment>,
    /// As they were before.
    pub(super) features_removed: Vec<&'e Fragment>,
    pub(super) features_updated: Vec<&'e Fragment>,
    pub(super) segments_removed: Vec<i64>,
}

impl<'e> Difference<'e> {
    /// Compares what the projects see of two states.
    pub(super) fn between(
        before: &'e EnvironmentData,
        after: &'e EnvironmentData,
        projects: &Projects,
    ) -> Self {
        let mut difference = Self::default();
        let mut marks_before = SegmentMarks::new(before);
        let mut marks_after = SegmentMarks::new(after);
        for pair in side_by_side(&before.features, &after.features, |a, b| a.name.cmp(&b.name)) {
            let old = pair.old.filter(|feature| is_visible(projects, feature));
            let new = pair.new.filter(|feature| is_visible(projects, feature));
            old.inspect(|feature| marks_before.mark(&feature.segments));
            new.inspect(|feature| marks_after.mark(&feature.segments));
            difference.note_feature(old, new);
        }
        let mut positions = (0, 0);
        for pair in side_by_side(&before.segments, &after.segments, |a, b| a.id.cmp(&b.id)) {
            let old = pair.old.filter(|_| marks_before.has(next(&mut positions.0)));
            let new = pair.new.filter(|_| marks_after.has(next(&mut positions.1)));
            difference.note_segment(old, new);
        }
        difference
    }

    fn note_feature(&mut self, old: Option<&'e Arc<Fragment>>, new: Option<&'e Arc<Fragment>>) {
        let is_same =
            |old: &Arc<Fragment>, new: &Arc<Fragment>| Arc::ptr_eq(old, new) || old.json == new.json;
        if old.zip(new).is_some_and(|(old, new)| is_same(old, new)) {
            return;
        }
        // One that stays in sight but moves is removed first: an edge below may serve the old project alone.
        let has_left = |old: &&Arc<Fragment>| new.is_none_or(|new| new.project != old.project);
        self.features_removed.extend(old.filter(has_left).map(|feature| &**feature));
        self.features_updated.extend(new.map(|feature| &**feature));
    }

    fn note_segment(&mut self, old: Option<&'e Arc<SegmentFragment>>, new: Option<&'e Arc<SegmentFragment>>) {
        match (old, new) {
            (Some(old), Some(new)) if Arc::ptr_eq(old, new) || old.json == new.json => {}
            (_, Some(new)) => self.segments_updated.push(new),
            (Some(old), None) => self.segments_removed.push(old.id),
            (None, None) => {}
        }
    }

    /// Number of events.
    pub(super) fn events(&self) -> usize {
        self.segments_updated.len()
            + self.features_removed.len()
            + self.features_updated.len()
            + self.segments_removed.len()
    }
}

fn next(position: &mut usize) -> usize {
    *position += 1;
    *position - 1
}

/// What stands under one key in two lists.
struct Pair<'e, T> {
    old: Option<&'e T>,
    new: Option<&'e T>,
}

/// Walks two lists that are sorted by a key, each key once.
fn side_by_side<'e, T>(
    old: &'e [T],
    new: &'e [T],
    compare: impl Fn(&T, &T) -> Ordering,
) -> impl Iterator<Item = Pair<'e, T>> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    std::iter::from_fn(move || {
        let order = match (old.peek(), new.peek()) {
            (Some(a), Some(b)) => compare(a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        Some(Pair {
            old: if order.is_le() { old.next() } else { None },
            new: if order.is_ge() { new.next() } else { None },
        })
    })
}
