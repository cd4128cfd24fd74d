//! Choosing variants (evaluation.md 9, 10, 16).

use super::*;

fn with_variants(variants: Value) -> Engine {
    engine(json!([{"name": "g", "enabled": true, "variants": variants}]))
}

#[track_caller]
fn check(engine: &Engine, query: &str, expected: Option<&str>) {
    assert_eq!(
        resolved(engine, "g", query, 1),
        (true, expected.map(str::to_owned), Used::default()),
        "{query}"
    );
}

fn weights(pairs: &[(&str, i64)]) -> Value {
    pairs
        .iter()
        .map(|(name, weight)| json!({"name": name, "weight": weight, "stickiness": "userId"}))
        .collect()
}

#[test]
fn by_weight() {
    let thirds = with_variants(weights(&[("a", 1), ("b", 1), ("c", 1)]));
    check(&thirds, "userId=1", Some("a"));
    check(&thirds, "userId=", Some("c"));
    let halves = with_variants(weights(&[("a", 500), ("b", 500)]));
    check(&halves, "userId=1", Some("b"));
    check(&with_variants(weights(&[("z", 0), ("a", 719), ("y", 0), ("b", 281)])), "userId=1", Some("b"));
    check(&with_variants(weights(&[("z", 0), ("a", 720), ("y", 0), ("b", 280)])), "userId=1", Some("a"));
    check(&with_variants(weights(&[("z", 0), ("a", 7), ("y", 0)])), "", Some("a"));
    check(&with_variants(json!([])), "userId=1", None);
}

#[test]
fn weights_that_add_up_to_nothing_give_the_disabled_variant() {
    for weights in [weights(&[("a", 0)]), weights(&[("a", 0), ("b", 0)]), weights(&[("a", -5)])] {
        check(&with_variants(weights), "userId=1", None);
    }
    check(&with_variants(weights(&[("a", -5), ("b", 1), ("c", -1)])), "userId=1", Some("b"));
}

#[test]
fn huge_weights_do_not_overflow() {
    let engine = with_variants(json!([{"name": "a", "weight": u64::MAX}, {"name": "b", "weight": u64::MAX}]));
    assert_eq!(variant(&engine, "g", "userId=1").as_deref(), Some("a"));
}

#[test]
fn overrides_beat_weights() {
    let engine = with_variants(json!([
        {"name": "a", "weight": 0, "overrides": [{"contextName": "userId", "values": ["7"]}, {"contextName": "plan", "values": ["x", ""]}]},
        {"name": "b", "weight": 1, "overrides": [{"contextName": "userId", "values": ["7", "9"]}]},
        {"name": "c", "weight": 0, "overrides": [{"contextName": "currentTime", "values": ["2024-05-01T12:30:00Z"]}]},
    ]));
    check(&engine, "userId=7", Some("a"));
    check(&engine, "userId=9&plan=x", Some("a"));
    check(&engine, "userId=9&plan=", Some("a"));
    check(&engine, "userId=9", Some("b"));
    check(&engine, "userId=8", Some("b"));
    // The clock does not stand in here.
    check(&engine, "", Some("b"));
    check(&engine, "currentTime=2024-05-01T12:30:00Z", Some("c"));
    let nothing = with_variants(
        json!([{"name": "a", "weight": 0, "overrides": [{"contextName": "userId", "values": ["7"]}]}]),
    );
    check(&nothing, "userId=7", Some("a"));
    check(&nothing, "userId=8", None);
}

#[test]
fn the_first_match_decides() {
    let red = json!([{"name": "red", "weight": 1}]);
    let own = json!([{"name": "own", "weight": 1}]);
    let of = |strategies: Value, variants: Value| {
        engine(json!([{"name": "g", "enabled": true, "strategies": strategies, "variants": variants}]))
    };
    let only_7 = json!({"name": "userWithId", "parameters": {"userIds": "7"}, "variants": red});
    let everyone = json!({"name": "default"});
    check(&of(json!([only_7, everyone]), own.clone()), "userId=7", Some("red"));
    check(&of(json!([only_7, everyone]), own.clone()), "userId=8", Some("own"));
    check(&of(json!([everyone, only_7]), json!([])), "userId=7", None);
    check(&of(json!([everyone, only_7]), own), "userId=7", Some("own"));
}

#[test]
fn strategy_variants_stick_as_the_parameters_say() {
    let variants = json!([{"name": "a", "weight": 1, "stickiness": "plan"}, {"name": "b", "weight": 1, "stickiness": "plan"}]);
    let of = |parameters: Value| {
        let strategy = json!({"name": "default", "parameters": parameters, "variants": variants});
        engine(json!([{"name": "g", "enabled": true, "strategies": [strategy]}]))
    };
    // With group `g`, modulus 2: hash of g:1 is odd.
    let by_user = variant(&of(json!({"stickiness": "userId"})), "g", "userId=1&plan=2");
    let by_default = variant(&of(json!({})), "g", "userId=1&plan=2");
    let grouped = of(json!({"stickiness": "tenant", "groupId": "g"}));
    assert_eq!(by_user, by_default);
    assert_eq!(variant(&grouped, "g", "tenant=1"), by_user);
    assert!(!resolved(&grouped, "g", "tenant=1", 1).2.draw);
    assert!(resolved(&grouped, "g", "userId=1", 1).2.draw);
}

#[test]
fn stickiness_of_variants() {
    let with = |stickiness: &str| {
        with_variants(
            json!([{"name": "a", "weight": 1, "stickiness": stickiness}, {"name": "b", "weight": 1, "stickiness": "userId"}]),
        )
    };
    for (stickiness, query, draws) in [
        ("default", "userId=1", false),
        ("default", "sessionId=1", false),
        ("default", "", true),
        ("random", "userId=1", true),
        ("random", "random=1", false),
        ("appName", "appName=x", false),
        ("appName", "userId=1", true),
        ("currentTime", "currentTime=2024-05-01T12:30:00Z", true),
        ("tenant", "tenant=x", false),
        ("tenant", "userId=1", true),
        ("", "=1", false),
    ] {
        let used = Used { draw: draws, clock: false };
        assert_eq!(resolved(&with(stickiness), "g", query, 1).2, used, "{stickiness} {query}");
    }
}

#[test]
fn draws_follow_the_weights() {
    let engine = with_variants(
        json!([{"name": "a", "weight": 1}, {"name": "b", "weight": 2}, {"name": "c", "weight": 7}]),
    );
    for (name, expected) in [("a", 0.1), ("b", 0.2), ("c", 0.7)] {
        let found = share(|seed| resolved(&engine, "g", "", seed).1.as_deref() == Some(name));
        assert!((found - expected).abs() < 0.035, "{name} {found}");
    }
}

#[test]
fn a_feature_that_is_off_has_none() {
    let variants = weights(&[("a", 1)]);
    let engine = engine(json!([{"name": "g", "enabled": false, "variants": variants}]));
    assert_eq!(resolved(&engine, "g", "userId=1", 1), (false, None, Used::default()));
}
