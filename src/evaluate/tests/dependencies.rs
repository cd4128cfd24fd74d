//! Parents (evaluation.md 11).

use super::*;

/// The child `c` of a parent `p`, and whether it is on.
#[track_caller]
fn check(parent: Value, dependency: Value, expected: bool) {
    let features = json!([{"name": "c", "enabled": true, "dependencies": [dependency]}, {"name": "g", "enabled": true}, parent]);
    let engine = engine(features);
    assert_eq!(is_on(&engine, "c", "userId=1"), expected, "{parent} {dependency}");
}

fn parent(enabled: bool, variants: Value) -> Value {
    json!({"name": "p", "enabled": enabled, "variants": variants})
}

fn red() -> Value {
    json!([{"name": "a", "weight": 1}])
}

#[test]
fn as_the_contract_says() {
    let on = || parent(true, json!([]));
    check(on(), json!({"feature": "p"}), true);
    check(on(), json!({"feature": "p", "enabled": false}), false);
    check(parent(false, json!([])), json!({"feature": "p", "enabled": false}), true);
    check(parent(false, json!([])), json!({"feature": "p"}), false);
    check(on(), json!({"feature": "missing", "enabled": false}), false);
    let chained = json!({"name": "p", "enabled": true, "dependencies": [{"feature": "g"}]});
    check(chained, json!({"feature": "p"}), false);
    check(on(), json!({"feature": "c"}), false);
    check(parent(true, red()), json!({"feature": "p", "variants": ["a"]}), true);
    check(parent(true, red()), json!({"feature": "p", "variants": ["b"]}), false);
    check(parent(true, red()), json!({"feature": "p", "variants": ["disabled"]}), false);
    check(parent(true, red()), json!({"feature": "p", "variants": []}), true);
    check(on(), json!({"feature": "p", "variants": ["b"]}), true);
    check(parent(false, red()), json!({"feature": "p", "enabled": false, "variants": ["b"]}), false);
    check(parent(false, red()), json!({"feature": "p", "enabled": false, "variants": ["a"]}), true);
}

#[test]
fn a_malformed_parent_is_off_and_has_its_own_variants() {
    let strategies = json!([{"name": "default", "segments": [9], "variants": [{"name": "s", "weight": 1}]}]);
    let malformed = json!({"name": "p", "enabled": true, "strategies": strategies, "variants": red()});
    check(malformed.clone(), json!({"feature": "p"}), false);
    check(malformed.clone(), json!({"feature": "p", "enabled": false, "variants": ["a"]}), true);
    check(malformed, json!({"feature": "p", "enabled": false, "variants": ["s"]}), false);
}

#[test]
fn a_parent_that_does_not_match_still_has_its_own_variants() {
    let strategies = json!([{"name": "userWithId", "parameters": {"userIds": "2"}, "variants": [{"name": "s", "weight": 1}]}]);
    let parent = json!({"name": "p", "enabled": true, "strategies": strategies, "variants": red()});
    check(parent.clone(), json!({"feature": "p", "enabled": false, "variants": ["a"]}), true);
    check(parent, json!({"feature": "p", "enabled": false, "variants": ["s"]}), false);
}

#[test]
fn cycles_are_off() {
    let engine = engine(json!([
        {"name": "a", "enabled": true, "dependencies": [{"feature": "b"}]},
        {"name": "b", "enabled": true, "dependencies": [{"feature": "a"}]},
        {"name": "c", "enabled": true, "dependencies": [{"feature": "c"}]},
    ]));
    for name in ["a", "b", "c"] {
        assert!(!is_on(&engine, name, ""), "{name}");
    }
}

#[test]
fn all_have_to_hold() {
    let dependencies = json!([{"feature": "p"}, {"feature": "q", "enabled": false}]);
    let of = |q: bool| {
        engine(json!([
            {"name": "c", "enabled": true, "dependencies": dependencies},
            {"name": "p", "enabled": true}, {"name": "q", "enabled": q},
        ]))
    };
    assert!(is_on(&of(false), "c", ""));
    assert!(!is_on(&of(true), "c", ""));
}

#[test]
fn a_rollout_without_group_hashes_with_the_name_of_the_child() {
    let strategy = |parameters: Value| json!([{"name": "flexibleRollout", "parameters": parameters}]);
    let nameless = strategy(json!({"rollout": "60", "stickiness": "userId"}));
    let named = strategy(json!({"rollout": "60", "stickiness": "userId", "groupId": "p"}));
    // For userId 1, `g` is at 85, and the empty name at 60.
    let engine_of = |strategies: &Value| {
        engine(json!([
            {"name": "", "enabled": true, "dependencies": [{"feature": "g"}]},
            {"name": "g", "enabled": true, "strategies": strategies},
        ]))
    };
    let engine = engine_of(&nameless);
    assert!(!is_on(&engine, "g", "userId=1"));
    assert!(is_on(&engine, "", "userId=1"));
    let engine = engine_of(&named);
    assert_eq!(is_on(&engine, "", "userId=1"), is_on(&engine, "g", "userId=1"));
}

#[test]
fn a_draw_for_a_parent_is_reported() {
    let strategies = json!([{"name": "gradualRolloutRandom", "parameters": {"percentage": "50"}}]);
    let engine = engine(json!([
        {"name": "c", "enabled": true, "dependencies": [{"feature": "p"}]},
        {"name": "p", "enabled": true, "strategies": strategies},
    ]));
    assert!(resolved(&engine, "c", "", 1).2.draw);
}
