//! Random strategies of all kinds, with parameters right, odd and missing.

use super::{Plan, constraint, variant};
use crate::dice::Dice;
use crate::palette::{ADDRESSES, NETWORK_LETTERS, PARAMETER_LETTERS, PERCENTAGE_LETTERS};
use serde_json::{Map, Value, json};

const NAMES: &[&str] = &[
    "default",
    "default",
    "userWithId",
    "flexibleRollout",
    "flexibleRollout",
    "flexibleRollout",
    "gradualRolloutUserId",
    "gradualRolloutSessionId",
    "gradualRolloutRandom",
    "remoteAddress",
    "applicationHostname",
    "custom",
    "Default",
];
const PERCENTAGES: &[&str] = &["0", "1", "33", "50", "50", "99", "100", "100"];
const ODD_PERCENTAGES: &[&str] =
    &["101", "050", "+5", "+050", "5.5", "-1", " 5", "", "x", "50%", "99999999999999999999", "256"];
const STICKINESS: &[&str] = &[
    "default",
    "default",
    "userId",
    "userId",
    "sessionId",
    "environment",
    "appName",
    "remoteAddress",
    "currentTime",
    "plan",
    "größe",
    "absent",
    "",
];
const RARE_STICKINESS: &[&str] = &["random", "random", "quo\"te", "slash\\", "in\\side", "user_id"];
const GROUPS: &[&str] = &["", "group", "group with space", " trimmed? ", "søk", "a:b", "日本", "in\\side"];
const RARE_GROUPS: &[&str] = &["quo\"te", "slash\\"];
const HOSTS: &[&str] = &["", "localhost", "a, b", "localhost,,"];
const RARE_HOSTS: &[&str] = &["quo\"te", "slash\\", "a\\ , b"];

/// The strategies of a feature: none to four.
pub fn strategies(dice: &mut Dice, plan: &Plan, feature: &str) -> Value {
    let count = if dice.percent(10) { 0 } else { 1 + dice.below(4) };
    Value::Array((0..count).map(|_| strategy(dice, plan, feature)).collect())
}

/// One strategy with parameters that are nearly right.
pub fn misspelt(dice: &mut Dice) -> Value {
    let name = dice.one(NAMES);
    let percentage = dice.one(PERCENTAGES);
    let percentage = dice.misspelt(percentage, PERCENTAGE_LETTERS);
    let addresses = dice.one(&["10.0.0.0/8, 1.2.3.4", "::1", "10.0.0.1,,bad"]);
    let addresses = dice.misspelt(addresses, NETWORK_LETTERS);
    let mut parameter = |list: &[&str]| {
        let text = dice.one(list);
        misspelt_name(dice, text)
    };
    let parameters = json!({
        "rollout": percentage,
        "percentage": percentage,
        "stickiness": parameter(&["default", "userId", "plan", "größe"]),
        "groupId": parameter(&["", "group", "a:b"]),
        "userIds": parameter(&["", "a, b", "1,2", "\u{a0}7"]),
        "IPs": addresses,
        "hostNames": parameter(&["", "a, b"]),
    });
    json!({"name": name, "parameters": parameters})
}

/// A name of a field or group that is nearly right.
///
/// Left out: a quote after a backslash. The reference takes the pair for an escape; in brink every quote here
/// makes the feature malformed (evaluation.md 12).
pub fn misspelt_name(dice: &mut Dice, name: &str) -> String {
    let mut name = dice.misspelt(name, PARAMETER_LETTERS);
    while name.contains("\\\"") {
        name = name.replace("\\\"", "\"");
    }
    name
}

/// A stickiness: mostly one of the usual, rarely a draw or one that cannot be.
pub fn stickiness(dice: &mut Dice) -> &'static str {
    dice.mostly(STICKINESS, RARE_STICKINESS, 4)
}

fn strategy(dice: &mut Dice, plan: &Plan, feature: &str) -> Value {
    let name = dice.one(NAMES);
    let mut strategy = Map::new();
    strategy.insert("name".to_owned(), json!(name));
    let parameters = parameters(dice, plan, name, feature);
    dice.put(&mut strategy, "parameters", Value::Object(parameters));
    if dice.percent(60) {
        let count = dice.below(5).min(dice.below(5));
        let constraints = constraint::constraints(dice, plan, count);
        dice.put(&mut strategy, "constraints", constraints);
    }
    if dice.percent(25) {
        let segments = segments(dice, plan);
        dice.put(&mut strategy, "segments", segments);
    }
    if dice.percent(30) {
        let variants = variant::of_strategy(dice);
        dice.put(&mut strategy, "variants", variants);
    }
    if dice.percent(10) {
        let order = dice.between(-3, 3);
        dice.put(&mut strategy, "sortOrder", json!(order));
    }
    Value::Object(strategy)
}

fn segments(dice: &mut Dice, plan: &Plan) -> Value {
    if plan.segments.is_empty() && !dice.percent(5) {
        return json!([]);
    }
    let segment = |dice: &mut Dice| match plan.segments.get(dice.below(plan.segments.len())) {
        Some(id) if !dice.percent(2) => *id,
        _ => 77,
    };
    let mut ids: Vec<i64> = (0..dice.below(4)).map(|_| segment(dice)).collect();
    if dice.percent(10) {
        ids.extend(ids.first().copied());
    }
    json!(ids)
}

fn parameters(dice: &mut Dice, plan: &Plan, name: &str, feature: &str) -> Map<String, Value> {
    let percentage = dice.mostly(PERCENTAGES, ODD_PERCENTAGES, 5).to_owned();
    let own = match name {
        "userWithId" => ("userIds", list(dice, |dice| plan.palette.id(dice))),
        "remoteAddress" => ("IPs", list(dice, address)),
        "applicationHostname" => ("hostNames", dice.mostly(HOSTS, RARE_HOSTS, 5).to_owned()),
        "flexibleRollout" => ("rollout", percentage),
        name if name.starts_with("gradual") => ("percentage", percentage),
        _ => ("unknown", percentage),
    };
    let mut parameters = vec![own];
    let is_rollout = name == "flexibleRollout" || name.starts_with("gradual");
    if is_rollout || dice.percent(30) {
        parameters.push(("stickiness", stickiness(dice).to_owned()));
        parameters.push(("groupId", group(dice, feature)));
    }
    // Without a group a rollout hashes the name of the feature that asks, which may be a dependent one.
    parameters.retain(|(key, _)| dice.percent(if *key == "groupId" { 75 } else { 93 }));
    parameters.into_iter().map(|(key, value)| (key.to_owned(), Value::String(value))).collect()
}

fn group(dice: &mut Dice, feature: &str) -> String {
    // A name with a quote would make most of these features malformed.
    if dice.percent(50) && !feature.contains('"') {
        return feature.to_owned();
    }
    dice.mostly(GROUPS, RARE_GROUPS, 4).to_owned()
}

fn address(dice: &mut Dice) -> String {
    if dice.percent(50) { constraint::network(dice) } else { dice.one(ADDRESSES).to_owned() }
}

/// A list in one text, with blanks and empty parts, rarely with a backslash at the end.
fn list(dice: &mut Dice, mut part: impl FnMut(&mut Dice) -> String) -> String {
    let parts: Vec<String> = (0..dice.below(4)).map(|_| part(dice)).collect();
    let mut text = parts.join(dice.one(&[",", ", ", " , ", ",,"]));
    if dice.percent(2) {
        text.push_str(dice.one(&["\\", "\\ ", ",", "quo\"te"]));
    }
    text
}
