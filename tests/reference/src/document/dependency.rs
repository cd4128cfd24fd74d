//! Random dependencies: on features before and after, absent ones, itself, and ones that depend themselves.

use super::Plan;
use crate::dice::Dice;
use serde_json::{Map, Value, json};

/// None to three dependencies of the feature of this name.
pub fn dependencies(dice: &mut Dice, plan: &Plan, name: &str) -> Value {
    let count = *dice.one(&[&0, &1, &1, &1, &2, &3]);
    Value::Array((0..count).map(|_| dependency(dice, plan, name)).collect())
}

fn dependency(dice: &mut Dice, plan: &Plan, name: &str) -> Value {
    let parent = match dice.below(50) {
        0 => "absent",
        1 => name,
        _ => plan.names.get(dice.below(plan.names.len())).map_or(name, String::as_str),
    };
    let mut dependency = Map::new();
    dependency.insert("feature".to_owned(), json!(parent));
    if dice.percent(50) {
        let enabled = dice.percent(60);
        dice.put(&mut dependency, "enabled", json!(enabled));
    }
    if dice.percent(40) {
        let variants: Vec<&str> = (0..dice.below(4))
            .map(|_| dice.one(&["red0", "red1", "red2", "blå0", "disabled", "wrong"]))
            .collect();
        dice.put(&mut dependency, "variants", json!(variants));
    }
    Value::Object(dependency)
}
