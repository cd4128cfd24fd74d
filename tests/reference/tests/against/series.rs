//! Series of changes: an engine compiled from its predecessor equals one compiled from scratch.
//!
//! Every change is a document or a part of one, applied through the catalog as the sync thread does. The two
//! engines get the same seeds, so here even answers that depend on draws must be equal to the byte.

use brink::evaluate::Context;
use brink::tokens::scope::Projects;
use brink_reference::check::{Request, check_request, check_state, circumstances};
use brink_reference::dice::Dice;
use brink_reference::document::{self, PROJECTS, Plan, State};
use brink_reference::oracle::Oracle;
use brink_reference::run::{Settings, requests};
use brink_reference::subject::{List, Subject};
use brink_reference::tally::Tally;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const CHANGES: usize = 12;

#[test]
fn changes_one_after_the_other() {
    let settings = Settings::from_environment(60);
    for seed in settings.seeds() {
        run(seed);
    }
}

fn run(seed: u64) {
    let mut dice = Dice::seeded(seed ^ 0x5e1e5);
    let State { mut document, plan } = document::state(&mut dice);
    keep_last_of_each_name(&mut document);
    let mut subject = Subject::empty();
    subject.apply(&document, &Projects::All).expect("a legal document");
    for step in 0..CHANGES {
        change(&mut dice, &plan, &mut document);
        let note = format!("BRINK_REFERENCE_SEED={seed} BRINK_REFERENCE_STATES=1, step {step}");
        apply(&mut dice, &mut subject, &document);
        let requests = requests(&mut dice, &plan, 3);
        equals_from_scratch(&mut subject, &requests, &note);
        if step == CHANGES - 1 {
            equals_reference(&mut subject, &document, &requests, &note);
        }
    }
}

/// Of two features with one name in two projects, which one counts would depend on which project is asked for
/// last. Upstream has none; documents with some are compared elsewhere.
fn keep_last_of_each_name(document: &mut Value) {
    let features = list(document, "features");
    let mut seen = BTreeSet::new();
    features.reverse();
    features.retain(|feature| seen.insert(feature["name"].to_string()));
    features.reverse();
}

/// Inserts, replaces, moves or removes features and segments, as delta events do.
fn change(dice: &mut Dice, plan: &Plan, document: &mut Value) {
    for _ in 0..=dice.below(4) {
        match dice.below(12) {
            0..4 => upsert(document, "features", "name", plan.feature(dice)),
            4..6 => remove(dice, document, "features"),
            6 => flip(dice, document),
            7..10 => {
                if let Some(segment) = plan.segment(dice) {
                    upsert(document, "segments", "id", segment);
                }
            }
            10 => remove(dice, document, "segments"),
            _ => *document = json!({"version": 2, "features": [], "segments": []}),
        }
    }
}

fn list<'a>(document: &'a mut Value, key: &str) -> &'a mut Vec<Value> {
    if !document[key].is_array() {
        document[key] = json!([]);
    }
    document[key].as_array_mut().expect("just made one")
}

fn upsert(document: &mut Value, key: &str, id: &str, element: Value) {
    let list = list(document, key);
    list.retain(|other| other[id] != element[id]);
    list.push(element);
}

fn remove(dice: &mut Dice, document: &mut Value, key: &str) {
    let list = list(document, key);
    if !list.is_empty() {
        let at = dice.below(list.len());
        list.remove(at);
    }
}

fn flip(dice: &mut Dice, document: &mut Value) {
    let list = list(document, "features");
    let at = dice.below(list.len());
    if let Some(feature) = list.get_mut(at) {
        feature["enabled"] = json!(!feature["enabled"].as_bool().unwrap_or(false));
    }
}

/// As one answer for all projects, or as one for each of them.
fn apply(dice: &mut Dice, subject: &mut Subject, document: &Value) {
    if dice.percent(60) {
        subject.apply(document, &Projects::All).expect("a legal document");
        return;
    }
    for project in PROJECTS {
        let mut part = document.clone();
        let is_of = |feature: &Value| feature["project"].as_str().unwrap_or("default") == *project;
        list(&mut part, "features").retain(is_of);
        subject.apply(&part, &Projects::from_names([project])).expect("a legal document");
    }
}

fn equals_from_scratch(subject: &mut Subject, requests: &[Request], note: &str) {
    let mut fresh = subject.from_scratch();
    assert_eq!(subject.malformed(), fresh.malformed(), "{note}");
    assert_eq!(subject.names(), fresh.names(), "{note}");
    for request in requests {
        let context = Context::from_json(request.context.to_string().as_bytes()).expect("a legal context");
        let circumstances = circumstances(&request.projects, request.seed);
        for name in fresh.names() {
            let (ours, expected) = (
                subject.resolve(&name, &context, circumstances),
                fresh.resolve(&name, &context, circumstances),
            );
            assert_eq!(ours, expected, "{name} in {}, {note}", request.context);
        }
        for list in [List::Enabled, List::All] {
            let (ours, expected) =
                (subject.list(list, &context, circumstances), fresh.list(list, &context, circumstances));
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert_eq!((text(&ours.0), ours.1), (text(&expected.0), expected.1), "{note}");
        }
    }
}

/// Segments are united over the documents of an environment (upstream.md 8.4): one that is gone from the
/// latest document is still there while a feature refers to it.
fn with_older_segments(document: &Value, subject: &Subject) -> Value {
    let mut document = document.clone();
    let segments = list(&mut document, "segments");
    let is_older = |held: &Value| segments.iter().all(|segment| segment["id"] != held["id"]);
    let older: Vec<Value> = subject.segments().into_iter().filter(is_older).collect();
    segments.extend(older);
    document
}

fn equals_reference(subject: &mut Subject, document: &Value, requests: &[Request], note: &str) {
    let oracle = Oracle::compile(&with_older_segments(document, subject)).expect("a legal document");
    let mut tally = Tally::default();
    let same_state = check_state(subject, &oracle, &mut tally);
    assert_eq!(same_state, Ok(()), "{note}");
    for request in requests {
        let same = check_request(subject, &oracle, request, &mut tally);
        assert_eq!(same, Ok(()), "{}, {note}", request.context);
    }
}
