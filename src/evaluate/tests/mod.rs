//! The tables of evaluation.md, one feature or document at a time, through the whole engine.

mod answers;
mod dependencies;
mod hostile;
mod incremental;
mod malformed;
mod slices;
mod strategies;
mod variants;

use super::{Ask, Context, Engine, Scratch, Used};
use crate::features::environment::EnvironmentData;
use crate::features::parse::parse_document;
use crate::tokens::scope::Projects;
use serde_json::{Value, json};
use std::sync::Arc;

/// 2024-05-01T12:30:00.123Z.
pub(super) const NOW_UNIX_MS: i64 = 1_714_566_600_123;

pub(super) fn environment(features: Value, segments: Value) -> EnvironmentData {
    let nothing = EnvironmentData::empty(Arc::from("development"));
    let document = json!({"version": 2, "features": features, "segments": segments}).to_string();
    let document = parse_document(document.as_bytes(), &nothing).expect("a good document");
    EnvironmentData {
        version: document.version,
        features: document.features.into(),
        segments: document.segments.into(),
        ..nothing
    }
}

pub(super) fn engine(features: Value) -> Engine {
    Engine::compile(&environment(features, json!([])), None)
}

/// The engine of one feature `g` with these strategies.
pub(super) fn with_strategies(strategies: Value) -> Engine {
    engine(json!([{"name": "g", "enabled": true, "strategies": strategies}]))
}

pub(super) fn context(query: &str) -> Context {
    Context::from_query(query).expect("a good query")
}

/// On or off, name of the variant, and what it depended on.
pub(super) fn resolved(engine: &Engine, name: &str, query: &str, seed: u64) -> (bool, Option<String>, Used) {
    let context = context(query);
    let ask = Ask { context: &context, projects: &Projects::All, now_unix_ms: NOW_UNIX_MS, seed };
    let resolved = engine.resolve(name, &ask, &mut Scratch::default()).expect("a known feature");
    (resolved.enabled, resolved.variant.map(|variant| variant.name.to_owned()), resolved.used)
}

pub(super) fn is_on(engine: &Engine, name: &str, query: &str) -> bool {
    resolved(engine, name, query, 1).0
}

pub(super) fn variant(engine: &Engine, name: &str, query: &str) -> Option<String> {
    resolved(engine, name, query, 1).1
}

/// The share of seeds that give something.
pub(super) fn share(of: impl Fn(u64) -> bool) -> f64 {
    const SEEDS: u32 = 4000;
    let hits = (0..u64::from(SEEDS)).filter(|seed| of(*seed)).count();
    hits as f64 / f64::from(SEEDS)
}

#[test]
fn an_engine_is_shared_by_threads() {
    fn check<T: Send + Sync>() {}
    check::<Engine>();
}
