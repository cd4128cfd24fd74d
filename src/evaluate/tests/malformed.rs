//! Malformed features (evaluation.md 12).

use super::*;
use crate::evaluate::Reason;

fn reason(strategy: Value) -> Option<Reason> {
    let engine = with_strategies(json!([{"name": "default"}, strategy]));
    let reason = engine.malformed().first().map(|malformed| malformed.reason.clone());
    assert_eq!(is_on(&engine, "g", "userId=1"), reason.is_none(), "{strategy}");
    reason
}

#[track_caller]
fn check(strategy: Value, expected: Option<Reason>) {
    assert_eq!(reason(strategy.clone()), expected, "{strategy}");
}

fn constraint(constraint: Value) -> Value {
    json!({"name": "default", "constraints": [constraint]})
}

#[test]
fn one_bad_part_turns_the_feature_off() {
    check(
        constraint(json!({"contextName": "a", "operator": "FOO"})),
        Some(Reason::UnknownOperator("FOO".into())),
    );
    check(json!({"name": "default", "segments": [7]}), Some(Reason::MissingSegment(7)));
    check(
        constraint(json!({"contextName": "a", "operator": "IN_CIDR"})),
        Some(Reason::NoValues("IN_CIDR".into())),
    );
    check(
        constraint(json!({"contextName": "a", "operator": "NUM_EQ"})),
        Some(Reason::NoValue("NUM_EQ".into())),
    );
    check(
        constraint(json!({"contextName": "a", "operator": "NUM_EQ", "value": "x"})),
        Some(Reason::Unreadable("x".into())),
    );
    check(constraint(json!({"contextName": "a\\", "operator": "IN"})), Some(Reason::Backslash("a\\".into())));
    check(constraint(json!({"contextName": "a\"", "operator": "IN"})), Some(Reason::Quote("a\"".into())));
}

#[test]
fn parameters() {
    let of = |name: &str, parameters: Value| json!({"name": name, "parameters": parameters});
    let backslash = |text: &str| Some(Reason::Backslash(text.into()));
    let quote = |text: &str| Some(Reason::Quote(text.into()));
    check(of("flexibleRollout", json!({"rollout": "101"})), Some(Reason::Rollout(101)));
    check(
        of("gradualRolloutUserId", json!({"percentage": "101", "groupId": "g"})),
        Some(Reason::Rollout(101)),
    );
    check(of("gradualRolloutUserId", json!({"percentage": "101"})), None);
    check(of("gradualRolloutRandom", json!({"percentage": "101"})), None);
    check(of("flexibleRollout", json!({"rollout": "1", "groupId": "a\\"})), backslash("a\\"));
    check(of("flexibleRollout", json!({"rollout": "1", "groupId": "a\"b"})), quote("a\"b"));
    check(of("flexibleRollout", json!({"rollout": "0", "groupId": "a\"b"})), quote("a\"b"));
    check(of("flexibleRollout", json!({"rollout": "x", "groupId": "a\"b"})), None);
    check(of("flexibleRollout", json!({"rollout": "1", "stickiness": "a\"b"})), quote("a\"b"));
    check(of("gradualRolloutSessionId", json!({"percentage": "1", "groupId": "a\\"})), backslash("a\\"));
    check(of("userWithId", json!({"userIds": "a\"b"})), None);
    check(of("userWithId", json!({"userIds": "a\\,b"})), backslash("a\\"));
    check(of("remoteAddress", json!({"IPs": "\""})), quote("\""));
    check(of("remoteAddress", json!({"IPs": "1.1.1.1, x\\"})), backslash("x\\"));
    check(of("applicationHostname", json!({"hostNames": "a\""})), quote("a\""));
    check(of("applicationHostname", json!({"hostNames": "a\\b"})), None);
    check(of("default", json!({"rollout": "101", "groupId": "\"", "stickiness": "\\"})), None);
}

#[test]
fn what_follows_a_strategy_for_everyone_is_read_all_the_same() {
    let engine = with_strategies(json!([{"name": "default"}, {"name": "custom", "segments": [1]}]));
    assert_eq!(engine.malformed().len(), 1);
}

#[test]
fn other_features_are_not_affected_and_disabled_ones_are_listed() {
    let bad = json!([{"name": "default", "segments": [1]}]);
    let engine = engine(json!([
        {"name": "z", "enabled": false, "strategies": bad},
        {"name": "b", "enabled": true, "strategies": bad, "variants": [{"name": "a", "weight": 1}]},
        {"name": "a", "enabled": true},
    ]));
    let names: Vec<&str> = engine.malformed().iter().map(|malformed| &*malformed.feature).collect();
    assert_eq!(names, ["b", "z"]);
    assert!(is_on(&engine, "a", ""));
    assert_eq!(resolved(&engine, "b", "", 1), (false, None, Used::default()));
}

#[test]
fn a_bad_segment_harms_those_that_name_it() {
    let segments =
        json!([{"id": 1, "constraints": [{"contextName": "a", "operator": "NOPE", "values": []}]}]);
    let features = json!([
        {"name": "a", "enabled": true, "strategies": [{"name": "default", "segments": [1]}]},
        {"name": "b", "enabled": true, "strategies": [{"name": "default"}]},
    ]);
    let engine = Engine::compile(&environment(features, segments), None);
    assert_eq!(engine.malformed().len(), 1);
    assert!(!is_on(&engine, "a", "") && is_on(&engine, "b", ""));
}
