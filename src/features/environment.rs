//! The features of one environment: what the catalog holds and every view of it refers to.
//!
//! Immutable and shared as `Arc`; a change makes a new one that shares the fragments that stayed. Sorted, so
//! that a name is found and a prefix is cut out by binary search.

use super::fragment::{Fragment, MetaFragment, SegmentFragment};
use super::lineage::Lineage;
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
    /// Which answers of upstream it was merged of.
    pub lineage: Lineage,
}

impl EnvironmentData {
    /// An environment before its first document.
    pub fn empty(name: Arc<str>) -> Self {
        Self {
            name,
            version: 0,
            features: Arc::default(),
            segments: Arc::default(),
            meta: None,
            lineage: Lineage::default(),
        }
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
    pub fn starting_with(&self, prefix: &str) -> &[Arc<Fragment>] {
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

#[cfg(test)]
mod tests {
    use super::super::samples::environment;

    const DOCUMENT: &str = r#"{"version":2,"features":[
        {"name":"ab","enabled":true},{"name":"B","enabled":true},{"name":"a","enabled":true},
        {"name":"abc","enabled":true},{"name":"b","enabled":true},{"name":"é","enabled":true}],
        "segments":[{"id":3,"constraints":[]},{"id":-1,"constraints":[]}]}"#;

    fn check(prefix: &str, expected: &[&str]) {
        let environment = environment(DOCUMENT);
        let found: Vec<&str> =
            environment.starting_with(prefix).iter().map(|feature| &*feature.name).collect();
        assert_eq!(found, expected, "{prefix:?}");
    }

    #[test]
    fn a_prefix_cuts_out_a_run_of_names() {
        check("", &["B", "a", "ab", "abc", "b", "é"]);
        check("a", &["a", "ab", "abc"]);
        check("ab", &["ab", "abc"]);
        check("abcd", &[]);
        check("A", &[]);
        check("é", &["é"]);
        check("z", &[]);
    }

    #[test]
    fn features_and_segments_are_found() {
        let environment = environment(DOCUMENT);
        assert_eq!(environment.find("ab").map(|feature| &*feature.name), Some("ab"));
        assert!(environment.find("abd").is_none());
        assert_eq!(environment.segment(-1).map(|segment| segment.id), Some(-1));
        assert!(environment.segment(1).is_none());
    }
}
