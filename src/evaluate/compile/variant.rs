//! The variants of a feature or strategy (evaluation.md 10).

use super::super::constraint::{Source, TextSet};
use super::super::context::Field;
use super::super::hash::{Prefix, VARIANT_SEED};
use super::strategy::Stickiness;
use super::wire::{OverrideWire, VariantWire};
use std::sync::Arc;

/// A list of variants to choose from, never empty.
#[derive(Debug)]
pub(in super::super) struct VariantSet {
    pub(in super::super) stickiness: Stickiness,
    pub(in super::super) group: Prefix,
    pub(in super::super) variants: Box<[Arc<Variant>]>,
    /// In the order they are tried.
    pub(in super::super) overrides: Box<[Override]>,
}

/// A variant; it is shared by the engines that have it.
#[derive(Debug)]
pub(in super::super) struct Variant {
    pub(in super::super) name: Box<str>,
    /// Type and value.
    pub(in super::super) payload: Option<(Box<str>, Box<str>)>,
    pub(in super::super) weight: u64,
}

/// Gives a variant to those whose field has one of these values.
#[derive(Debug)]
pub(in super::super) struct Override {
    /// Position of the variant in the list.
    pub(in super::super) variant: usize,
    pub(in super::super) source: Source,
    pub(in super::super) values: TextSet,
}

/// The feature's own variants: they stick as the first one says, and may have overrides.
pub(super) fn of_feature(wire: Vec<VariantWire>, feature: &str) -> Option<VariantSet> {
    let stickiness = wire.first()?.stickiness.clone();
    let overrides = wire
        .iter()
        .enumerate()
        .flat_map(|(at, variant)| variant.overrides.iter().map(move |wire| override_of(at, wire)));
    let overrides = overrides.collect();
    Some(VariantSet { overrides, ..set(wire, stickiness.as_deref(), feature)? })
}

/// A strategy's variants: they stick as its parameters say.
pub(super) fn of_strategy(
    wire: Vec<VariantWire>,
    stickiness: Option<&str>,
    group: &str,
) -> Option<VariantSet> {
    set(wire, stickiness, group)
}

fn set(wire: Vec<VariantWire>, stickiness: Option<&str>, group: &str) -> Option<VariantSet> {
    if wire.is_empty() {
        return None;
    }
    let variants = wire.into_iter().map(|variant| {
        let payload = variant.payload.map(|payload| (payload.kind, payload.value));
        Arc::new(Variant { name: variant.name, payload, weight: variant.weight.0 })
    });
    Some(VariantSet {
        stickiness: read_stickiness(stickiness),
        group: Prefix::new(group, VARIANT_SEED),
        variants: variants.collect(),
        overrides: Box::default(),
    })
}

/// As in a rollout, but a property may be called `random`, and the clock is never asked (evaluation.md 9).
fn read_stickiness(name: Option<&str>) -> Stickiness {
    match name {
        None | Some("default") => Stickiness::Default,
        Some(name) => match Source::named(name) {
            Source::Field(Field::CurrentTime) => Stickiness::Random,
            source => Stickiness::Of(source),
        },
    }
}

fn override_of(variant: usize, wire: &OverrideWire) -> Override {
    Override { variant, source: Source::named(&wire.context_name), values: wire.values.iter().collect() }
}
