//! The catalog: the truth about the features of every environment.
//!
//! Owned by the sync thread, its only writer; others see `Arc<EnvironmentData>` inside snapshots. Documents
//! go in whole and are merged in one step, so no reader sees half a change. A document that changes nothing
//! leaves the `Arc` alone: the caller has nothing to publish.

use super::environment::EnvironmentData;
use super::fragment::{Fragment, SegmentFragment};
use super::lineage::Lineage;
use super::merge::{merge_features, merge_segments};
use super::model::Document;
use super::warning::{Warning, Warnings};
use crate::tokens::scope::Projects;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All environments.
#[derive(Debug, Default)]
pub struct Catalog {
    environments: BTreeMap<Arc<str>, Arc<EnvironmentData>>,
}

/// What a document did.
#[derive(Debug, PartialEq, Eq)]
pub struct Applied {
    /// Whether anything is served differently now, if only under another revision; also true for the first document of an
    /// environment.
    pub changed: bool,
    /// Features of the environment before.
    pub before: usize,
    /// Features of the environment after. A drop to zero is worth a log line (security.md 6.3).
    pub after: usize,
    /// What was odd about the document.
    pub warnings: Warnings,
}

impl Catalog {
    /// Merges an answer that a token with these projects got. `*` and an unknown list (`[]`) replace all
    /// features, named projects those of these projects.
    pub fn apply(&mut self, environment: &Arc<str>, projects: &Projects, mut document: Document) -> Applied {
        let previous = self.environments.get(environment);
        let before = previous.map_or(0, |previous| previous.features.len());
        let mut warnings = std::mem::take(&mut document.warnings);
        note_foreign(projects, &document, &mut warnings);
        let merged = merge(environment, previous.map(|previous| &**previous), projects, document);
        let after = merged.features.len();
        let is_same = |previous: &Arc<EnvironmentData>| {
            previous.has_same_content(&merged) && previous.lineage == merged.lineage
        };
        let changed = !previous.is_some_and(is_same);
        if changed {
            self.environments.insert(Arc::clone(environment), Arc::new(merged));
        }
        Applied { changed, before, after, warnings }
    }

    /// Adds what older data has of projects that are open: features under names that are not there yet, and their
    /// segments. An environment that is not there yet takes all of it.
    pub fn fill(
        &mut self,
        environment: &Arc<str>,
        older: Document,
        is_open: impl Fn(&str) -> bool,
    ) -> Applied {
        let revision = older.meta.as_ref().and_then(|meta| meta.revision_id);
        let Some(current) = self.environments.get(environment).map(Arc::clone) else {
            let applied = self.apply(environment, &Projects::All, older);
            self.trace(environment, |_| Lineage::default().after_older(revision));
            return applied;
        };
        let before = current.features.len();
        let missing = older
            .features
            .into_iter()
            .filter(|feature| is_open(feature.project_or_default()) && current.find(&feature.name).is_none());
        let mut features: Vec<_> = current.features.iter().cloned().chain(missing).collect();
        features.sort_by(|a, b| a.name.cmp(&b.name));
        let (after, changed) = (features.len(), features.len() != before);
        if changed {
            let segments = merge_segments(&older.segments, current.segments.to_vec(), &features);
            self.replace(&current, features, segments);
            self.trace(environment, |lineage| lineage.after_older(revision));
        }
        Applied { changed, before, after, warnings: older.warnings }
    }

    /// Upstream has answered for all projects that are to be kept: drops the features of others; true if there were any.
    pub fn keep(&mut self, environment: &str, is_kept: impl Fn(&str) -> bool) -> bool {
        let Some(current) = self.environments.get(environment).map(Arc::clone) else { return false };
        let kept = current.features.iter().filter(|feature| is_kept(feature.project_or_default()));
        let features: Vec<_> = kept.cloned().collect();
        let changed = features.len() != current.features.len();
        if changed {
            let segments = merge_segments(&current.segments, Vec::new(), &features);
            self.replace(&current, features, segments);
        }
        self.trace(environment, Lineage::without_older);
        changed
    }

    fn trace(&mut self, environment: &str, next: impl Fn(&Lineage) -> Lineage) {
        if let Some(current) = self.environments.get_mut(environment) {
            let lineage = next(&current.lineage);
            *current = Arc::new(EnvironmentData { lineage, ..(**current).clone() });
        }
    }

    fn replace(
        &mut self,
        current: &EnvironmentData,
        features: Vec<Arc<Fragment>>,
        segments: Vec<Arc<SegmentFragment>>,
    ) {
        let next =
            EnvironmentData { features: features.into(), segments: segments.into(), ..current.clone() };
        self.environments.insert(Arc::clone(&current.name), Arc::new(next));
    }

    /// Forgets an environment, for instance when its last token is gone. True if there was one.
    pub fn remove(&mut self, environment: &str) -> bool {
        self.environments.remove(environment).is_some()
    }

    /// The data of an environment; `None` before its first document.
    pub fn environment(&self, environment: &str) -> Option<&Arc<EnvironmentData>> {
        self.environments.get(environment)
    }

    /// All environments, by name.
    pub fn environments(&self) -> impl Iterator<Item = &Arc<EnvironmentData>> {
        self.environments.values()
    }
}

fn merge(
    environment: &Arc<str>,
    previous: Option<&EnvironmentData>,
    projects: &Projects,
    document: Document,
) -> EnvironmentData {
    let old_features = previous.map_or(&[][..], |previous| &previous.features);
    let old_segments = previous.map_or(&[][..], |previous| &previous.segments);
    let features = merge_features(old_features, document.features, projects);
    let segments = merge_segments(old_segments, document.segments, &features);
    let revision = document.meta.as_ref().and_then(|meta| meta.revision_id);
    let nothing = Lineage::default();
    let lineage = previous.map_or(&nothing, |previous| &previous.lineage).after_answer(projects, revision);
    EnvironmentData {
        name: Arc::clone(environment),
        version: document.version.max(previous.map_or(0, |previous| previous.version)),
        features: features.into(),
        segments: segments.into(),
        meta: document.meta.or_else(|| previous.and_then(|previous| previous.meta.clone())),
        lineage,
    }
}

fn note_foreign(projects: &Projects, document: &Document, warnings: &mut Warnings) {
    for feature in document.features.iter().filter(|feature| !projects.sees(feature.project_or_default())) {
        warnings.note(|| Warning::ForeignProject { feature: feature.name.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{document, feature_of, features, wire};
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn development() -> Arc<str> {
        Arc::from("development")
    }

    fn named(projects: &[&str]) -> Projects {
        Projects::from_names(projects)
    }

    fn feature(name: &str, project: Option<&str>, segments: &[i64]) -> Value {
        json!({"name": name, "enabled": true, "project": project, "strategies": [{"name": "s", "segments": segments}]})
    }

    fn names(catalog: &Catalog) -> Vec<String> {
        let environment = catalog.environment("development").expect("applied before");
        environment.features.iter().map(|feature| feature.name.to_string()).collect()
    }

    /// The projects of a token, and the features (name and project) of the answer it gets.
    type Answer<'a> = (&'a [&'a str], &'a [(&'a str, Option<&'a str>)]);

    /// Applies answers in turn and looks at the names that are left.
    fn check(answers: &[Answer<'_>], expected: &[&str]) {
        let mut catalog = Catalog::default();
        for (projects, list) in answers {
            let list: Vec<Value> = list.iter().map(|(name, project)| feature(name, *project, &[])).collect();
            catalog.apply(&development(), &named(projects), document(&wire(&list)));
        }
        assert_eq!(names(&catalog), expected, "{answers:?}");
    }

    #[test]
    fn which_features_an_answer_replaces() {
        let (p1, p2) = (Some("p1"), Some("p2"));
        check(&[(&["*"], &[("b", p1), ("a", p2)]), (&["*"], &[("c", p1)])], &["c"]);
        check(&[(&["p1"], &[("b", p1)]), (&["p2"], &[("a", p2)])], &["a", "b"]);
        check(&[(&["*"], &[("b", p1), ("a", p2)]), (&["p1"], &[("c", p1)])], &["a", "c"]);
        check(&[(&["*"], &[("b", p1), ("a", p2)]), (&["p1"], &[])], &["a"]);
        check(&[(&["*"], &[("a", p1), ("b", p2)]), (&["p1", "p2"], &[("c", p2)])], &["c"]);
        // An unknown list replaces everything.
        check(&[(&["*"], &[("a", p1), ("b", p2)]), (&[], &[("c", p2)])], &["c"]);
        // Without a project it counts as `default`.
        check(&[(&["*"], &[("a", None), ("b", p1)]), (&["default"], &[])], &["b"]);
        check(&[(&["*"], &[("a", None), ("b", p1)]), (&["p1"], &[])], &["a"]);
        // Moved from p1 to p2, whichever token asks first.
        check(&[(&["*"], &[("a", p1)]), (&["p2"], &[("a", p2)]), (&["p1"], &[])], &["a"]);
        check(&[(&["*"], &[("a", p1)]), (&["p1"], &[]), (&["p2"], &[("a", p2)])], &["a"]);
    }

    #[test]
    fn older_data_fills_gaps_and_wins_nowhere() {
        let text = |list: &[(&str, &str, i64)], n: i64| {
            let features: Vec<Value> = list
                .iter()
                .map(|(name, project, segment)| feature(name, Some(project), &[*segment]))
                .collect();
            let segment = |id: i64| json!({"id": id, "constraints": [], "n": n});
            json!({"version": 2, "features": features, "segments": [segment(1), segment(2), segment(3)]})
                .to_string()
        };
        let older = || document(&text(&[("a", "p1", 1), ("b", "p2", 2), ("d", "p3", 3)], 1));
        let mut catalog = Catalog::default();
        catalog.apply(&development(), &named(&["p1"]), document(&text(&[("b", "p1", 1), ("c", "p1", 1)], 2)));
        let applied = catalog.fill(&development(), older(), |project| project != "p1");
        assert_eq!((applied.changed, applied.before, applied.after), (true, 2, 3));
        assert_eq!(names(&catalog), ["b", "c", "d"]);
        let environment = catalog.environment("development").expect("filled");
        assert!(environment.find("b").is_some_and(|b| b.project.as_deref() == Some("p1")), "the newer one");
        let segments: Vec<&str> = environment.segments.iter().map(|segment| &*segment.json).collect();
        assert_eq!(segments, [r#"{"id":1,"constraints":[],"n":2}"#, r#"{"id":3,"constraints":[],"n":1}"#]);
        assert!(!catalog.fill(&development(), older(), |project| project != "p1").changed);

        assert!(catalog.keep("development", |project| project == "p3"));
        assert_eq!(names(&catalog), ["d"]);
        assert_eq!(catalog.environment("development").expect("kept").segments.len(), 1);
        assert!(!catalog.keep("development", |project| project == "p3"));
        assert!(!catalog.keep("production", |_| false));

        let mut catalog = Catalog::default();
        assert!(catalog.fill(&development(), older(), |_| false).changed, "all is taken where nothing is");
        assert_eq!(names(&catalog), ["a", "b", "d"]);
    }

    #[test]
    fn new_segments_win_and_those_without_a_reference_go() {
        let mut catalog = Catalog::default();
        let mut apply = |projects: &[&str], features: &[Value], segments: Value| {
            let text = json!({"version": 2, "features": features, "segments": segments}).to_string();
            catalog.apply(&development(), &named(projects), document(&text));
            let environment = catalog.environment("development").expect("just applied");
            environment.segments.iter().map(|segment| segment.json.to_string()).collect::<Vec<_>>()
        };
        let segment = |id: i64, n: i64| json!({"id": id, "constraints": [], "n": n});
        let left = apply(
            &["p1"],
            &[feature("a", Some("p1"), &[2, 1])],
            json!([segment(2, 0), segment(1, 0), segment(9, 0)]),
        );
        assert_eq!(left, [segment(1, 0).to_string(), segment(2, 0).to_string()]);
        let left =
            apply(&["p2"], &[feature("b", Some("p2"), &[2, 3])], json!([segment(2, 5), segment(3, 5)]));
        assert_eq!(left, [segment(1, 0).to_string(), segment(2, 5).to_string(), segment(3, 5).to_string()]);
        let left = apply(&["p1"], &[], json!([]));
        assert_eq!(left, [segment(2, 5).to_string(), segment(3, 5).to_string()]);
    }

    #[test]
    fn the_larger_version_and_the_newest_meta_stay() {
        let mut catalog = Catalog::default();
        let mut apply = |text: &str| {
            catalog.apply(&development(), &named(&["p1"]), document(text));
            let environment = catalog.environment("development").expect("just applied");
            (environment.version, environment.meta.as_ref().and_then(|meta| meta.revision_id))
        };
        assert_eq!(apply(r#"{"version":2,"features":[],"meta":{"revisionId":9}}"#), (2, Some(9)));
        assert_eq!(apply(r#"{"version":1,"features":[],"meta":{"revisionId":4}}"#), (2, Some(4)));
        assert_eq!(apply(r#"{"version":3,"features":[]}"#), (3, Some(4)));
    }

    #[test]
    fn an_answer_that_changes_nothing_leaves_the_data_alone() {
        let mut catalog = Catalog::default();
        let text = wire(&[feature("a", Some("p1"), &[1]), feature("b", Some("p2"), &[])]);
        let first = catalog.apply(&development(), &Projects::All, document(&text));
        assert_eq!((first.changed, first.before, first.after), (true, 0, 2));
        let data = Arc::clone(catalog.environment("development").expect("applied"));
        let spread: Value = serde_json::from_str(&text).expect("JSON");
        let spread = serde_json::to_string_pretty(&spread).expect("JSON");
        for same in [text.as_str(), spread.as_str()] {
            let again = catalog.apply(&development(), &Projects::All, document(same));
            assert_eq!((again.changed, again.before, again.after), (false, 2, 2));
            assert!(Arc::ptr_eq(&data, catalog.environment("development").expect("applied")));
        }
    }

    #[test]
    fn every_kind_of_change_is_noticed() {
        let base = r#"{"version":2,"features":[{"name":"a","enabled":true,"strategies":[{"name":"s","segments":[1]}]}],"segments":[{"id":1,"constraints":[]}],"meta":{"revisionId":1}}"#;
        let changes = [
            (r#""version":2"#, r#""version":3"#),
            ("true", "false"),
            (r#""id":1,"#, r#""id":1,"x":0,"#),
            (r#""revisionId":1"#, r#""revisionId":2"#),
        ];
        for (from, to) in changes {
            let mut catalog = Catalog::default();
            catalog.apply(&development(), &Projects::All, document(base));
            let applied =
                catalog.apply(&development(), &Projects::All, document(&base.replacen(from, to, 1)));
            assert!(applied.changed, "{from} to {to}");
        }
    }

    #[test]
    fn the_first_document_is_a_change_even_if_it_is_empty() {
        let mut catalog = Catalog::default();
        let empty = r#"{"version":0,"features":[]}"#;
        assert!(catalog.environment("development").is_none());
        assert!(catalog.apply(&development(), &Projects::All, document(empty)).changed);
        assert!(!catalog.apply(&development(), &Projects::All, document(empty)).changed);
        assert_eq!(catalog.environments().count(), 1);
        assert!(catalog.remove("development"));
        assert!(!catalog.remove("development"));
    }

    #[test]
    fn a_feature_nobody_asked_for_is_kept_and_reported() {
        let mut catalog = Catalog::default();
        let text = wire(&[feature("a", Some("p2"), &[])]);
        let applied = catalog.apply(&development(), &named(&["p1"]), document(&text));
        assert_eq!(applied.warnings.list(), [Warning::ForeignProject { feature: "a".into() }]);
        assert_eq!(names(&catalog), ["a"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn documents_per_project_in_any_order_make_the_union(
            p1 in prop::collection::vec(feature_of(Some("p1")), 0..6),
            p2 in prop::collection::vec(feature_of(Some("p2")), 0..6),
            rest in prop::collection::vec(prop_oneof![feature_of(Some("default")), feature_of(None)], 0..6),
            order in Just([0_usize, 1, 2, 0, 1, 2]).prop_shuffle(),
        ) {
            let parts = [("p1", &p1), ("p2", &p2), ("default", &rest)];
            let mut catalog = Catalog::default();
            for at in order {
                if let Some((project, list)) = parts.get(at) {
                    catalog.apply(&development(), &named(&[project]), document(&wire(list)));
                }
            }
            let mut whole = Catalog::default();
            whole.apply(&development(), &Projects::All, document(&wire(&[p1, p2, rest].concat())));
            let (parts, whole) = (catalog.environment("development"), whole.environment("development"));
            prop_assert!(parts.zip(whole).is_some_and(|(parts, whole)| parts.has_same_content(whole)));
        }

        #[test]
        fn lists_stay_sorted_and_segments_referred_to(first in features(), second in features()) {
            let mut catalog = Catalog::default();
            catalog.apply(&development(), &Projects::All, document(&wire(&first)));
            catalog.apply(&development(), &named(&["p1"]), document(&wire(&second)));
            let data = catalog.environment("development").expect("applied");
            prop_assert!(data.features.is_sorted_by(|a, b| a.name < b.name));
            prop_assert!(data.segments.is_sorted_by(|a, b| a.id < b.id));
            let is_referred = |id: i64| data.features.iter().any(|feature| feature.segments.contains(&id));
            prop_assert!(data.segments.iter().all(|segment| is_referred(segment.id)));
        }
    }
}
