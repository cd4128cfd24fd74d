//! What the rest of the program needs to know of a normalised object, read back from its JSON.
//!
//! Reading runs on the output of [`super::normalise`], so types and required keys are settled already; an
//! error here would be our own mistake and is passed on as one.

use super::shape::OPERATORS;
use serde::Deserialize;
use std::borrow::Cow;

/// Facts of a feature.
#[derive(Deserialize)]
pub(super) struct FeatureFacts<'a> {
    pub(super) name: Box<str>,
    pub(super) project: Option<Box<str>>,
    #[serde(borrow, default)]
    strategies: Vec<StrategyFacts<'a>>,
}

/// Facts of a segment.
#[derive(Deserialize)]
pub(super) struct SegmentFacts<'a> {
    pub(super) id: i64,
    #[serde(borrow, default)]
    constraints: Vec<ConstraintFacts<'a>>,
}

/// Facts of the meta object.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetaFacts {
    pub(super) revision_id: Option<u64>,
}

#[derive(Deserialize)]
struct StrategyFacts<'a> {
    #[serde(default)]
    segments: Vec<i64>,
    #[serde(borrow, default)]
    constraints: Vec<ConstraintFacts<'a>>,
}

#[derive(Deserialize)]
struct ConstraintFacts<'a> {
    #[serde(borrow)]
    operator: Cow<'a, str>,
}

impl FeatureFacts<'_> {
    /// The segments its strategies refer to, sorted, each once.
    pub(super) fn segments(&self) -> Box<[i64]> {
        let mut ids: Vec<i64> =
            self.strategies.iter().flat_map(|strategy| strategy.segments.iter().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into()
    }

    pub(super) fn unknown_operators(&self) -> Box<[Box<str>]> {
        unknown(self.strategies.iter().flat_map(|strategy| &strategy.constraints))
    }
}

impl SegmentFacts<'_> {
    pub(super) fn unknown_operators(&self) -> Box<[Box<str>]> {
        unknown(&self.constraints)
    }
}

fn unknown<'a>(constraints: impl IntoIterator<Item = &'a ConstraintFacts<'a>>) -> Box<[Box<str>]> {
    let operators = constraints.into_iter().map(|constraint| &*constraint.operator);
    let mut unknown: Vec<Box<str>> =
        operators.filter(|operator| !OPERATORS.contains(operator)).map(Box::from).collect();
    unknown.sort_unstable();
    unknown.dedup();
    unknown.into()
}
