//! The features of an environment laid out for evaluation: flat lists that refer to each other by position.
//!
//! Made by [`super::link`], read by [`super::evaluation`]; immutable. Features are sorted by name. A feature
//! whose outcome no context can change is settled, and runs of settled features lie in `text` in one piece, once
//! for the list of all and once for the list of those that are on.

use super::answer::Object;
use super::compile::{Feature, Variant};
use super::constraint::{Constraint, TextSet};
use super::context::Field;
use super::hash::Prefix;
use super::part::Part;
use std::sync::Arc;

/// See the module. All positions are valid by construction.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// JSON of the answers.
    pub(super) text: Box<[u8]>,
    /// Names of the properties that are read, sorted. The slot of a property is its position after the fields.
    pub(super) properties: Box<[Box<str>]>,
    /// Sorted.
    pub(super) projects: Box<[Box<str>]>,
    pub(super) features: Box<[Linked]>,
    pub(super) strategies: Box<[Strategy]>,
    /// Positions in `constraints`; a strategy has a part of them.
    pub(super) conjunctions: Box<[u32]>,
    /// Each once, however many strategies have it.
    pub(super) constraints: Box<[Slotted]>,
    pub(super) sets: Box<[Set]>,
    pub(super) variants: Box<[Weighed]>,
    pub(super) overrides: Box<[Override]>,
    pub(super) parents: Box<[Parent]>,
    pub(super) steps: Box<[Step]>,
    /// After the last step.
    pub(super) last_run: Run,
}

/// Position of a value in what a request resolves the context to: the six fields, then the properties.
pub(super) type Slot = usize;

/// The first slot of a property.
pub(super) const FIRST_PROPERTY: Slot = Field::ALL.len();

/// A feature and where its parts are.
#[derive(Debug)]
pub(super) struct Linked {
    pub(super) feature: Arc<Feature>,
    /// Position in `projects`.
    pub(super) project: usize,
    /// Its outcome and the object for it, if no context can change it.
    pub(super) settled: Option<(Outcome, Part)>,
    /// Objects for off and on; empty if settled.
    pub(super) off: Part,
    pub(super) on: Object,
    pub(super) strategies: Part,
    pub(super) parents: Part,
    /// Its own variants, in `sets`.
    pub(super) own_set: Option<u32>,
}

/// What a feature came out as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Off,
    /// With the disabled variant.
    On,
    /// Position in `variants`.
    Variant(u32),
}

#[derive(Debug)]
pub(super) struct Strategy {
    pub(super) rule: Rule,
    /// In `conjunctions`.
    pub(super) constraints: Part,
    /// In `sets`; without, the feature's own count.
    pub(super) set: Option<u32>,
}

#[derive(Debug)]
pub(super) enum Rule {
    Always,
    Rollout { percentage: u8, is_named: bool, stickiness: Stickiness, group: Prefix },
    Draw { below: u8 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stickiness {
    Default,
    Random,
    Of(Slot),
}

/// A constraint and the slot it reads.
#[derive(Debug)]
pub(super) struct Slotted {
    pub(super) slot: Slot,
    pub(super) constraint: Arc<Constraint>,
}

/// Variants to choose from.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) stickiness: Stickiness,
    pub(super) group: Prefix,
    /// Sum of the weights.
    pub(super) total: u64,
    /// The variant everyone has but for overrides: the only one with a weight.
    pub(super) only: Option<u32>,
    pub(super) variants: Part,
    pub(super) overrides: Part,
}

#[derive(Debug)]
pub(super) struct Weighed {
    /// Sum of the weights up to and with this one.
    pub(super) up_to: u64,
    pub(super) json: Part,
    pub(super) variant: Arc<Variant>,
}

#[derive(Debug)]
pub(super) struct Override {
    pub(super) slot: Slot,
    pub(super) values: TextSet,
    pub(super) variant: u32,
}

/// A dependency whose parent is there and has none itself.
#[derive(Debug)]
pub(super) struct Parent {
    /// In `features`.
    pub(super) feature: u32,
    pub(super) enabled: bool,
    /// Empty: any.
    pub(super) variants: Box<[Box<str>]>,
}

/// A run of settled features, and then a feature to evaluate.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) run: Run,
    /// In `features`.
    pub(super) feature: u32,
}

/// Settled features in a row, as text for either list.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    pub(super) all: Part,
    pub(super) enabled: Part,
}

impl Tables {
    /// The feature of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Linked> {
        let at = self.features.binary_search_by(|linked| (*linked.feature.name).cmp(name)).ok()?;
        self.features.get(at)
    }

    /// The slot of a property, if anything reads it.
    pub(super) fn property_slot(&self, name: &str) -> Option<Slot> {
        property_slot(&self.properties, name)
    }

    pub(super) fn slots(&self) -> usize {
        FIRST_PROPERTY + self.properties.len()
    }
}

/// The slot of a property in sorted names.
pub(super) fn property_slot(properties: &[Box<str>], name: &str) -> Option<Slot> {
    properties.binary_search_by(|known| (**known).cmp(name)).ok().map(|at| FIRST_PROPERTY + at)
}
