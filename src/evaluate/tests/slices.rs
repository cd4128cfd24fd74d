//! A list written in slices is the list written at once, whatever the budgets and whoever evaluates in between.

use super::*;
use crate::evaluate::{List, Notes, Progress};
use proptest::prelude::*;

/// A list in slices, between which another evaluation uses the scratch; and how many slices it took.
fn in_slices(engine: &Engine, list: List, ask: &Ask<'_>, budgets: &[usize]) -> (Vec<u8>, Used, usize) {
    let (mut scratch, mut notes) = (Scratch::default(), Notes::default());
    let mut out = b"before".to_vec();
    let mut budgets = budgets.iter().copied().cycle();
    let mut budget = || budgets.next().unwrap_or(0);
    let mut progress = engine.begin(list, ask, &mut scratch, &mut out, budget());
    for slices in 1.. {
        match progress {
            Progress::Done(used) => return (out.split_off("before".len()), used, slices),
            Progress::More(rest) => {
                scratch.exchange(&mut notes);
                let stranger = context("plan=other&userId=stranger&sessionId=other");
                let other = Ask { context: &stranger, seed: ask.seed ^ 1, ..*ask };
                engine.write_all(&other, &mut scratch, &mut Vec::new());
                scratch.exchange(&mut notes);
                progress = engine.go_on(rest, ask, &mut scratch, &mut out, budget());
            }
        }
    }
    unreachable!("the loop has no end of its own")
}

fn at_once(engine: &Engine, list: List, ask: &Ask<'_>) -> (Vec<u8>, Used) {
    let mut out = Vec::new();
    let used = match list {
        List::Enabled => engine.write_enabled(ask, &mut Scratch::default(), &mut out),
        List::All => engine.write_all(ask, &mut Scratch::default(), &mut out),
    };
    (out, used)
}

#[test]
fn a_slice_ends_after_the_feature_that_uses_up_its_budget() {
    let feature = |at: usize| json!({"name": format!("f{at}"), "enabled": true, "strategies": [{"name": "flexibleRollout", "parameters": {"rollout": "50", "stickiness": "userId", "groupId": at.to_string()}}]});
    let engine = engine((0..10).map(feature).collect());
    let slices = |query: &str, budget| {
        let context = context(query);
        let ask = Ask { context: &context, projects: &Projects::All, now_unix_ms: NOW_UNIX_MS, seed: 1 };
        in_slices(&engine, List::All, &ask, &[budget]).2
    };
    assert_eq!(slices("userId=7", usize::MAX), 1);
    assert_eq!(slices("userId=7", 10_000), 1);
    assert_eq!(slices("userId=7", 0), 10);
    let long = format!("userId={}", "7".repeat(10_000));
    assert_eq!(slices(&long, 4_000), 5);
    assert_eq!(slices(&long, 1), 10);
}

fn strategy() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec!["te", "team", "x", "7"]);
    let operator =
        prop::sample::select(vec!["IN", "NOT_IN", "STR_CONTAINS", "STR_ENDS_WITH", "REGEX", "DATE_AFTER"]);
    let field = prop::sample::select(vec!["plan", "userId", "currentTime", "country"]);
    let constraint = (operator, field, text, any::<bool>()).prop_map(|(operator, field, text, lower)| {
        let value = if operator == "DATE_AFTER" { "2024-01-01T00:00:00Z" } else { text };
        json!({"contextName": field, "operator": operator, "values": [text], "value": value, "caseInsensitive": lower})
    });
    let stickiness = prop::sample::select(vec!["default", "random", "userId", "plan"]);
    let variants = prop::sample::select(vec![
        json!([]),
        json!([{"name": "a", "weight": 1}, {"name": "b", "weight": 2}]),
    ]);
    (prop::collection::vec(constraint, 0..3), stickiness, 0..=100_u8, variants).prop_map(
        |(constraints, stickiness, rollout, variants)| {
            json!({"name": "flexibleRollout", "constraints": constraints, "variants": variants,
                "parameters": {"rollout": rollout.to_string(), "stickiness": stickiness}})
        },
    )
}

fn document() -> impl Strategy<Value = Value> {
    let feature = (prop::collection::vec(strategy(), 0..3), 0..3_u8, any::<bool>(), 0..12_usize);
    prop::collection::vec(feature, 0..12).prop_map(|features| {
        let one = |(at, (strategies, project, enabled, parent)): (usize, (Vec<Value>, u8, bool, usize))| {
            let dependencies =
                if parent < at { json!([{"feature": format!("f{parent:02}")}]) } else { json!([]) };
            json!({"name": format!("f{at:02}"), "enabled": enabled, "project": format!("p{project}"),
                "strategies": strategies, "dependencies": dependencies})
        };
        features.into_iter().enumerate().map(one).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn slices_make_the_same_list(
        document in document(),
        query in prop::sample::select(vec!["", "userId=7&plan=Team", "sessionId=s&country=x&plan=te", "userId=team"]),
        budgets in prop::collection::vec(0..300_usize, 1..6),
        sees_all in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let engine = engine(document);
        let context = context(query);
        let projects = if sees_all { Projects::All } else { Projects::from_names(["p0", "p2"]) };
        let ask = Ask { context: &context, projects: &projects, now_unix_ms: NOW_UNIX_MS, seed };
        for list in [List::Enabled, List::All] {
            let (bytes, used, _) = in_slices(&engine, list, &ask, &budgets);
            prop_assert_eq!((bytes, used), at_once(&engine, list, &ask));
        }
    }
}
