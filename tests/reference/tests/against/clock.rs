//! Contexts without a time: the clock stands in, in constraints and rollouts, not in variants and overrides.
//!
//! The two sides read two clocks, so the dates are far in the past and in the future.

use brink::evaluate::Context;
use brink::tokens::scope::Projects;
use brink_reference::check::circumstances;
use brink_reference::oracle::Oracle;
use brink_reference::subject::Subject;
use serde_json::{Value, json};

fn dated(name: &str, operator: &str, value: &str, field: &str, inverted: bool) -> Value {
    let constraint =
        json!({"contextName": field, "operator": operator, "value": value, "inverted": inverted});
    json!({"name": name, "enabled": true, "strategies": [{"name": "default", "constraints": [constraint]}]})
}

fn document() -> Value {
    let mut features = Vec::new();
    for operator in ["DATE_AFTER", "DATE_BEFORE", "NUM_GT", "SEMVER_LTE"] {
        for value in ["1999-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
            for field in ["currentTime", "since"] {
                for inverted in [false, true] {
                    let name = format!("{operator} {value} {field} {inverted}");
                    features.push(dated(&name, operator, value, field, inverted));
                }
            }
        }
    }
    for operator in ["STR_STARTS_WITH", "STR_ENDS_WITH", "STR_CONTAINS", "NOT_IN", "IN"] {
        for text in ["2", "Z", "T", "nothing", ""] {
            let constraint = json!({"contextName": "currentTime", "operator": operator, "values": [text]});
            features.push(json!({"name": format!("{operator} {text:?}"), "enabled": true,
                "strategies": [{"name": "default", "constraints": [constraint]}]}));
        }
    }
    let over_ride = json!([{"contextName": "currentTime", "values": [""]}]);
    features.push(json!({"name": "override", "enabled": true, "strategies": [], "variants": [
        {"name": "a", "weight": 0, "stickiness": "userId", "overrides": over_ride}, {"name": "b", "weight": 1}]}));
    let parameters = json!({"rollout": "100", "stickiness": "currentTime", "groupId": "g"});
    features.push(json!({"name": "rollout", "enabled": true,
        "strategies": [{"name": "flexibleRollout", "parameters": parameters}]}));
    json!({"version": 2, "features": features})
}

#[test]
fn far_dates_without_a_time() {
    let document = document();
    let oracle = Oracle::compile(&document).expect("a legal document");
    let mut subject = Subject::compile(&document).expect("a legal document");
    for body in [
        r#"{"userId":"1"}"#,
        r#"{"userId":"1","currentTime":""}"#,
        r#"{"userId":"1","currentTime":"yesterday"}"#,
        r#"{"userId":"1","currentTime":null,"properties":{"currentTime":"1990-01-01T00:00:00Z"}}"#,
        r#"{"userId":"1","currentTime":"1990-01-01T00:00:00Z","since":"2020-01-01T00:00:00Z"}"#,
    ] {
        let theirs = oracle.resolve_all(&serde_json::from_str(body).expect("a legal context"));
        let context = Context::from_json(body.as_bytes()).expect("a legal context");
        for (name, theirs) in theirs {
            let ours = subject.resolve(&name, &context, circumstances(&Projects::All, 1));
            let ours = ours.map(|(answer, _)| answer);
            assert_eq!(ours, Some(theirs), "{name} in {body}");
        }
    }
}

#[test]
fn an_answer_owns_up_to_the_clock() {
    let mut subject = Subject::compile(&document()).expect("a legal document");
    let mut used = |name: &str, body: &str| {
        let context = Context::from_json(body.as_bytes()).expect("a legal context");
        let resolved = subject.resolve(name, &context, circumstances(&Projects::All, 1));
        resolved.map(|(_, used)| (used.draw, used.clock))
    };
    let on_time = "DATE_AFTER 1999-01-01T00:00:00Z currentTime false";
    let on_property = "DATE_AFTER 1999-01-01T00:00:00Z since false";
    assert_eq!(used(on_time, "{}"), Some((false, true)));
    assert_eq!(used(on_time, r#"{"currentTime":"2022-06-15T12:00:00Z"}"#), Some((false, false)));
    assert_eq!(used(on_property, "{}"), Some((false, false)));
    assert_eq!(used("rollout", r#"{"currentTime":"x"}"#), Some((false, false)));
}
