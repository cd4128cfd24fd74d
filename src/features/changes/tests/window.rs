//! Tokens and the window they resume in.

use super::super::limits::{CHANGE_BYTES_MIN, EVENTS_MAX};
use super::super::{History, ResumeToken};
use crate::features::catalog::Catalog;
use crate::features::samples::{document, scope};
use crate::features::view::{ScopeView, assemble};
use crate::tokens::scope::Projects;
use serde_json::{Value, json};
use std::sync::Arc;

/// A scope and what is merged into its environment.
struct Scene {
    catalog: Catalog,
    view: Option<Arc<ScopeView>>,
}

impl Scene {
    fn new() -> Self {
        Self { catalog: Catalog::default(), view: None }
    }

    /// An answer with this many features, all of a variant, for a token of these projects.
    fn fetch(
        &mut self,
        projects: &[&str],
        features: usize,
        variant: &str,
        revision: Option<u64>,
    ) -> &History {
        let project = projects.first().map_or("p", |project| if *project == "*" { "p" } else { project });
        let feature = |number: usize| {
            json!({"name": format!("{project}.{number:04}"), "enabled": true, "project": project, "strategies": [],
                   "variant": variant})
        };
        let features: Vec<Value> = (0..features).map(feature).collect();
        let meta = revision.map_or(json!({}), |revision| json!({"revisionId": revision}));
        let text = json!({"version": 2, "features": features, "meta": meta}).to_string();
        self.catalog.apply(&"development".into(), &Projects::from_names(projects), document(&text));
        self.look()
    }

    fn look(&mut self) -> &History {
        let environment = self.catalog.environment("development").expect("applied");
        let view = assemble(environment, &scope(&["*"]), self.view.as_ref());
        &self.view.insert(view).history
    }
}

/// `Some` revision alone, or one with a mark.
#[track_caller]
fn check(changes: &History, revision: u64, is_marked: bool) {
    let token = changes.token();
    assert_eq!((token.revision, token.mark.is_some()), (revision, is_marked));
    assert_eq!(changes.since(token).map(<[_]>::len), Some(0));
}

fn plain(revision: u64) -> ResumeToken {
    ResumeToken { revision, mark: None }
}

fn missed(changes: &History, revision: u64) -> Option<usize> {
    changes.since(plain(revision)).map(<[_]>::len)
}

#[test]
fn growing_revisions_are_tokens() {
    let mut scene = Scene::new();
    check(scene.fetch(&["*"], 1, "a", Some(40)), 40, false);
    check(scene.fetch(&["*"], 1, "b", Some(41)), 41, false);
    let changes = scene.fetch(&["*"], 2, "b", Some(45));
    check(changes, 45, false);
    assert_eq!([40, 41, 45].map(|revision| missed(changes, revision)), [Some(2), Some(1), Some(0)]);
    assert_eq!([0, 39, 42, 46, 400].map(|revision| missed(changes, revision)), [None; 5]);
}

#[test]
fn a_revision_that_changes_nothing_is_no_batch() {
    let mut scene = Scene::new();
    scene.fetch(&["*"], 1, "a", Some(40));
    check(scene.fetch(&["*"], 1, "a", Some(44)), 40, false);
    let changes = scene.fetch(&["*"], 1, "b", Some(44));
    // Another edge may have seen both at once and call this 44, too, but also what was before.
    check(changes, 44, true);
    assert_eq!((missed(changes, 44), missed(changes, 40)), (None, Some(1)));
}

#[test]
fn the_same_revision_again_is_marked() {
    let mut scene = Scene::new();
    scene.fetch(&["*"], 1, "a", Some(40));
    let first = scene.fetch(&["*"], 1, "b", Some(40)).token();
    let changes = scene.fetch(&["*"], 1, "c", Some(40));
    check(changes, 40, true);
    assert_ne!(changes.token(), first);
    assert_eq!((missed(changes, 40), changes.since(first).map(<[_]>::len)), (Some(2), Some(1)));
    // What was there before is told from what is there now by where it came last.
    let changes = scene.fetch(&["*"], 1, "b", Some(40));
    assert_eq!(changes.token(), first);
    check(changes, 40, true);
    check(scene.fetch(&["*"], 1, "d", Some(41)), 41, false);
}

#[test]
fn without_a_revision_all_is_marked() {
    let mut scene = Scene::new();
    check(scene.fetch(&["*"], 1, "a", None), 0, true);
    let changes = scene.fetch(&["*"], 1, "b", None);
    check(changes, 0, true);
    assert_eq!(missed(changes, 0), None);
    check(scene.fetch(&["*"], 1, "c", Some(0)), 0, true);
    check(scene.fetch(&["*"], 1, "c", Some(7)), 0, true);
    check(scene.fetch(&["*"], 1, "d", Some(8)), 8, false);
    // The last one known.
    check(scene.fetch(&["*"], 1, "e", None), 8, true);
}

#[test]
fn several_answers_have_no_common_revision() {
    let mut scene = Scene::new();
    check(scene.fetch(&["p1"], 1, "a", Some(40)), 40, true);
    check(scene.fetch(&["p2"], 1, "a", Some(42)), 42, true);
    check(scene.fetch(&["p1"], 1, "b", Some(41)), 42, true);
    check(scene.fetch(&["p1"], 1, "c", Some(43)), 43, true);
    check(scene.fetch(&["p2"], 2, "c", Some(42)), 43, true);
    // The larger revision is still that of the other answer: nothing has fallen.
    let changes = scene.fetch(&["p2"], 2, "d", Some(5));
    check(changes, 43, true);
    assert_eq!(changes.latest.len(), 5);
    check(scene.fetch(&["*"], 2, "d", Some(50)), 50, false);
}

#[test]
fn older_data_counts_until_upstream_has_answered() {
    let mut scene = Scene::new();
    let older = r#"{"version":2,"features":[{"name":"old","enabled":true,"project":"gone","strategies":[]}],"meta":{"revisionId":40}}"#;
    scene.catalog.fill(&"development".into(), document(older), |_| true);
    check(scene.look(), 40, false);
    check(scene.fetch(&["p1"], 1, "a", Some(41)), 41, true);
    scene.catalog.keep("development", |project| project == "p1");
    check(scene.look(), 41, true);
    let changes = scene.fetch(&["p1"], 1, "b", Some(42));
    check(changes, 42, true);
    assert_eq!(missed(changes, 40), Some(3));
}

#[test]
fn a_fall_ends_what_was_before() {
    let mut scene = Scene::new();
    scene.fetch(&["*"], 1, "a", Some(40));
    let before = scene.fetch(&["*"], 1, "b", Some(41)).token();
    let changes = scene.fetch(&["*"], 1, "c", Some(12));
    check(changes, 12, true);
    assert_eq!([12, 40, 41].map(|revision| missed(changes, revision)), [None; 3]);
    for revision in [13, 40, 41] {
        check(scene.fetch(&["*"], 1, &revision.to_string(), Some(revision)), revision, true);
    }
    let changes = scene.fetch(&["*"], 1, "d", Some(42));
    check(changes, 42, false);
    assert_eq!(changes.since(before).map(<[_]>::len), None);
    // Even if the scope looks the same.
    scene.fetch(&["*"], 1, "d", Some(3));
    check(scene.look(), 3, true);
    assert_eq!(missed(scene.look(), 42), None);
}

#[test]
fn the_window_has_a_bound() {
    let mut scene = Scene::new();
    let features = 200;
    scene.fetch(&["*"], features, "a", Some(1));
    // One by one: a change of all is no change.
    for revision in 2..=250_u64 {
        scene.fetch(&["*"], features + usize::try_from(revision).expect("small"), "a", Some(revision));
    }
    let changes = scene.look();
    let reach = u64::try_from(EVENTS_MAX).expect("small");
    assert_eq!(missed(changes, 250 - reach), Some(EVENTS_MAX));
    assert_eq!(missed(changes, 250 - reach - 1), None);
}

#[test]
fn a_change_of_too_much_is_a_hydration() {
    let mut scene = Scene::new();
    scene.fetch(&["*"], EVENTS_MAX, "a", Some(1));
    assert_eq!(missed(scene.fetch(&["*"], EVENTS_MAX, "b", Some(2)), 1), Some(1));
    scene.fetch(&["*"], EVENTS_MAX + 1, "b", Some(3));
    let changes = scene.fetch(&["*"], EVENTS_MAX + 1, "c", Some(4));
    check(changes, 4, false);
    assert_eq!([1, 2, 3].map(|revision| missed(changes, revision)), [None; 3]);
    // By bytes: one feature that is most of the body.
    let large = "x".repeat(2 * CHANGE_BYTES_MIN);
    let mut scene = Scene::new();
    scene.fetch(&["*"], 1, "a", Some(1));
    let changes = scene.fetch(&["*"], 1, &large, Some(2));
    check(changes, 2, false);
    assert_eq!(missed(changes, 1), None);
}

#[test]
fn the_window_has_a_bound_in_bytes() {
    let mut scene = Scene::new();
    let text = |variant: u64| format!("{variant}{}", "x".repeat(CHANGE_BYTES_MIN / 2));
    for revision in 1..=20 {
        scene.fetch(&["*"], 1, &text(revision), Some(revision));
    }
    let changes = scene.look();
    assert_eq!(missed(changes, 17), Some(3));
    assert_eq!(missed(changes, 16), None);
}
