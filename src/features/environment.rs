//! The features of one environment: what the catalog holds and every view of it refers to.
//!
//! Immutable and shared as `Arc`; a change makes a new one that shares the fragments that stayed. Sorted, so
//! that a name is found and a prefix is cut out by binary search.

use super::fragment::{Fragment, MetaFragment, SegmentFragment};
use std::sync::Arc;

/// All data of one environment.
#[derive(Debug, Clone)]
pub struct EnvironmentData {
    /// Name of the environment, or the key the catalog was given for it.
    pub name: Arc<str>,
    /// Format version, 2 today; 0 before the first document.
    pub version: u64,
    /// Sorted by name (bytes), each name once.
    pub features: Arc<[Arc<Fragment>]>,
    /// Sorted by id, each id once; in a catalog only those a feature refers to.
    pub segments: Arc<[Arc<SegmentFragment>]>,
    /// `meta` of the newest document that had one.
    pub meta: Option<Arc<MetaFragment>>,
}

impl EnvironmentData {
    /// An environment before its first document.
    pub fn empty(name: Arc<str>) -> Self {
        Self { name, version: 0, features: Arc::default(), segments: Arc::default(), meta: None }
    }

    /// The feature of this name, whatever its project.
    pub fn find(&self, name: &str) -> Option<&Arc<Fragment>> {
        let at = self.features.binary_search_by(|fragment| (*fragment.name).cmp(name)).ok()?;
        self.features.get(at)
    }

    /// The segment of this id.
    pub fn segment(&self, id: i64) -> Option<&Arc<SegmentFragment>> {
        self.segments.get(self.segment_position(id)?)
    }

    /// The features whose names begin with `prefix` (case counts; the empty prefix matches all).
    pub fn with_prefix(&self, prefix: &str) -> &[Arc<Fragment>] {
        let start = self.features.partition_point(|fragment| *fragment.name < *prefix);
        let tail = self.features.get(start..).unwrap_or_default();
        let end = tail.partition_point(|fragment| fragment.name.starts_with(prefix));
        tail.get(..end).unwrap_or_default()
    }

    pub(super) fn segment_position(&self, id: i64) -> Option<usize> {
        self.segments.binary_search_by(|segment| segment.id.cmp(&id)).ok()
    }

    /// Whether the other serves the same in every scope.
    pub fn has_same_content(&self, other: &Self) -> bool {
        self.version == other.version
            && self.meta == other.meta
            && same(&self.features, &other.features, |fragment| &fragment.json)
            && same(&self.segments, &other.segments, |segment| &segment.json)
    }
}

/// Same fragments, mostly told by their addresses.
fn same<T>(mine: &[Arc<T>], others: &[Arc<T>], json: impl Fn(&T) -> &str) -> bool {
    mine.len() == others.len()
        && mine.iter().zip(others).all(|(mine, other)| Arc::ptr_eq(mine, other) || json(mine) == json(other))
}
