//! Activation strategies: open, closed, or whatever comes.

use serde_json::{Value, json};

use super::constraint::{self, Lists};
use super::dice::Dice;
use super::variant;

/// What a strategy answers for a context without any field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Temper {
    /// On for everybody.
    Open,
    /// Off for an empty context.
    Closed,
    /// Either; nothing depends on it.
    Any,
}

/// What one strategy is to look like.
pub struct Wish<'a> {
    /// Name of its flag, which serves as the group of rollouts.
    pub flag: &'a str,
    pub temper: Temper,
    /// Number of own constraints; ignored for open strategies.
    pub constraints: usize,
    /// Number of segments in the document; ids run from 1.
    pub segments: usize,
    /// Percentage of rollouts with strategy variants.
    pub variants_percent: usize,
}

/// Makes one strategy.
pub fn strategy(dice: &mut Dice, wish: &Wish<'_>) -> Value {
    match wish.temper {
        Temper::Open if dice.chance(40) => finish(dice, wish, "default", json!({}), vec![], vec![]),
        Temper::Open => {
            let parameters = rollout(wish.flag, 100, "default");
            finish(dice, wish, "flexibleRollout", parameters, vec![], vec![])
        }
        Temper::Closed | Temper::Any => guarded(dice, wish),
    }
}

/// A strategy that may carry constraints and segments. Every segment begins with a closing
/// constraint, so one own constraint group or one segment closes the strategy.
fn guarded(dice: &mut Dice, wish: &Wish<'_>) -> Value {
    let constraints = constraint::closed_group(dice, wish.constraints, Lists::Short);
    let segments =
        if wish.segments > 0 && dice.chance(15) { segment_ids(dice, wish.segments) } else { vec![] };
    let must_close = wish.temper == Temper::Closed && constraints.is_empty() && segments.is_empty();
    let (name, parameters) =
        if must_close { closing_kind(dice, wish.flag) } else { any_kind(dice, wish.flag) };
    finish(dice, wish, name, parameters, constraints, segments)
}

fn finish(
    dice: &mut Dice,
    wish: &Wish<'_>,
    name: &str,
    parameters: Value,
    constraints: Vec<Value>,
    segments: Vec<usize>,
) -> Value {
    let varied = name == "flexibleRollout" && dice.chance(wish.variants_percent);
    let variants = if varied { variant::group(dice, "default", false) } else { vec![] };
    let mut made = json!({ "name": name, "constraints": constraints, "parameters": parameters });
    if !segments.is_empty() {
        made["segments"] = json!(segments);
    }
    made["variants"] = Value::Array(variants);
    made
}

fn any_kind(dice: &mut Dice, flag: &str) -> (&'static str, Value) {
    match dice.below(20) {
        0..=3 => ("default", json!({})),
        4 => ("remoteAddress", json!({ "IPs": "198.51.100.7,10.9.0.0/16" })),
        5 => ("applicationHostname", json!({ "hostNames": "runner-a,runner-b" })),
        6 => ("houseRule", json!({ "floor": dice.between(1, 9).to_string() })),
        7 => closing_kind(dice, flag),
        _ => {
            let percent = *dice.pick(&[100, 100, 100, 80, 50, 20, 5]);
            let stickiness = *dice.pick(&["default", "default", "userId", "sessionId", "shop", "random"]);
            ("flexibleRollout", rollout(flag, percent, stickiness))
        }
    }
}

/// Kinds that are off without a user, whatever their constraints.
fn closing_kind(dice: &mut Dice, flag: &str) -> (&'static str, Value) {
    match dice.below(4) {
        0 => {
            let users: Vec<String> =
                (0..dice.between(1, 8)).map(|_| dice.between(1, 99_999).to_string()).collect();
            ("userWithId", json!({ "userIds": users.join(",") }))
        }
        1 => {
            let percentage = dice.between(1, 100).to_string();
            ("gradualRolloutUserId", json!({ "percentage": percentage, "groupId": flag }))
        }
        2 => ("flexibleRollout", rollout(flag, 0, "default")),
        _ => {
            let percent = dice.between(1, 100);
            ("flexibleRollout", rollout(flag, percent, "userId"))
        }
    }
}

fn rollout(group: &str, percent: usize, stickiness: &str) -> Value {
    json!({ "groupId": group, "rollout": percent.to_string(), "stickiness": stickiness })
}

fn segment_ids(dice: &mut Dice, segments: usize) -> Vec<usize> {
    let mut ids = vec![dice.between(1, segments)];
    if dice.chance(25) {
        ids.push(dice.between(1, segments));
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}
