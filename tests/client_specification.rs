//! The public client specification against the evaluation engine: every case on state and variants.
//!
//! Nothing can be skipped unseen: the index and the folder must agree, and the number of cases is fixed.

use brink::evaluate::{Ask, Context, Engine, Resolved, Scratch};
use brink::features::environment::EnvironmentData;
use brink::features::parse::parse_document;
use brink::tokens::scope::Projects;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const STATE_CASES: usize = 227;
const VARIANT_CASES: usize = 52;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/client-specification")
}

fn read(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(name)).expect("a file of the specification");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn every_case_passes() {
    let index = read("index.json");
    let names: Vec<&str> = index.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (mut states, mut variants, mut failures) = (0, 0, Vec::new());
    for name in &names {
        let file = read(name);
        let engine = Engine::compile(&environment(&file["state"]), None);
        for case in file["tests"].as_array().into_iter().flatten() {
            states += 1;
            let enabled = with(&engine, case, |resolved| resolved.is_some_and(|resolved| resolved.enabled));
            note(&mut failures, name, case, &json!(enabled));
        }
        for case in file["variantTests"].as_array().into_iter().flatten() {
            variants += 1;
            note(&mut failures, name, case, &with(&engine, case, shown_variant));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    assert_eq!((states, variants), (STATE_CASES, VARIANT_CASES));
}

#[test]
fn the_index_is_complete() {
    let files = fs::read_dir(folder()).expect("the folder");
    let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    let found: BTreeSet<String> =
        names.filter(|name| name.ends_with(".json") && name != "index.json").collect();
    let index: BTreeSet<String> = serde_json::from_value(read("index.json")).expect("a list of names");
    assert_eq!(found, index);
}

fn note(failures: &mut Vec<String>, file: &str, case: &Value, result: &Value) {
    let expected = &case["expectedResult"];
    if result != expected {
        failures.push(format!("{file}: {}: {result}, expected {expected}", case["description"]));
    }
}

fn with<T>(engine: &Engine, case: &Value, read: impl FnOnce(Option<Resolved<'_>>) -> T) -> T {
    let context = Context::from_json(case["context"].to_string().as_bytes()).expect("a good context");
    let ask = Ask { context: &context, projects: &Projects::All, now_unix_ms: 1_700_000_000_000, seed: 1 };
    let name = case["toggleName"].as_str().expect("a name");
    read(engine.resolve(name, &ask, &mut Scratch::default()))
}

fn shown_variant(resolved: Option<Resolved<'_>>) -> Value {
    let enabled = resolved.as_ref().is_some_and(|resolved| resolved.enabled);
    match resolved.and_then(|resolved| resolved.variant) {
        None => json!({"name": "disabled", "enabled": false, "feature_enabled": enabled}),
        Some(variant) => {
            let mut shown = json!({"name": variant.name, "enabled": true, "feature_enabled": enabled});
            if let Some((kind, value)) = variant.payload {
                shown["payload"] = json!({"type": kind, "value": value});
            }
            shown
        }
    }
}

fn environment(state: &Value) -> EnvironmentData {
    let document = if state["events"].is_array() { replayed(state) } else { state.clone() };
    let nothing = EnvironmentData::empty(Arc::from("development"));
    let document = parse_document(document.to_string().as_bytes(), &nothing).expect("a good document");
    EnvironmentData {
        version: document.version,
        features: document.features.into(),
        segments: document.segments.into(),
        ..nothing
    }
}

/// The document that the events of a delta lead to.
fn replayed(delta: &Value) -> Value {
    let (mut features, mut segments) = (BTreeMap::new(), BTreeMap::new());
    for event in delta["events"].as_array().into_iter().flatten() {
        match event["type"].as_str() {
            Some("hydration") => {
                features = by_key(&event["features"], "name");
                segments = by_key(&event["segments"], "id");
            }
            Some("feature-updated") => {
                features.insert(event["feature"]["name"].to_string(), event["feature"].clone());
            }
            Some("feature-removed") => {
                features.remove(&event["featureName"].to_string());
            }
            Some("segment-updated") => {
                segments.insert(event["segment"]["id"].to_string(), event["segment"].clone());
            }
            Some("segment-removed") => {
                segments.remove(&event["segmentId"].to_string());
            }
            other => panic!("unknown event {other:?}"),
        }
    }
    let (features, segments): (Vec<_>, Vec<_>) =
        (features.into_values().collect(), segments.into_values().collect());
    json!({"version": 2, "features": features, "segments": segments})
}

fn by_key(list: &Value, key: &str) -> BTreeMap<String, Value> {
    list.as_array().into_iter().flatten().map(|item| (item[key].to_string(), item.clone())).collect()
}
