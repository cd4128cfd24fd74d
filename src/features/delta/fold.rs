//! What the changes of one refresh token add up to.
//!
//! Applying a list twice is harmless. Ids do not order changes, the stream does; they only tell how far the state is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::fragment::{Fragment, MetaFragment, SegmentFragment};
use super::super::model::Document;
use super::super::parse::note_oddities;
use super::super::warning::Warnings;
use super::{Change, Changes};

/// The format version of documents made here.
const VERSION: u64 = 2;

/// The state of one scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fold {
    features: BTreeMap<Box<str>, Arc<Fragment>>,
    segments: BTreeMap<i64, Arc<SegmentFragment>>,
    event_id: Option<u64>,
    hydrated: bool,
}

/// A change without a state to apply it to: nothing was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotHydrated;

impl Fold {
    /// Whether there is a state.
    pub fn is_hydrated(&self) -> bool {
        self.hydrated
    }

    /// The highest id since the last hydration.
    pub fn event_id(&self) -> Option<u64> {
        self.event_id
    }

    /// Applies a list in its order, and makes the document of the state after it.
    ///
    /// A removal that names another project than an update of the same feature and id in the same list is the first half
    /// of a move, wherever it stands: removals go by name alone, and would lose the feature if they came second.
    ///
    /// # Errors
    /// If the first change is not a hydration and there has been none.
    pub fn apply(&mut self, changes: Changes) -> Result<Document, NotHydrated> {
        if changes.is_incremental() && !self.hydrated {
            return Err(NotHydrated);
        }
        let moved: Vec<bool> = changes.list.iter().map(|change| is_moved(change, &changes.list)).collect();
        let mut touched = Vec::new();
        for (change, moved) in changes.list.into_iter().zip(moved) {
            self.apply_one(change, moved, &mut touched);
        }
        Ok(self.document_with(&touched, changes.warnings))
    }

    /// Takes a polled document as the state; its revision counts as the id if it has one.
    pub fn rebase(&mut self, document: &Document) {
        self.replace(&document.features, &document.segments);
        self.event_id = document.revision().or(self.event_id);
    }

    /// Forgets everything: the next list must bring a hydration.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether a document shows the same: its features, and the segments they refer to.
    pub fn shows(&self, document: &Document) -> bool {
        let same = |(mine, other): (&Arc<Fragment>, &Arc<Fragment>)| {
            Arc::ptr_eq(mine, other) || mine.json == other.json
        };
        let theirs = |id: i64| {
            let at = document.segments.binary_search_by(|segment| segment.id.cmp(&id)).ok()?;
            document.segments.get(at)
        };
        let same_segment = |id: &i64| {
            self.segments.get(id).map(|segment| &segment.json) == theirs(*id).map(|segment| &segment.json)
        };
        self.features.len() == document.features.len()
            && self.features.values().zip(&document.features).all(same)
            && self.features.values().flat_map(|feature| &*feature.segments).all(same_segment)
    }

    fn apply_one(&mut self, change: Change, moved: bool, touched: &mut Vec<Arc<Fragment>>) {
        let event_id = change.event_id();
        match change {
            Change::Hydration { features, segments, .. } => {
                self.replace(&features, &segments);
                // Taken as it comes, even if it is lower: upstream's history has changed.
                self.event_id = None;
                *touched = features;
            }
            Change::FeatureUpdated { feature, .. } => {
                touched.push(Arc::clone(&feature));
                self.features.insert(feature.name.clone(), feature);
            }
            Change::FeatureRemoved { name, .. } if moved => drop(name),
            Change::FeatureRemoved { name, .. } => drop(self.features.remove(&name)),
            Change::SegmentUpdated { segment, .. } => drop(self.segments.insert(segment.id, segment)),
            Change::SegmentRemoved { segment, .. } => drop(self.segments.remove(&segment)),
        }
        self.event_id = self.event_id.max(event_id);
    }

    fn replace(&mut self, features: &[Arc<Fragment>], segments: &[Arc<SegmentFragment>]) {
        self.features = features.iter().map(|one| (one.name.clone(), Arc::clone(one))).collect();
        self.segments = segments.iter().map(|one| (one.id, Arc::clone(one))).collect();
        self.hydrated = true;
    }

    /// What is odd about features that did not change has been said before.
    fn document_with(&self, touched: &[Arc<Fragment>], mut warnings: Warnings) -> Document {
        let segments: Vec<Arc<SegmentFragment>> = self.segments.values().cloned().collect();
        let still: Vec<Arc<Fragment>> = touched
            .iter()
            .filter(|one| self.features.get(&one.name).is_some_and(|held| Arc::ptr_eq(held, one)))
            .cloned()
            .collect();
        note_oddities(&still, &segments, &mut warnings);
        Document {
            version: VERSION,
            features: self.features.values().cloned().collect(),
            segments,
            meta: self.event_id.map(|id| Arc::new(MetaFragment::of_revision(id))),
            warnings,
        }
    }
}

/// Whether it is the first half of a move whose second half is in the list.
fn is_moved(change: &Change, list: &[Change]) -> bool {
    let Change::FeatureRemoved { event_id, name, project: Some(left) } = change else { return false };
    list.iter().any(|other| match other {
        Change::FeatureUpdated { event_id: id, feature } => {
            id == event_id && feature.name == *name && feature.project.as_ref().is_some_and(|now| now != left)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{document, nothing};
    use super::super::parse_changes;
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn changes(events: &[Value]) -> Changes {
        parse_changes(json!({"events": events}).to_string().as_bytes(), &nothing()).expect("good")
    }

    fn feature(name: &str, project: &str) -> Value {
        json!({"name": name, "enabled": true, "project": project})
    }

    fn hydration(id: u64, names: &[&str]) -> Value {
        let features: Vec<Value> = names.iter().map(|name| feature(name, "p1")).collect();
        json!({"type": "hydration", "eventId": id, "features": features,
               "segments": [{"id": 1, "constraints": []}]})
    }

    fn updated(id: u64, name: &str, project: &str) -> Value {
        json!({"type": "feature-updated", "eventId": id, "feature": feature(name, project)})
    }

    fn removed(id: u64, name: &str, project: &str) -> Value {
        json!({"type": "feature-removed", "eventId": id, "featureName": name, "project": project})
    }

    fn segment(id: u64, segment: i64, content: i64) -> Value {
        json!({"type": "segment-updated", "eventId": id, "segment": {"id": segment, "constraints": [], "x": content}})
    }

    /// What is there after these lists: names with projects, ids of segments, the id.
    #[track_caller]
    fn check(lists: &[&[Value]], expected: &str) {
        let mut fold = Fold::default();
        let mut last = None;
        for list in lists {
            last = Some(fold.apply(changes(list)).expect("hydrated"));
        }
        let document = last.expect("a list");
        let features: Vec<String> = document
            .features
            .iter()
            .map(|one| format!("{}@{}", one.name, one.project.as_deref().unwrap_or("-")))
            .collect();
        let segments: Vec<i64> = document.segments.iter().map(|one| one.id).collect();
        assert_eq!(format!("{features:?} {segments:?} {:?}", document.revision()), expected);
        assert_eq!(document.revision(), fold.event_id());
    }

    #[test]
    fn lists_add_up() {
        let base = [hydration(40, &["a", "b"])];
        check(&[&base], r#"["a@p1", "b@p1"] [1] Some(40)"#);
        check(&[&base, &[]], r#"["a@p1", "b@p1"] [1] Some(40)"#);
        check(&[&base, &[updated(41, "c", "p2")]], r#"["a@p1", "b@p1", "c@p2"] [1] Some(41)"#);
        check(&[&base, &[removed(41, "a", "p1"), removed(42, "zzz", "p1")]], r#"["b@p1"] [1] Some(42)"#);
        check(&[&base, &[segment(41, 7, 1), segment(41, 1, 1)]], r#"["a@p1", "b@p1"] [1, 7] Some(41)"#);
        let gone = json!({"type": "segment-removed", "eventId": 42, "segmentId": 1});
        let gone = [gone];
        check(&[&base, &gone, &gone], r#"["a@p1", "b@p1"] [] Some(42)"#);
        // Archived and revived.
        check(
            &[&base, &[removed(41, "a", "p1"), updated(42, "a", "p1")]],
            r#"["a@p1", "b@p1"] [1] Some(42)"#,
        );
        check(
            &[&base, &[updated(41, "c", "p1"), removed(42, "c", "p1")]],
            r#"["a@p1", "b@p1"] [1] Some(42)"#,
        );
    }

    #[test]
    fn a_lower_id_is_applied_and_does_not_count() {
        let base = [hydration(40, &["a"])];
        check(&[&base, &[updated(7, "b", "p1")]], r#"["a@p1", "b@p1"] [1] Some(40)"#);
    }

    #[test]
    fn a_hydration_replaces_everything_and_may_lower_the_id() {
        let base = [hydration(40, &["a", "b"]), updated(41, "c", "p1")];
        check(&[&base, &[hydration(3, &["z"])]], r#"["z@p1"] [1] Some(3)"#);
        check(
            &[&base, &[removed(42, "a", "p1"), hydration(3, &[]), updated(4, "y", "p1")]],
            r#"["y@p1"] [1] Some(4)"#,
        );
        check(&[&[hydration(0, &[])], &[updated(1, "y", "p1")]], r#"["y@p1"] [1] Some(1)"#);
    }

    #[test]
    fn a_move_keeps_the_feature_in_either_order() {
        let base = [hydration(40, &["a"])];
        for list in [
            [removed(41, "a", "p1"), updated(41, "a", "p2")],
            [updated(41, "a", "p2"), removed(41, "a", "p1")],
        ] {
            check(&[&base, &list], r#"["a@p2"] [1] Some(41)"#);
        }
        // Another id, or the same project: removed after all.
        check(&[&base, &[updated(41, "a", "p2"), removed(42, "a", "p2")]], r#"[] [1] Some(42)"#);
        check(&[&base, &[updated(41, "a", "p2"), removed(42, "a", "p1")]], r#"[] [1] Some(42)"#);
        // Only one half is in the scope.
        check(&[&base, &[removed(41, "a", "p1")]], r#"[] [1] Some(41)"#);
    }

    #[test]
    fn nothing_is_applied_before_a_hydration() {
        let mut fold = Fold::default();
        assert_eq!(fold.apply(changes(&[updated(1, "a", "p")])), Err(NotHydrated));
        let later = changes(&[updated(1, "a", "p"), hydration(2, &[])]);
        assert_eq!(fold.apply(later), Err(NotHydrated));
        assert!(!fold.is_hydrated());
        assert!(fold.apply(changes(&[])).is_ok_and(|document| document.features.is_empty()));
    }

    #[test]
    fn unchanged_features_are_shared() {
        let mut fold = Fold::default();
        let before = fold.apply(changes(&[hydration(1, &["a", "b", "c"])])).expect("hydrated");
        let after = fold.apply(changes(&[updated(2, "b", "p9")])).expect("hydrated");
        let shared = before.features.iter().zip(&after.features).map(|(old, new)| Arc::ptr_eq(old, new));
        assert_eq!(shared.collect::<Vec<_>>(), [true, false, true]);
        assert!(Arc::ptr_eq(&before.segments[0], &after.segments[0]));
    }

    #[test]
    fn odd_features_are_reported_once() {
        let odd = json!({"type": "feature-updated", "eventId": 2, "feature":
            {"name": "f", "enabled": true, "project": "p", "strategies": [{"name": "s", "segments": [9]}]}});
        let mut fold = Fold::default();
        fold.apply(changes(&[hydration(1, &["a"])])).expect("hydrated");
        assert_eq!(fold.apply(changes(&[odd])).expect("hydrated").warnings.total(), 1);
        assert_eq!(fold.apply(changes(&[updated(3, "a", "p")])).expect("hydrated").warnings.total(), 0);
    }

    #[test]
    fn what_a_document_shows_is_compared_by_content() {
        let mut fold = Fold::default();
        let made = fold.apply(changes(&[hydration(1, &["a", "b"])])).expect("hydrated");
        assert!(fold.shows(&made));
        let text = |feature: &str| format!(r#"{{"version":1,"features":[{feature}],"segments":[]}}"#);
        let (a, b) = (feature("a", "p1"), feature("b", "p1"));
        assert!(fold.shows(&document(&text(&format!("{b},{a}")))));
        assert!(!fold.shows(&document(&text(&a.to_string()))));
        assert!(!fold.shows(&document(&text(&format!("{a},{}", feature("b", "p2"))))));
    }

    fn event() -> impl Strategy<Value = Value> {
        let name = prop::sample::select(vec!["a", "b", "c"]);
        let project = prop::sample::select(vec!["p1", "p2"]);
        prop_oneof![
            (0..9_u64, prop::collection::vec(name.clone(), 0..3))
                .prop_map(|(id, names)| hydration(id, &names)),
            (0..9_u64, name.clone(), project.clone())
                .prop_map(|(id, name, project)| updated(id, name, project)),
            (0..9_u64, name, project).prop_map(|(id, name, project)| removed(id, name, project)),
            (0..9_u64, 0..3_i64, 0..3_i64).prop_map(|(id, one, content)| segment(id, one, content)),
            (0..9_u64, 0..3_i64)
                .prop_map(|(id, one)| json!({"type": "segment-removed", "eventId": id, "segmentId": one})),
        ]
    }

    proptest! {
        #[test]
        fn applying_a_list_twice_is_harmless(list in prop::collection::vec(event(), 0..8)) {
            let mut fold = Fold::default();
            fold.apply(changes(&[hydration(1, &["a", "b"])])).expect("hydrated");
            fold.apply(changes(&list)).expect("hydrated");
            let once = fold.clone();
            fold.apply(changes(&list)).expect("hydrated");
            prop_assert_eq!(fold, once);
        }

        #[test]
        fn the_document_is_in_order(list in prop::collection::vec(event(), 0..8)) {
            let mut fold = Fold::default();
            fold.apply(changes(&[hydration(1, &["b", "a"])])).expect("hydrated");
            let document = fold.apply(changes(&list)).expect("hydrated");
            prop_assert!(document.features.is_sorted_by(|a, b| a.name < b.name));
            prop_assert!(document.segments.is_sorted_by(|a, b| a.id < b.id));
            prop_assert!(fold.shows(&document));
        }
    }
}
