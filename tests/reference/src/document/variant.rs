//! Random variants of features and strategies. The weights of a list never add up to 0.

use super::{Plan, strategy};
use crate::dice::Dice;
use crate::palette::{FIELDS, property};
use serde_json::{Map, Value, json};

const WEIGHTS: &[&i64] = &[&0, &1, &7, &333, &1000];
const PAYLOADS: &[(&str, &str)] = &[
    ("string", "plain"),
    ("string", "quo\"te \\ ü 日本 🦀\n"),
    ("string", ""),
    ("json", "{\"a\":[1,\"b\"]}"),
    ("csv", "a,b,c"),
    ("number", "5"),
    ("other", "\u{1}\u{7f}</"),
];

/// Zero to five variants, with overrides and stickiness, which may differ within the list.
pub fn of_feature(dice: &mut Dice, plan: &Plan) -> Value {
    list(dice, |dice, variant| {
        if dice.percent(60) {
            variant.insert("stickiness".to_owned(), json!(strategy::stickiness(dice)));
        }
        if dice.percent(25) {
            let overrides: Vec<Value> = (0..dice.below(4)).map(|_| over_ride(dice, plan)).collect();
            dice.put(variant, "overrides", json!(overrides));
        }
    })
}

/// Zero to five variants; their own stickiness has no influence.
pub fn of_strategy(dice: &mut Dice) -> Value {
    list(dice, |dice, variant| {
        if dice.percent(20) {
            variant.insert("stickiness".to_owned(), json!(strategy::stickiness(dice)));
        }
    })
}

fn list(dice: &mut Dice, mut add: impl FnMut(&mut Dice, &mut Map<String, Value>)) -> Value {
    let count = dice.below(6);
    let mut weights: Vec<i64> = (0..count).map(|_| *dice.one(WEIGHTS)).collect();
    if weights.iter().sum::<i64>() == 0
        && let Some(last) = weights.last_mut()
    {
        *last = 7;
    }
    let variant = |(at, weight): (usize, i64)| {
        let mut variant = variant(dice, at, weight);
        add(dice, &mut variant);
        Value::Object(variant)
    };
    Value::Array(weights.into_iter().enumerate().map(variant).collect())
}

fn variant(dice: &mut Dice, at: usize, weight: i64) -> Map<String, Value> {
    let mut variant = Map::new();
    let name = dice.one(&["red", "red", "blå", "quo\"te", "disabled"]);
    variant.insert("name".to_owned(), json!(format!("{name}{}", at % 4)));
    variant.insert("weight".to_owned(), json!(weight));
    if dice.percent(30) {
        let kind = dice.one(&["fix", "variable"]);
        dice.put(&mut variant, "weightType", json!(kind));
    }
    if dice.percent(60) {
        let (kind, value) = dice.one(&PAYLOADS.iter().collect::<Vec<_>>());
        dice.put(&mut variant, "payload", json!({"type": kind, "value": value}));
    }
    variant
}

fn over_ride(dice: &mut Dice, plan: &Plan) -> Value {
    let (field, property) = (dice.one(FIELDS), property(dice));
    let name = dice.one(&["userId", "userId", field, property]);
    let values: Vec<String> = (0..dice.below(4)).map(|_| plan.palette.id(dice)).collect();
    json!({"contextName": name, "values": values})
}
