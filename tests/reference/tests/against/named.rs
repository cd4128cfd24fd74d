//! Single cases: brink's own rules where it means to differ, and cases random states rarely reach.

use brink::evaluate::Context;
use brink::tokens::scope::Projects;
use brink_reference::answer::Answer;
use brink_reference::check::circumstances;
use brink_reference::oracle::Oracle;
use brink_reference::subject::Subject;
use serde_json::{Value, json};

fn ours(feature: &Value, context: &Value) -> Answer {
    let document = json!({"version": 2, "features": [feature]});
    let mut subject = Subject::compile(&document).expect("a legal document");
    let context = Context::from_json(context.to_string().as_bytes()).expect("a legal context");
    let resolved = subject.resolve("f", &context, circumstances(&Projects::All, 1));
    resolved.expect("the feature is there").0
}

fn theirs(feature: &Value, context: &Value) -> Answer {
    let document = json!({"version": 2, "features": [feature]});
    let oracle = Oracle::compile(&document).expect("a legal document");
    let context = serde_json::from_value(context.clone()).expect("a legal context");
    oracle.resolve("f", &context).expect("the feature is there")
}

fn constrained(constraint: Value) -> Value {
    json!({"name": "f", "enabled": true, "strategies": [{"name": "default", "constraints": [constraint]}]})
}

fn with_weights(weights: &[i64]) -> Value {
    let variant = |(at, weight): (usize, &i64)| json!({"name": at.to_string(), "weight": weight, "stickiness": "userId"});
    let variants: Vec<Value> = weights.iter().enumerate().map(variant).collect();
    json!({"name": "f", "enabled": true, "strategies": [], "variants": variants})
}

/// The reference crashes; brink keeps the feature on, with the disabled variant.
#[test]
fn weights_that_add_up_to_nothing() {
    for weights in [&[0][..], &[0, 0], &[-1, 0], &[-5, -7]] {
        for context in [json!({"userId": "1"}), json!({})] {
            let answer = ours(&with_weights(weights), &context);
            assert_eq!((answer.enabled, answer.variant.as_str()), (true, "disabled"), "{weights:?}");
        }
    }
}

/// The reference wraps around; brink counts a negative weight as 0.
#[test]
fn negative_weights_count_as_nothing() {
    for user in 0..50 {
        let context = json!({"userId": user.to_string()});
        assert_eq!(ours(&with_weights(&[-3, 1]), &context).variant, "1");
        let theirs = theirs(&with_weights(&[0, 3, 7]), &context).variant;
        assert_eq!(ours(&with_weights(&[-9, 3, 7]), &context).variant, theirs);
    }
}

/// The largest weights there can be, up to a sum that just fits 32 bits.
#[test]
fn large_weights() {
    let largest = i64::from(i32::MAX);
    for weights in [&[largest, largest, 1][..], &[0, largest], &[1, largest, 0, largest], &[1, 1_000_000_000]]
    {
        for user in 0..50 {
            let context = json!({"userId": user.to_string()});
            assert_eq!(ours(&with_weights(weights), &context), theirs(&with_weights(weights), &context));
        }
    }
}

/// A document may have larger weights than the reference can read, in sum or alone.
#[test]
fn weights_beyond_32_bits() {
    for weights in [&[i64::MAX, i64::MAX, 1][..], &[0, i64::MAX], &[i64::MIN, 5_000_000_000]] {
        let answer = ours(&with_weights(weights), &json!({"userId": "1"}));
        assert!(answer.enabled && answer.variant_enabled, "{weights:?}");
    }
}

/// The reference takes it for a part of its rule; for brink the feature is malformed.
#[test]
fn rule_text_in_a_value_is_malformed() {
    let smuggled = constrained(json!({"contextName": "age", "operator": "NUM_EQ", "value": "5 or true"}));
    assert!(theirs(&smuggled, &json!({})).enabled);
    assert!(!ours(&smuggled, &json!({"age": "5"})).enabled);
}

/// The build part of a version has no influence, as in engine 0.21.5 and later.
#[test]
fn builds_of_a_version_are_equal() {
    let equal = constrained(json!({"contextName": "version", "operator": "SEMVER_EQ", "value": "1.2.3+b1"}));
    for version in ["1.2.3", "1.2.3+b2"] {
        let context = json!({"version": version});
        assert!(theirs(&equal, &context).enabled && ours(&equal, &context).enabled);
    }
}

/// A pattern beyond the size limit matches nothing, on both sides.
#[test]
fn a_pattern_that_is_too_large() {
    for inverted in [false, true] {
        let constraint = json!({"contextName": "plan", "operator": "REGEX", "value": "(?:\\pL{900}){900}", "inverted": inverted});
        let context = json!({"plan": "a"});
        let (ours, theirs) =
            (ours(&constrained(constraint.clone()), &context), theirs(&constrained(constraint), &context));
        assert_eq!(ours, theirs);
        assert_eq!(ours.enabled, inverted);
    }
}
