//! Compiling after a change gives the same as compiling from nothing, and a scratch keeps nothing.

use super::*;
use proptest::prelude::*;

fn answer(engine: &Engine, query: &str, scratch: &mut Scratch) -> (String, String) {
    let context = context(query);
    let ask = Ask { context: &context, projects: &Projects::All, now_unix_ms: NOW_UNIX_MS, seed: 1 };
    let (mut enabled, mut all) = (Vec::new(), Vec::new());
    engine.write_enabled(&ask, scratch, &mut enabled);
    engine.write_all(&ask, scratch, &mut all);
    (String::from_utf8(enabled).expect("UTF-8"), String::from_utf8(all).expect("UTF-8"))
}

fn constraint() -> impl Strategy<Value = Value> {
    let operator = prop::sample::select(vec!["IN", "NOT_IN", "STR_CONTAINS", "REGEX", "NUM_GT", "NOPE"]);
    let values = prop::collection::vec(prop::sample::select(vec!["1", "2", "a", "B"]), 1..3);
    (operator, prop::sample::select(vec!["userId", "plan", "country"]), values, any::<bool>(), any::<bool>()).prop_map(
        |(operator, name, values, inverted, folded)| {
            json!({"contextName": name, "operator": operator, "values": values, "value": values[0], "inverted": inverted,
                   "caseInsensitive": folded})
        },
    )
}

fn feature() -> impl Strategy<Value = Value> {
    let strategy = (
        prop::sample::select(vec!["default", "userWithId", "flexibleRollout", "custom"]),
        prop::collection::vec(constraint(), 0..3),
        prop::collection::vec(1..4_i64, 0..2),
        0..3_i64,
    )
        .prop_map(|(name, constraints, segments, variants)| {
            let variants: Vec<Value> =
                (0..variants).map(|at| json!({"name": format!("v{at}"), "weight": at})).collect();
            json!({"name": name, "constraints": constraints, "segments": segments, "variants": variants,
                   "parameters": {"rollout": "50", "userIds": "1,a", "groupId": "g"}})
        });
    ("[a-d]", any::<bool>(), prop::collection::vec(strategy, 0..3), prop::collection::vec("[a-d]", 0..2))
        .prop_map(|(name, enabled, strategies, parents)| {
            let dependencies: Vec<Value> = parents.iter().map(|parent| json!({"feature": parent})).collect();
            json!({"name": name, "enabled": enabled, "strategies": strategies, "dependencies": dependencies})
        })
}

fn document() -> impl Strategy<Value = (Vec<Value>, Vec<Value>)> {
    let segment = (1..4_i64, prop::collection::vec(constraint(), 0..2))
        .prop_map(|(id, constraints)| json!({"id": id, "constraints": constraints}));
    (prop::collection::vec(feature(), 0..6), prop::collection::vec(segment, 0..3))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_series_of_changes_equals_a_rebuild(documents in prop::collection::vec(document(), 1..4)) {
        let mut engine = Engine::default();
        let mut shared = Scratch::default();
        for (features, segments) in documents {
            let environment = environment(features.into(), segments.into());
            engine = Engine::compile(&environment, Some(&engine));
            let rebuilt = Engine::compile(&environment, None);
            prop_assert_eq!(engine.malformed(), rebuilt.malformed());
            prop_assert!(engine.names().eq(rebuilt.names()));
            for query in ["userId=1", "userId=2&plan=a", "plan=B&country=1&sessionId=x", "userId=b&plan=AB"] {
                prop_assert_eq!(answer(&engine, query, &mut shared), answer(&rebuilt, query, &mut Scratch::default()));
            }
        }
    }
}

#[test]
fn a_segment_that_comes_changes_or_goes_counts() {
    let features =
        || json!([{"name": "g", "enabled": true, "strategies": [{"name": "default", "segments": [1]}]}]);
    let segment = |plan: &str| json!([{"id": 1, "constraints": [{"contextName": "plan", "operator": "IN", "values": [plan]}]}]);
    let mut engine = Engine::compile(&environment(features(), json!([])), None);
    assert!(!is_on(&engine, "g", "plan=a"));
    for (segments, is_on_for_a) in
        [(segment("a"), true), (segment("b"), false), (json!([]), false), (segment("a"), true)]
    {
        engine = Engine::compile(&environment(features(), segments), Some(&engine));
        assert_eq!(is_on(&engine, "g", "plan=a"), is_on_for_a);
    }
}

#[test]
fn patterns_are_matched_again_after_a_change() {
    let of = |pattern: &str, operator: &str| {
        let constraint =
            json!({"contextName": "plan", "operator": operator, "value": pattern, "values": ["x"]});
        environment(
            json!([{"name": "g", "enabled": true, "strategies": [{"name": "default", "constraints": [constraint]}]}]),
            json!([]),
        )
    };
    let mut scratch = Scratch::default();
    let mut engine = Engine::default();
    for (pattern, expected) in [("^a", true), ("^b", false), ("^a", true), ("a$", false), ("^a|b$", true)] {
        engine = Engine::compile(&of(pattern, "REGEX"), Some(&engine));
        assert_eq!(answer(&engine, "plan=ab", &mut scratch).0.contains("\"g\""), expected, "{pattern}");
    }
}
