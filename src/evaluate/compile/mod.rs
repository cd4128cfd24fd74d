//! From the fragment of one feature to what can be evaluated. Done once per change of the feature or of a
//! segment it names; an [`Arc`] of the result moves on from engine to engine.

mod strategy;
mod variant;
mod wire;
mod workshop;

pub(super) use strategy::{Rule, Stickiness, Strategy};
pub(super) use variant::{Override, Variant, VariantSet};
pub(super) use workshop::Workshop;

use super::reason::Reason;
use crate::features::fragment::Fragment;
use std::sync::Arc;
use wire::{DependencyWire, FeatureWire, StrategyWire};

/// A compiled feature, not yet connected with others.
#[derive(Debug)]
pub(super) struct Feature {
    pub(super) name: Box<str>,
    /// `default` if upstream named none.
    pub(super) project: Box<str>,
    pub(super) enabled: bool,
    pub(super) impression_data: bool,
    pub(super) malformed: Option<Reason>,
    /// Those that can match, the first match counts; none of a malformed feature. A feature without strategies
    /// has one that always matches.
    pub(super) strategies: Vec<Strategy>,
    /// Its own variants, for when the strategy that matched has none.
    pub(super) variants: Option<VariantSet>,
    pub(super) dependencies: Vec<Dependency>,
    /// What it was made of: the feature's text and the texts of its segments.
    made_of: [u128; 2],
}

/// A parent and what it has to be like (evaluation.md 11).
#[derive(Debug)]
pub(super) struct Dependency {
    pub(super) feature: Box<str>,
    pub(super) enabled: bool,
    /// Empty: any.
    pub(super) variants: Vec<Box<str>>,
}

impl Feature {
    /// The feature of a fragment, or the one before if it was made of the same.
    pub(super) fn compile(
        fragment: &Fragment,
        before: Option<&Arc<Feature>>,
        workshop: &mut Workshop<'_>,
    ) -> Arc<Self> {
        let made_of = [fragment.source, workshop.fingerprint(&fragment.segments)];
        if let Some(before) = before.filter(|before| before.made_of == made_of) {
            return Arc::clone(before);
        }
        Arc::new(Self::read(fragment, made_of, workshop))
    }

    fn read(fragment: &Fragment, made_of: [u128; 2], workshop: &mut Workshop<'_>) -> Self {
        let name = &fragment.name;
        let unread = Self {
            name: name.clone(),
            project: fragment.project_or_default().into(),
            enabled: false,
            impression_data: false,
            malformed: Some(Reason::Broken),
            strategies: Vec::new(),
            variants: None,
            dependencies: Vec::new(),
            made_of,
        };
        let Ok(wire) = serde_json::from_str::<FeatureWire<'_>>(&fragment.json) else { return unread };
        let (strategies, malformed) = match strategies(wire.strategies, name, workshop) {
            Ok(strategies) => (strategies, None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        Self {
            enabled: wire.enabled,
            impression_data: wire.impression_data,
            malformed,
            strategies,
            variants: variant::of_feature(wire.variants, name),
            dependencies: wire.dependencies.into_iter().map(Dependency::from).collect(),
            ..unread
        }
    }
}

/// All are read, but what follows a strategy that always matches is of no use.
fn strategies(
    wire: Vec<StrategyWire<'_>>,
    feature: &str,
    workshop: &mut Workshop<'_>,
) -> Result<Vec<Strategy>, Reason> {
    if wire.is_empty() {
        return Ok(vec![Strategy::unconditional()]);
    }
    let mut strategies: Vec<Strategy> = Vec::with_capacity(wire.len());
    for wire in wire {
        let strategy = Strategy::compile(wire, feature, workshop)?;
        if !strategies.last().is_some_and(Strategy::is_unconditional) {
            strategies.extend(strategy);
        }
    }
    Ok(strategies)
}

impl From<DependencyWire> for Dependency {
    fn from(wire: DependencyWire) -> Self {
        Self { feature: wire.feature, enabled: wire.enabled.unwrap_or(true), variants: wire.variants }
    }
}
