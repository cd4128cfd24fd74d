//! Random features and their names.

use super::{PROJECTS, Plan, dependency, strategy, variant};
use crate::dice::Dice;
use serde_json::{Map, Value, json};

const STEMS: &[&str] = &[
    "checkout.banner",
    "dark-mode",
    "with space",
    "é",
    "日本",
    "🦀",
    "quote\"d",
    "back\\slash",
    "line\nbreak",
    "bell\u{7}",
    "tab\t",
    "Z",
    "a",
    "b",
    "del\u{7f}",
    "</script>",
];

/// A name that no other position has. Rarely a long one.
pub fn name(dice: &mut Dice, at: usize) -> String {
    let stem = dice.one(STEMS);
    if dice.percent(2) { format!("{}{at}", stem.repeat(40)) } else { format!("{stem}{at}") }
}

/// A feature of this name.
pub fn feature(dice: &mut Dice, plan: &Plan, name: &str) -> Value {
    let mut feature = Map::new();
    feature.insert("name".to_owned(), json!(name));
    feature.insert("enabled".to_owned(), json!(dice.percent(80)));
    let project = dice.one(PROJECTS);
    dice.put(&mut feature, "project", json!(project));
    let impression_data = dice.percent(50);
    dice.put(&mut feature, "impressionData", json!(impression_data));
    let strategies = strategy::strategies(dice, plan, name);
    dice.put(&mut feature, "strategies", strategies);
    let variants = if dice.percent(50) { variant::of_feature(dice, plan) } else { json!([]) };
    dice.put(&mut feature, "variants", variants);
    if dice.percent(20) {
        let dependencies = dependency::dependencies(dice, plan, name);
        dice.put(&mut feature, "dependencies", dependencies);
    }
    add_what_has_no_influence(dice, &mut feature);
    Value::Object(feature)
}

fn add_what_has_no_influence(dice: &mut Dice, feature: &mut Map<String, Value>) {
    if dice.percent(20) {
        let extra = json!({"type": "release", "description": "text", "stale": true,
            "createdAt": "2022-06-15T12:00:00Z", "segments": [99], "unknown": {"a": [1]}});
        if let Value::Object(extra) = extra {
            feature.extend(extra);
        }
    }
}
