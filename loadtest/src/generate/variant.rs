//! Variants of flags and of strategies, with payloads and overrides.

use serde_json::{Value, json};

use super::dice::Dice;
use super::words;

/// The sum of the weights of a group of variants.
const WEIGHT_SUM: usize = 1000;

/// Two to four variants whose weights sum to 1000; `overrides` as flags have them, strategies not.
pub fn group(dice: &mut Dice, stickiness: &str, overrides: bool) -> Vec<Value> {
    let count = dice.between(2, words::VARIANTS.len());
    let shares = dice.spread(WEIGHT_SUM / 50, count, WEIGHT_SUM);
    let names = words::VARIANTS.iter().zip(shares);
    names.map(|(name, share)| variant(dice, name, share * 50, stickiness, overrides)).collect()
}

fn variant(dice: &mut Dice, name: &str, weight: usize, stickiness: &str, overrides: bool) -> Value {
    let mut made =
        json!({ "name": name, "weight": weight, "weightType": "variable", "stickiness": stickiness });
    if let Some(payload) = payload(dice, name) {
        made["payload"] = payload;
    }
    if overrides {
        made["overrides"] = override_list(dice);
    }
    made
}

fn payload(dice: &mut Dice, name: &str) -> Option<Value> {
    let (kind, value) = match dice.below(5) {
        0 => return None,
        1 => ("json", json!({ "colour": name, "columns": dice.between(1, 12) }).to_string()),
        2 => ("csv", format!("{name},{}", dice.between(1, 99))),
        3 => ("number", dice.between(1, 9000).to_string()),
        _ => ("string", format!("the {name} page")),
    };
    Some(json!({ "type": kind, "value": value }))
}

fn override_list(dice: &mut Dice) -> Value {
    if !dice.chance(30) {
        return json!([]);
    }
    let users: Vec<String> = (0..dice.between(1, 3)).map(|_| dice.between(1, 99_999).to_string()).collect();
    json!([{ "contextName": "userId", "values": users }])
}
