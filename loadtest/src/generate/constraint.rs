//! Constraints of every operator.
//!
//! A *closing* constraint is false for a context without any field; the shape of a document
//! (how many flags are on for an empty context) rests on them.

use serde_json::{Value, json};

use super::dice::Dice;
use super::words;

/// Every operator of the contract, more common ones more often. One draw from this deck decides.
const DECK: &[&str] = &[
    "IN",
    "IN",
    "IN",
    "IN",
    "IN",
    "IN",
    "IN",
    "IN",
    "NOT_IN",
    "NOT_IN",
    "NOT_IN",
    "STR_ENDS_WITH",
    "STR_STARTS_WITH",
    "STR_CONTAINS",
    "NUM_EQ",
    "NUM_GT",
    "NUM_GTE",
    "NUM_LT",
    "NUM_LTE",
    "DATE_AFTER",
    "DATE_BEFORE",
    "SEMVER_EQ",
    "SEMVER_GT",
    "SEMVER_GTE",
    "SEMVER_LT",
    "SEMVER_LTE",
    "REGEX",
    "IN_CIDR",
];

/// The operators of [`DECK`] that are false when their context field is missing.
const CLOSING: &[&str] = &[
    "IN",
    "IN",
    "IN",
    "IN",
    "IN",
    "IN",
    "STR_ENDS_WITH",
    "STR_STARTS_WITH",
    "STR_CONTAINS",
    "NUM_EQ",
    "NUM_GT",
    "NUM_LTE",
    "SEMVER_GT",
    "SEMVER_LTE",
    "REGEX",
    "IN_CIDR",
];

/// How long the value lists of `IN` and `NOT_IN` may be.
#[derive(Clone, Copy)]
pub enum Lists {
    /// At most six values.
    Short,
    /// Now and then 40 to 120 identifiers, as segments in the field have.
    Long,
}

/// `count` constraints, the first of them closing.
pub fn closed_group(dice: &mut Dice, count: usize, lists: Lists) -> Vec<Value> {
    (0..count).map(|at| if at == 0 { closing(dice, lists) } else { any(dice, lists) }).collect()
}

/// A constraint of any kind.
pub fn any(dice: &mut Dice, lists: Lists) -> Value {
    let operator = *dice.pick(DECK);
    let inverted = dice.chance(8);
    with_operator(dice, operator, inverted, lists)
}

fn closing(dice: &mut Dice, lists: Lists) -> Value {
    let operator = *dice.pick(CLOSING);
    with_operator(dice, operator, false, lists)
}

fn with_operator(dice: &mut Dice, operator: &str, inverted: bool, lists: Lists) -> Value {
    let (field, content) = match operator {
        "IN" | "NOT_IN" => listed(dice, lists),
        "STR_ENDS_WITH" => ("email", values(dice.sample(words::MAIL_ENDS, 2))),
        "STR_STARTS_WITH" => ("shop", values(vec![format!("shop-{}", dice.between(1, 9))])),
        "STR_CONTAINS" => ("agent", values(dice.sample(words::AGENTS, 2))),
        "REGEX" => ("shop", single(dice.pick(words::PATTERNS).to_string())),
        "IN_CIDR" => ("remoteAddress", values(dice.sample(words::NETWORKS, 2))),
        other if other.starts_with("NUM_") => ("seats", single(dice.between(1, 400).to_string())),
        other if other.starts_with("DATE_") => ("currentTime", single(instant(dice))),
        _ => ("appVersion", single(version(dice))),
    };
    let mut constraint = json!({ "contextName": field, "operator": operator });
    constraint.extend_with(content);
    let text = operator.starts_with("STR_") || operator == "REGEX";
    constraint.extend_with(json!({ "inverted": inverted, "caseInsensitive": text && dice.chance(30) }));
    constraint
}

/// Appends the members of another object.
trait ExtendWith {
    fn extend_with(&mut self, other: Value);
}

impl ExtendWith for Value {
    fn extend_with(&mut self, other: Value) {
        if let (Value::Object(mine), Value::Object(others)) = (self, other) {
            mine.extend(others);
        }
    }
}

fn listed(dice: &mut Dice, lists: Lists) -> (&'static str, Value) {
    match dice.below(4) {
        0 => {
            let count = dice.between(1, 5);
            ("country", values(dice.sample(words::COUNTRIES, count)))
        }
        1 => ("tier", values(dice.sample(words::TIERS, 2))),
        2 => {
            let count = dice.between(1, 6);
            ("shop", values((0..count).map(|_| format!("shop-{}", dice.between(1, 500))).collect()))
        }
        _ => {
            let count = if matches!(lists, Lists::Long) { dice.between(40, 120) } else { dice.between(1, 6) };
            ("userId", values((0..count).map(|_| dice.between(1, 99_999).to_string()).collect()))
        }
    }
}

fn values<T: Into<Value>>(items: Vec<T>) -> Value {
    json!({ "values": items.into_iter().map(Into::into).collect::<Vec<Value>>() })
}

fn single(value: String) -> Value {
    json!({ "values": [], "value": value })
}

fn instant(dice: &mut Dice) -> String {
    let year = *dice.pick(&[2020, 2022, 2032, 2036]);
    let (month, day, hour) = (dice.between(1, 12), dice.between(1, 28), dice.between(0, 23));
    format!("{year}-{month:02}-{day:02}T{hour:02}:30:00.000Z")
}

fn version(dice: &mut Dice) -> String {
    let (major, minor, patch) = (dice.between(0, 7), dice.between(0, 15), dice.between(0, 30));
    let suffix = if dice.chance(12) { "-rc.1" } else { "" };
    format!("{major}.{minor}.{patch}{suffix}")
}
