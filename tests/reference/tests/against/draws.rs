//! Random draws: what cannot be compared answer by answer has the right shares.
//!
//! Each construct is drawn with a fixed row of seeds, so the test never fails by chance.

use brink::evaluate::Context;
use brink::tokens::scope::Projects;
use brink_reference::answer::Answer;
use brink_reference::check::circumstances;
use brink_reference::dice::Dice;
use brink_reference::subject::Subject;
use serde_json::{Value, json};
use unleash_yggdrasil::strategy_parsing::normalized_hash;

const DRAWS: usize = 20_000;
/// Draws of a rollout with random stickiness are whole numbers from 1 to this.
const LARGEST_DRAW: u32 = 9_999;

/// Compares the share of draws for which `holds` with the expectation, within four standard errors.
#[track_caller]
fn check(feature: Value, expected: f64, holds: impl Fn(&Answer) -> bool) {
    let document = json!({"version": 2, "features": [feature]});
    let mut subject = Subject::compile(&document).expect("a legal document");
    let context = Context::from_json(b"{\"properties\":{}}").expect("a legal context");
    let mut dice = Dice::seeded(7);
    let mut held = 0;
    for _ in 0..DRAWS {
        let circumstances = circumstances(&Projects::All, dice.seed());
        let (answer, used) = subject.resolve("f", &context, circumstances).expect("the feature is there");
        assert!(used.draw, "a draw was not owned up to: {document}");
        held += usize::from(holds(&answer));
    }
    let share = held as f64 / DRAWS as f64;
    let error = (expected * (1.0 - expected) / DRAWS as f64).sqrt();
    assert!((share - expected).abs() <= 4.0 * error, "{share} instead of {expected}: {document}");
}

/// The share of draws within a rollout of this percentage.
fn rollout_share(group: &str, percentage: u32) -> f64 {
    let is_within = |draw: &u32| {
        let hash = normalized_hash(group, &draw.to_string(), 100, 0).expect("hashing a text cannot fail");
        hash <= percentage
    };
    (1..=LARGEST_DRAW).filter(is_within).count() as f64 / f64::from(LARGEST_DRAW)
}

fn feature(strategies: Value, variants: Value) -> Value {
    json!({"name": "f", "enabled": true, "strategies": strategies, "variants": variants})
}

fn rollout(percentage: u32, stickiness: &str, group: &str) -> Value {
    let parameters = json!({"rollout": percentage.to_string(), "stickiness": stickiness, "groupId": group});
    json!({"name": "flexibleRollout", "parameters": parameters})
}

fn random(percentage: u32) -> Value {
    json!({"name": "gradualRolloutRandom", "parameters": {"percentage": percentage.to_string()}})
}

fn variants(stickiness: &str) -> Value {
    json!([
        {"name": "a", "weight": 1, "stickiness": stickiness},
        {"name": "b", "weight": 2},
        {"name": "c", "weight": 7},
    ])
}

#[test]
fn rollouts() {
    for percentage in [5, 50, 95] {
        for (stickiness, group) in [("random", "group"), ("random", "søk"), ("default", "group")] {
            let strategies = json!([rollout(percentage, stickiness, group)]);
            check(feature(strategies, json!([])), rollout_share(group, percentage), |answer| answer.enabled);
        }
    }
}

#[test]
fn rollouts_without_a_group_hash_the_name() {
    let strategy =
        json!({"name": "flexibleRollout", "parameters": {"rollout": "50", "stickiness": "random"}});
    check(feature(json!([strategy]), json!([])), rollout_share("f", 50), |answer| answer.enabled);
}

#[test]
fn gradual_rollouts_draw_from_1_to_99() {
    for (percentage, lower) in [(2, 1), (50, 49), (99, 98)] {
        let expected = f64::from(lower) / 99.0;
        check(feature(json!([random(percentage)]), json!([])), expected, |answer| answer.enabled);
    }
}

#[test]
fn gradual_rollouts_of_nearly_nothing_and_of_everything() {
    let mut dice = Dice::seeded(9);
    for (percentage, expected) in [(0, false), (1, false), (100, true), (101, true)] {
        let document = json!({"version": 2, "features": [feature(json!([random(percentage)]), json!([]))]});
        let mut subject = Subject::compile(&document).expect("a legal document");
        let context = Context::from_json(b"{}").expect("a legal context");
        for _ in 0..2_000 {
            let circumstances = circumstances(&Projects::All, dice.seed());
            let answer = subject.resolve("f", &context, circumstances).map(|(answer, _)| answer.enabled);
            assert_eq!(answer, Some(expected), "{percentage}");
        }
    }
}

#[test]
fn variants_follow_their_weights() {
    for stickiness in ["random", "default", "absent", "userId", "currentTime"] {
        for (name, expected) in [("a", 0.1), ("b", 0.2), ("c", 0.7)] {
            let of_feature = feature(json!([]), variants(stickiness));
            check(of_feature, expected, |answer| answer.variant == name);
            let parameters = json!({"stickiness": stickiness});
            let strategy = json!({"name": "default", "parameters": parameters, "variants": variants("")});
            let of_strategy = feature(json!([strategy]), json!([]));
            check(of_strategy, expected, |answer| answer.variant == name);
        }
    }
}

#[test]
fn draws_of_one_request_are_independent() {
    let half = 49.0 / 99.0;
    let twice = feature(json!([random(50), random(50)]), json!([]));
    check(twice, 1.0 - (1.0 - half) * (1.0 - half), |answer| answer.enabled);
    let same_rule = feature(json!([rollout(50, "random", "g"), rollout(50, "random", "g")]), json!([]));
    let share = rollout_share("g", 50);
    check(same_rule, 1.0 - (1.0 - share) * (1.0 - share), |answer| answer.enabled);
    let with_variant = feature(json!([random(50)]), variants("random"));
    check(with_variant, half * 0.7, |answer| answer.variant == "c");
}

/// The reference draws once for on or off and once more for the variant; brink's variant comes from the
/// strategy that turned the feature on.
#[test]
fn the_strategy_that_matched_gives_the_variant() {
    let mut with_variants = random(50);
    with_variants["variants"] = json!([{"name": "a", "weight": 1}]);
    let first = feature(json!([with_variants, {"name": "default"}]), json!([{"name": "b", "weight": 1}]));
    check(first.clone(), 49.0 / 99.0, |answer| answer.enabled && answer.variant == "a");
    check(first, 50.0 / 99.0, |answer| answer.enabled && answer.variant == "b");
    let alone = feature(json!([random(50)]), variants("random"));
    check(alone, 49.0 / 99.0, |answer| {
        assert_eq!(answer.enabled, answer.variant_enabled, "on without a variant, or off with one");
        answer.enabled
    });
}

#[test]
fn features_of_one_request_draw_independently() {
    let named = |name: &str| {
        let mut feature = feature(json!([random(50)]), json!([]));
        feature["name"] = json!(name);
        feature
    };
    let document = json!({"version": 2, "features": [named("f"), named("g")]});
    let mut subject = Subject::compile(&document).expect("a legal document");
    let context = Context::from_json(b"{}").expect("a legal context");
    let mut dice = Dice::seeded(11);
    let both = "\"enabled\":true,\"variant\"";
    let mut on = 0;
    for _ in 0..DRAWS {
        let circumstances = circumstances(&Projects::All, dice.seed());
        let (bytes, _) = subject.list(brink_reference::subject::List::All, &context, circumstances);
        on += usize::from(String::from_utf8_lossy(&bytes).matches(both).count() == 2);
    }
    let expected = (49.0 / 99.0) * (49.0 / 99.0);
    let share = on as f64 / DRAWS as f64;
    let error = f64::sqrt(expected * (1.0 - expected) / DRAWS as f64);
    assert!((share - expected).abs() <= 4.0 * error, "{share} instead of {expected}");
}
