//! Counts what is in a document, from the document alone.
//!
//! The number of flags that are on for an empty context is a lower bound: only what is on for
//! everybody counts, whereas an evaluator may also draw by chance (random stickiness).

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// The measures of a finished document.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Census {
    pub bytes: usize,
    pub features: usize,
    pub strategies: usize,
    pub constraints: usize,
    pub segments: usize,
    pub projects: usize,
    pub with_variants: usize,
    pub with_overrides: usize,
    pub strategy_variants: usize,
    pub dependents: usize,
    /// Flags that are on for everybody.
    pub on: usize,
    /// Every operator in use, in segments and strategies.
    pub operators: BTreeSet<String>,
}

impl Census {
    /// Counts a document; what is not there counts as nothing.
    pub fn of(text: &str) -> Self {
        let document: Value = serde_json::from_str(text).unwrap_or_default();
        let features = list(&document["features"]);
        let strategies: Vec<&Value> =
            features.iter().flat_map(|feature| list(&feature["strategies"])).collect();
        let constraints = strategies.iter().flat_map(|strategy| list(&strategy["constraints"]));
        let of_segments =
            list(&document["segments"]).iter().flat_map(|segment| list(&segment["constraints"]));
        let operators =
            constraints.clone().chain(of_segments).filter_map(|constraint| constraint["operator"].as_str());
        Self {
            bytes: text.len(),
            features: features.len(),
            strategies: strategies.len(),
            constraints: constraints.clone().count(),
            segments: list(&document["segments"]).len(),
            projects: features
                .iter()
                .filter_map(|feature| feature["project"].as_str())
                .collect::<BTreeSet<_>>()
                .len(),
            with_variants: having(features.iter(), "variants"),
            with_overrides: having(
                features.iter().flat_map(|feature| list(&feature["variants"])),
                "overrides",
            ),
            strategy_variants: having(strategies.iter().copied(), "variants"),
            dependents: having(features.iter(), "dependencies"),
            on: features.iter().filter(|feature| on_for_everybody(feature)).count(),
            operators: operators.map(str::to_owned).collect(),
        }
    }
}

impl fmt::Display for Census {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} bytes, {} flags ({} on for everybody) in {} projects, {} strategies, {} constraints of {} operators, \
             {} segments, {} flags and {} strategies with variants, {} overridden variants, {} dependent flags",
            self.bytes,
            self.features,
            self.on,
            self.projects,
            self.strategies,
            self.constraints,
            self.operators.len(),
            self.segments,
            self.with_variants,
            self.strategy_variants,
            self.with_overrides,
            self.dependents,
        )
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn having<'a>(items: impl Iterator<Item = &'a Value>, key: &str) -> usize {
    items.filter(|item| !list(&item[key]).is_empty()).count()
}

fn on_for_everybody(feature: &Value) -> bool {
    let strategies = list(&feature["strategies"]);
    feature["enabled"] == Value::Bool(true)
        && list(&feature["dependencies"]).is_empty()
        && (strategies.is_empty() || strategies.iter().any(open))
}

fn open(strategy: &Value) -> bool {
    let guarded = !list(&strategy["constraints"]).is_empty() || !list(&strategy["segments"]).is_empty();
    let parameters = &strategy["parameters"];
    let for_all = match strategy["name"].as_str() {
        Some("default") => true,
        Some("flexibleRollout") => {
            parameters["rollout"] == "100"
                && matches!(parameters["stickiness"].as_str(), Some("default" | "random"))
        }
        _ => false,
    };
    for_all && !guarded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::plan::{HUGE, LARGE, Plan, SMALL};
    use crate::generate::{DEFAULT_SEED, document};

    const OPERATORS: [&str; 18] = [
        "DATE_AFTER",
        "DATE_BEFORE",
        "IN",
        "IN_CIDR",
        "NOT_IN",
        "NUM_EQ",
        "NUM_GT",
        "NUM_GTE",
        "NUM_LT",
        "NUM_LTE",
        "REGEX",
        "SEMVER_EQ",
        "SEMVER_GT",
        "SEMVER_GTE",
        "SEMVER_LT",
        "SEMVER_LTE",
        "STR_CONTAINS",
        "STR_ENDS_WITH",
    ];

    fn check(plan: &Plan, seed: u64) -> Census {
        let text = document(plan, seed);
        let census = Census::of(&text);
        assert_eq!(census.features, plan.flags);
        assert_eq!(census.strategies, plan.strategies);
        assert_eq!(census.constraints, plan.constraints);
        assert_eq!(census.segments, plan.segments);
        assert_eq!(census.projects, plan.projects);
        assert_eq!(census.dependents, plan.dependents);
        assert!(census.bytes.abs_diff(plan.bytes) * 20 <= plan.bytes, "{census}");
        census
    }

    #[test]
    fn small_has_its_measures_for_any_seed() {
        for seed in [DEFAULT_SEED, 0, 1, u64::MAX] {
            check(&SMALL, seed);
        }
    }

    #[test]
    fn large_has_its_measures_for_any_seed() {
        for seed in [DEFAULT_SEED, 0, 1, u64::MAX] {
            let census = check(&LARGE, seed);
            assert!((85..=95).contains(&census.on), "{census}");
        }
    }

    #[test]
    fn huge_has_its_measures_and_every_feature_of_the_format() {
        let census = check(&HUGE, DEFAULT_SEED);
        for operator in OPERATORS {
            assert!(census.operators.contains(operator), "{operator}");
        }
        assert!(census.operators.contains("STR_STARTS_WITH"));
        assert!(
            census.with_variants > 0 && census.with_overrides > 0 && census.strategy_variants > 0,
            "{census}"
        );
    }

    #[test]
    fn a_seed_gives_the_same_bytes() {
        assert_eq!(document(&LARGE, 5), document(&LARGE, 5));
        assert_ne!(document(&LARGE, 5), document(&LARGE, 6));
    }

    #[test]
    fn names_are_unique() {
        let text = document(&HUGE, DEFAULT_SEED);
        let document: Value = serde_json::from_str(&text).expect("generated JSON parses");
        let names: BTreeSet<_> =
            list(&document["features"]).iter().filter_map(|feature| feature["name"].as_str()).collect();
        assert_eq!(names.len(), HUGE.flags);
    }
}
