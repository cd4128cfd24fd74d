//! Documents for tests: short to write by hand, and generated ones for properties.

use super::environment::EnvironmentData;
use super::lineage::Lineage;
use super::model::Document;
use super::parse::parse_document;
use crate::tokens::scope::{Projects, Scope};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// An environment that holds nothing yet.
pub(super) fn nothing() -> EnvironmentData {
    EnvironmentData::empty(Arc::from("development"))
}

/// A document that is known to be good.
pub(super) fn document(text: &str) -> Document {
    parse_document(text.as_bytes(), &nothing()).expect("a good document")
}

/// The environment made of one document, segments without references included.
pub(super) fn environment(text: &str) -> Arc<EnvironmentData> {
    let document = document(text);
    let revision = document.meta.as_ref().and_then(|meta| meta.revision_id);
    Arc::new(EnvironmentData {
        name: Arc::from("development"),
        version: document.version,
        features: document.features.into(),
        segments: document.segments.into(),
        meta: document.meta,
        lineage: Lineage::default().after_answer(&Projects::All, revision),
    })
}

/// A scope of `development`.
pub(super) fn scope(projects: &[&str]) -> Scope {
    Scope { environment: Some(Arc::from("development")), projects: Projects::from_names(projects) }
}

/// Any JSON, a few levels deep.
pub(super) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Members under keys the protocol does not know.
pub(super) fn extras() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("x-.{0,6}", any_json(), 0..3).prop_map(|extras| extras.into_iter().collect())
}

/// The wire form of a feature of a project (or none), which may refer to segments 1 to 5.
pub(super) fn feature_of(project: Option<&'static str>) -> impl Strategy<Value = Value> {
    let name = prop_oneof!["[a-c]{1,3}", "[A-Zéß]{1,2}", "b/\"x\\\\[0-9]"];
    (name, any::<bool>(), prop::collection::vec(1..=5_i64, 0..3), "[a-z]{0,4}").prop_map(
        move |(name, enabled, segments, description)| {
            // The project is part of the name: a name is never in two projects, as in Unleash.
            let name = format!("{name}.{}", project.unwrap_or("none"));
            json!({"name": name, "enabled": enabled, "project": project, "description": description,
                   "strategies": [{"name": "default", "segments": segments}]})
        },
    )
}

/// The wire form of features of any project.
pub(super) fn features() -> impl Strategy<Value = Vec<Value>> {
    let feature = prop_oneof![
        feature_of(Some("p1")),
        feature_of(Some("p2")),
        feature_of(Some("default")),
        feature_of(None)
    ];
    prop::collection::vec(feature, 0..12)
}

/// The wire form of a document with these features and all the segments they may refer to.
pub(super) fn wire(features: &[Value]) -> String {
    let segments: Vec<Value> = (1..=5).map(|id| json!({"id": id, "constraints": []})).collect();
    json!({"version": 2, "features": features, "segments": segments, "meta": {"revisionId": 7}}).to_string()
}
