//! Strategies, segments, stickiness of rollouts, the clock (evaluation.md 4, 5, 7, 9, 15).

use super::*;

#[track_caller]
fn check(name: &str, parameters: Value, cases: &[(&str, bool)]) {
    let engine = with_strategies(json!([{"name": name, "parameters": parameters}]));
    assert_eq!(engine.malformed(), [], "{name} {parameters}");
    for (query, expected) in cases {
        assert_eq!(is_on(&engine, "g", query), *expected, "{name} {parameters} {query}");
    }
}

#[test]
fn features() {
    let engine = engine(json!([
        {"name": "off", "enabled": false},
        {"name": "none", "enabled": true},
        {"name": "empty", "enabled": true, "strategies": []},
        {"name": "null", "enabled": true, "strategies": null},
        {"name": "never", "enabled": true, "strategies": [{"name": "custom"}]},
        {"name": "two", "enabled": true, "strategies": [{"name": "custom"}, {"name": "default"}]},
    ]));
    for (name, expected) in
        [("off", false), ("none", true), ("empty", true), ("null", true), ("never", false), ("two", true)]
    {
        assert_eq!(is_on(&engine, name, ""), expected, "{name}");
    }
}

#[test]
fn plain_ones() {
    check("default", json!({"rollout": "0"}), &[("", true)]);
    check("Default", json!({}), &[("", false)]);
    check("applicationHostname", json!({"hostNames": "a,b"}), &[("", false)]);
    check(
        "userWithId",
        json!({"userIds": "1, 2 ,3"}),
        &[("userId=2", true), ("userId=4", false), ("", false)],
    );
    check("userWithId", json!({"userIds": ""}), &[("userId=", true), ("", false)]);
    check("userWithId", json!({"userIds": "a\"b,c\\d"}), &[("userId=a\"b", true), ("userId=c\\d", true)]);
    check("userWithId", json!({}), &[("userId=", false)]);
    check(
        "remoteAddress",
        json!({"IPs": "bad, 10.0.0.0/8,,"}),
        &[
            ("remoteAddress=10.0.0.1", true),
            ("remoteAddress=11.0.0.1", false),
            ("remoteAddress=", false),
            ("", false),
        ],
    );
    check("remoteAddress", json!({}), &[("remoteAddress=10.0.0.1", false)]);
}

#[test]
fn rollouts() {
    let rollout = |rollout: &str, stickiness: &str| json!({"rollout": rollout, "stickiness": stickiness, "groupId": "g"});
    check(
        "flexibleRollout",
        rollout("50", "userId"),
        &[("userId=1", false), ("userId=2", true), ("", false)],
    );
    check("flexibleRollout", rollout("85", "userId"), &[("userId=1", true)]);
    check("flexibleRollout", rollout("84", "userId"), &[("userId=1", false)]);
    check("flexibleRollout", rollout("99", "userId"), &[("userId=1", true)]);
    check("flexibleRollout", rollout("100", "userId"), &[("", false), ("userId=1", true)]);
    check("flexibleRollout", rollout("100", "default"), &[("", true)]);
    check("flexibleRollout", rollout("100", "random"), &[("", true)]);
    check("flexibleRollout", rollout("100", "tenant"), &[("userId=1", false), ("tenant=1", true)]);
    check("flexibleRollout", rollout("100", ""), &[("userId=1", false), ("=1", true)]);
    check("flexibleRollout", rollout("0", "userId"), &[("userId=2", false)]);
    check("flexibleRollout", rollout("050", "userId"), &[("userId=2", true)]);
    check("flexibleRollout", rollout("+50", "userId"), &[("userId=2", true)]);
    for odd in ["50.0", " 50", "50%", "-1", "", "99999999999999999999"] {
        check("flexibleRollout", rollout(odd, "userId"), &[("userId=2", false)]);
    }
    check("flexibleRollout", json!({}), &[("userId=2", false)]);
    check(
        "flexibleRollout",
        rollout("50", "default"),
        &[("userId=2&sessionId=1", true), ("sessionId=2", true), ("userId=1&sessionId=2", false)],
    );
    // The empty text is hashed (64), and the session is not tried.
    check("flexibleRollout", rollout("63", "default"), &[("userId=&sessionId=2", false)]);
    check("flexibleRollout", rollout("64", "default"), &[("userId=", true)]);
}

#[test]
fn the_group_is_the_name_only_if_it_is_missing() {
    check("flexibleRollout", json!({"rollout": "84", "stickiness": "userId"}), &[("userId=1", false)]);
    check("flexibleRollout", json!({"rollout": "85", "stickiness": "userId"}), &[("userId=1", true)]);
    check(
        "flexibleRollout",
        json!({"rollout": "60", "stickiness": "userId", "groupId": ""}),
        &[("userId=1", true)],
    );
    check(
        "flexibleRollout",
        json!({"rollout": "59", "stickiness": "userId", "groupId": ""}),
        &[("userId=1", false)],
    );
}

#[test]
fn gradual_rollouts() {
    for (name, id) in [("gradualRolloutUserId", "userId"), ("gradualRolloutSessionId", "sessionId")] {
        let parameters = json!({"percentage": "50", "groupId": "g"});
        let (in_it, out_of_it) = (format!("{id}=2"), format!("{id}=1"));
        check(name, parameters, &[(&in_it, true), (&out_of_it, false), ("", false)]);
        check(name, json!({"percentage": "100"}), &[(&in_it, false)]);
        check(name, json!({"groupId": "g"}), &[(&in_it, false)]);
    }
    for (percentage, expected) in
        [("0", false), ("1", false), ("100", true), ("300", true), ("x", false), ("", false)]
    {
        check("gradualRolloutRandom", json!({"percentage": percentage}), &[("", expected)]);
    }
    check("gradualRolloutRandom", json!({}), &[("", false)]);
}

#[test]
fn draws_are_fair_and_reported() {
    let half = with_strategies(json!([{"name": "gradualRolloutRandom", "parameters": {"percentage": "50"}}]));
    let found = share(|seed| resolved(&half, "g", "", seed).0);
    assert!((found - 49.0 / 99.0).abs() < 0.035, "{found}");
    for stickiness in ["random", "default"] {
        let parameters = json!({"rollout": "25", "stickiness": stickiness, "groupId": "g"});
        let engine = with_strategies(json!([{"name": "flexibleRollout", "parameters": parameters}]));
        let found = share(|seed| resolved(&engine, "g", "", seed).0);
        assert!((found - 0.25).abs() < 0.035, "{stickiness} {found}");
        assert!(resolved(&engine, "g", "", 1).2.draw);
        assert_eq!(resolved(&engine, "g", "userId=1", 1).2.draw, stickiness == "random");
    }
}

#[test]
fn constraints_and_segments_all_have_to_hold() {
    let segments = json!([
        {"id": 2, "constraints": [{"contextName": "plan", "operator": "IN", "values": ["team"]}]},
        {"id": 3, "constraints": []},
    ]);
    let strategy = json!({"name": "default", "segments": [2, 3, 2],
                          "constraints": [{"contextName": "country", "operator": "IN", "values": ["NO"]}]});
    let features = json!([{"name": "g", "enabled": true, "strategies": [strategy], "segments": [9]}]);
    let engine = Engine::compile(&environment(features, segments), None);
    for (query, expected) in [
        ("plan=team&country=NO", true),
        ("plan=team", false),
        ("country=NO", false),
        ("plan=x&country=NO", false),
    ] {
        assert_eq!(is_on(&engine, "g", query), expected, "{query}");
    }
}

#[test]
fn constraints_that_need_no_context() {
    let constraint = |operator: &str, inverted: bool| json!({"contextName": "a", "operator": operator, "values": [], "inverted": inverted});
    for (constraint, expected) in [
        (constraint("IN", false), false),
        (constraint("IN", true), true),
        (constraint("NOT_IN", false), true),
        (constraint("NOT_IN", true), false),
    ] {
        let engine = with_strategies(json!([{"name": "default", "constraints": [constraint]}]));
        assert_eq!(is_on(&engine, "g", "a=1"), expected);
    }
}

#[test]
fn the_clock_stands_in_for_a_missing_time_only() {
    let after =
        |value: &str| json!([{"contextName": "currentTime", "operator": "DATE_AFTER", "value": value}]);
    let engine = |value: &str| with_strategies(json!([{"name": "default", "constraints": after(value)}]));
    let clock = Used { draw: false, clock: true };
    assert_eq!(resolved(&engine("2024-05-01T12:29:59Z"), "g", "", 1), (true, None, clock));
    // Whole seconds: the 123 milliseconds do not count.
    assert_eq!(resolved(&engine("2024-05-01T12:30:00Z"), "g", "", 1), (false, None, clock));
    let past = engine("2020-01-01T00:00:00Z");
    for (query, expected) in
        [("currentTime=2021-01-01T00:00:00Z", true), ("currentTime=soon", false), ("currentTime=", false)]
    {
        assert_eq!(resolved(&past, "g", query, 1), (expected, None, Used::default()), "{query}");
    }
    let sticky =
        json!([{"name": "flexibleRollout", "parameters": {"rollout": "99", "stickiness": "currentTime"}}]);
    assert!(resolved(&with_strategies(sticky), "g", "", 1).2.clock);
}

#[test]
fn every_operator_reads_the_context() {
    let on = |operator: &str, operand: Value, extra: &str, query: &str| {
        let key = if operand.is_array() { "values" } else { "value" };
        let mut constraint = json!({"contextName": "f", "operator": operator, key: operand});
        constraint["caseInsensitive"] = json!(extra.contains('i'));
        constraint["inverted"] = json!(extra.contains('!'));
        is_on(&with_strategies(json!([{"name": "default", "constraints": [constraint]}])), "g", query)
    };
    assert!(on("STR_CONTAINS", json!(["\u{c6}R"]), "i", "f=L\u{e6}rling"));
    assert!(!on("STR_CONTAINS", json!(["\u{c6}R"]), "", "f=L\u{e6}rling"));
    assert!(on("STR_ENDS_WITH", json!(["\u{3c2}"]), "i", "f=\u{39f}\u{3a3}"));
    assert!(on("REGEX", json!("^b+$"), "i", "f=bBb"));
    assert!(on("REGEX", json!("^b+$"), "!", ""));
    assert!(on("IN_CIDR", json!(["10.0.0.0/8"]), "", "f=10.1.1.1"));
    assert!(on("NUM_GT", json!("5"), "", "f=6"));
    assert!(on("NUM_GT", json!("5"), "!", "f=abc"));
    assert!(on("NOT_IN", json!(["a"]), "", ""));
    assert!(!on("SEMVER_EQ", json!("v1.2.3"), "!", "f=1"));
}
