//! Messages as they stand on the wire.

use super::super::{Kind, write_missed};
use crate::features::samples::{environment, scope};
use crate::features::view::{ScopeView, assemble};
use std::sync::Arc;

const SEARCH: &str = r#"{"name":"search","enabled":true,"project":"p2","strategies":[]}"#;
const CHECKOUT: &str = r#"{"name":"checkout","enabled":true,"project":"p1","strategies":[{"name":"s","segments":[1],"variants":[]}]}"#;
const EU: &str = r#"{"id":1,"constraints":[]}"#;
const US: &str = r#"{"id":2,"constraints":[]}"#;

fn document(features: &[&str], revision: &str) -> String {
    let features = features.join(",");
    format!(
        r#"{{"version":2,"features":[{features}],"segments":[{EU},{US}],"meta":{{"revisionId":{revision}}}}}"#
    )
}

/// The views of a scope that these documents lead to.
fn series(projects: &[&str], documents: &[(&[&str], &str)]) -> Arc<ScopeView> {
    let mut view = None;
    for (features, revision) in documents {
        view = Some(assemble(&environment(&document(features, revision)), &scope(projects), view.as_ref()));
    }
    view.expect("a document")
}

fn last_message(view: &ScopeView) -> String {
    let before = view.history.since(view.history.oldest).expect("in the window");
    String::from_utf8(before.last().expect("a change").message().to_vec()).expect("text")
}

fn hydration(view: &ScopeView, kind: Kind) -> String {
    let mut out = Vec::new();
    view.hydration(kind, "").write(&view.identity, &mut out);
    String::from_utf8(out).expect("text")
}

#[test]
fn a_hydration() {
    let view = series(&["p1"], &[(&[CHECKOUT, SEARCH], "40")]);
    let events = format!(
        r#"{{"events":[{{"type":"hydration","eventId":40,"features":[{CHECKOUT}],"segments":[{EU}]}}]}}"#
    );
    assert_eq!(
        hydration(&view, Kind::Connected),
        format!("event: unleash-connected\nid: 40\ndata: {events}\n\n")
    );
    assert_eq!(
        hydration(&view, Kind::Updated),
        format!("event: unleash-updated\nid: 40\ndata: {events}\n\n")
    );
    assert_eq!(hydration(&view, Kind::Document), events);
}

#[test]
fn a_hydration_of_nothing() {
    let view = series(&["p3"], &[(&[CHECKOUT, SEARCH], "40")]);
    let events = r#"{"events":[{"type":"hydration","eventId":40,"features":[],"segments":[]}]}"#;
    assert_eq!(hydration(&view, Kind::Document), events);
}

#[test]
fn a_hydration_with_a_prefix() {
    let view = series(&["*"], &[(&[CHECKOUT, SEARCH], "40")]);
    for (prefix, features) in [("s", SEARCH), ("x", ""), ("checkout", CHECKOUT)] {
        let mut out = Vec::new();
        view.hydration(Kind::Document, prefix).write(&view.identity, &mut out);
        let expected = format!(
            r#"{{"events":[{{"type":"hydration","eventId":40,"features":[{features}],"segments":[{EU}]}}]}}"#
        );
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }
}

#[test]
fn a_change_of_everything() {
    let other = CHECKOUT.replace("[1]", "[2]").replace("true", "false");
    let view = series(&["*"], &[(&[CHECKOUT, SEARCH], "40"), (&[&other], "43")]);
    let expected = format!(
        "event: unleash-updated\nid: 43\ndata: {{\"events\":[\
         {{\"type\":\"segment-updated\",\"eventId\":43,\"segment\":{US}}},\
         {{\"type\":\"feature-removed\",\"eventId\":43,\"featureName\":\"search\",\"project\":\"p2\"}},\
         {{\"type\":\"feature-updated\",\"eventId\":43,\"feature\":{other}}},\
         {{\"type\":\"segment-removed\",\"eventId\":43,\"segmentId\":1}}]}}\n\n"
    );
    assert_eq!(last_message(&view), expected);
}

#[test]
fn a_move_is_removed_and_updated() {
    let moved = SEARCH.replace("p2", "p1");
    let removed = r#"{"type":"feature-removed","eventId":41,"featureName":"search","project":"p2"}"#;
    let updated = format!(r#"{{"type":"feature-updated","eventId":41,"feature":{moved}}}"#);
    for (projects, events) in [
        (&["*"][..], format!("{removed},{updated}")),
        (&["p1", "p2"], format!("{removed},{updated}")),
        (&["p1"], updated.clone()),
        (&["p2"], removed.to_owned()),
    ] {
        let view = series(projects, &[(&[SEARCH], "40"), (&[&moved], "41")]);
        let expected = format!("event: unleash-updated\nid: 41\ndata: {{\"events\":[{events}]}}\n\n");
        assert_eq!(last_message(&view), expected, "{projects:?}");
    }
}

#[test]
fn several_changes_missed() {
    let (off, moved) = (SEARCH.replace("true", "false"), SEARCH.replace("p2", "p1"));
    let view = series(&["*"], &[(&[SEARCH], "40"), (&[&off], "41"), (&[&moved, CHECKOUT], "42")]);
    let changes = view.history.since(view.history.oldest).expect("in the window");
    let written = |changes, prefix| {
        let mut out = Vec::new();
        let is_any = write_missed(Kind::Connected, changes, prefix, &mut out);
        (is_any, String::from_utf8(out).expect("text"))
    };
    let updated = |id: u64, feature: &str| {
        format!(r#"{{"type":"feature-updated","eventId":{id},"feature":{feature}}}"#)
    };
    let segment = format!(r#"{{"type":"segment-updated","eventId":42,"segment":{EU}}}"#);
    let removed = r#"{"type":"feature-removed","eventId":42,"featureName":"search","project":"p2"}"#;
    let head = "event: unleash-connected\nid: 42\ndata: ";
    let all =
        [updated(41, &off), segment.clone(), removed.to_owned(), updated(42, CHECKOUT), updated(42, &moved)];
    assert_eq!(written(changes, ""), (true, format!("{head}{{\"events\":[{}]}}\n\n", all.join(","))));
    assert_eq!(written(changes, "x"), (true, format!("{head}{{\"events\":[{segment}]}}\n\n")));
    assert_eq!(
        written(&changes[..1], "x"),
        (false, "event: unleash-connected\nid: 41\ndata: {\"events\":[]}\n\n".into())
    );
    assert_eq!(written(&[], ""), (false, "event: unleash-connected\ndata: {\"events\":[]}\n\n".into()));
    assert_eq!(changes[0].message_for("x"), None);
    let message = changes[0].message_for("sea").expect("of interest");
    assert_eq!(message, changes[0].message()[..]);
}
