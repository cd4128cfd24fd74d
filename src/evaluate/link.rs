//! Connects compiled features: from names to positions, from features to runs of text.
//!
//! Runs over all features on every change, so it only counts, looks up and copies; what takes longer is done in
//! [`super::compile`] and only for what changed.

use super::answer::{self, Object};
use super::compile::{self, Dependency, Feature, VariantSet};
use super::constraint::{Constraint, Source};
use super::part::Part;
use super::tables::{
    Linked, Outcome, Override, Parent, Rule, Run, Set, Slot, Slotted, Step, Stickiness, Strategy, Tables,
    Weighed, property_slot,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Lays out features, which are sorted by name.
pub(super) fn link(features: &[Arc<Feature>]) -> Tables {
    let mut linker = Linker {
        features,
        properties: property_names(features),
        projects: sorted(features.iter().map(|feature| &*feature.project).collect()),
        constraint_ids: HashMap::new(),
        text: Vec::new(),
        lists: Lists::default(),
    };
    let linked: Vec<Linked> = features.iter().map(|feature| linker.feature(feature)).collect();
    linker.finish(linked)
}

fn property_names(features: &[Arc<Feature>]) -> Box<[Box<str>]> {
    let mut names = BTreeSet::new();
    let mut note = |source: &'_ Source| {
        if let Source::Property(name) = source
            && !names.contains(name)
        {
            names.insert(name.clone());
        }
    };
    for feature in features {
        for strategy in &feature.strategies {
            strategy.constraints.iter().for_each(|constraint| note(&constraint.source));
            if let compile::Rule::Rollout { stickiness: compile::Stickiness::Of(source), .. } = &strategy.rule
            {
                note(source);
            }
        }
        for set in sets(feature) {
            if let compile::Stickiness::Of(source) = &set.stickiness {
                note(source);
            }
            set.overrides.iter().for_each(|wanted| note(&wanted.source));
        }
    }
    names.into_iter().collect()
}

fn sets(feature: &Feature) -> impl Iterator<Item = &VariantSet> {
    feature.strategies.iter().filter_map(|strategy| strategy.variants.as_ref()).chain(&feature.variants)
}

fn sorted(names: BTreeSet<&str>) -> Box<[Box<str>]> {
    names.into_iter().map(Box::from).collect()
}

struct Linker<'f> {
    features: &'f [Arc<Feature>],
    properties: Box<[Box<str>]>,
    projects: Box<[Box<str>]>,
    /// Positions in the list of constraints, by key.
    constraint_ids: HashMap<u128, u32>,
    text: Vec<u8>,
    lists: Lists,
}

/// The lists of [`Tables`] while they grow.
#[derive(Default)]
struct Lists {
    strategies: Vec<Strategy>,
    conjunctions: Vec<u32>,
    constraints: Vec<Slotted>,
    sets: Vec<Set>,
    variants: Vec<Weighed>,
    overrides: Vec<Override>,
    parents: Vec<Parent>,
}

/// A position. There are fewer than 2^32 of anything: each takes several bytes of a document in memory.
fn id(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

impl Linker<'_> {
    fn feature(&mut self, feature: &Arc<Feature>) -> Linked {
        let own_set = feature.variants.as_ref().map(|set| self.set(set));
        let first = self.lists.strategies.len();
        for strategy in &feature.strategies {
            let strategy = self.strategy(strategy);
            self.lists.strategies.push(strategy);
        }
        let strategies = Part { start: first, end: self.lists.strategies.len() };
        let parents: Option<Vec<Parent>> =
            feature.dependencies.iter().map(|dependency| self.parent(dependency)).collect();
        let settled = match &parents {
            Some(_) => self.settled(feature, strategies, own_set),
            None => Some(Outcome::Off),
        };
        Linked {
            feature: Arc::clone(feature),
            project: self.projects.binary_search(&feature.project).unwrap_or_default(),
            settled: settled.map(|outcome| (outcome, Part::default())),
            off: Part::default(),
            on: Object::default(),
            strategies,
            parents: Part::appended(&mut self.lists.parents, parents.unwrap_or_default()),
            own_set,
        }
    }

    /// The outcome no context can change.
    fn settled(&self, feature: &Feature, strategies: Part, own_set: Option<u32>) -> Option<Outcome> {
        let first = feature.strategies.first();
        let Some(first) = first.filter(|_| feature.enabled && feature.malformed.is_none()) else {
            return Some(Outcome::Off);
        };
        if !feature.dependencies.is_empty() || !first.is_unconditional() {
            return None;
        }
        let set = strategies.of(&self.lists.strategies).first()?.set.or(own_set);
        let Some(set) = set.and_then(|set| self.lists.sets.get(set as usize)) else {
            return Some(Outcome::On);
        };
        match set.only {
            _ if !set.overrides.is_empty() => None,
            Some(variant) => Some(Outcome::Variant(variant)),
            None if set.total == 0 => Some(Outcome::On),
            None => None,
        }
    }

    /// `None` if the dependency can never be satisfied: the parent is not there, or has dependencies itself.
    fn parent(&self, dependency: &Dependency) -> Option<Parent> {
        let at = self.features.binary_search_by(|feature| feature.name.cmp(&dependency.feature)).ok()?;
        let has_none = self.features.get(at)?.dependencies.is_empty();
        let variants = dependency.variants.iter().cloned().collect();
        has_none.then(|| Parent { feature: id(at), enabled: dependency.enabled, variants })
    }

    fn strategy(&mut self, strategy: &compile::Strategy) -> Strategy {
        let ids: Vec<u32> =
            strategy.constraints.iter().map(|constraint| self.constraint(constraint)).collect();
        let rule = match &strategy.rule {
            compile::Rule::Always => Rule::Always,
            compile::Rule::Draw { below } => Rule::Draw { below: *below },
            compile::Rule::Rollout { percentage, stickiness, group, is_named } => Rule::Rollout {
                percentage: *percentage,
                is_named: *is_named,
                stickiness: self.stickiness(stickiness),
                group: *group,
            },
        };
        let set = strategy.variants.as_ref().map(|set| self.set(set));
        Strategy { rule, constraints: Part::appended(&mut self.lists.conjunctions, ids), set }
    }

    fn constraint(&mut self, constraint: &Arc<Constraint>) -> u32 {
        if let Some(known) = self.constraint_ids.get(&constraint.key) {
            return *known;
        }
        let new = id(self.lists.constraints.len());
        let slot = self.slot(&constraint.source);
        self.lists.constraints.push(Slotted { slot, constraint: Arc::clone(constraint) });
        self.constraint_ids.insert(constraint.key, new);
        new
    }

    fn set(&mut self, set: &VariantSet) -> u32 {
        let first = self.lists.variants.len();
        let mut total = 0_u64;
        for variant in &set.variants {
            total = total.saturating_add(variant.weight);
            let json = answer::write_variant(variant, &mut self.text);
            self.lists.variants.push(Weighed { up_to: total, json, variant: Arc::clone(variant) });
        }
        let mut weighty = (first..).zip(&set.variants).filter(|(_, variant)| variant.weight > 0);
        let only = weighty.next().filter(|_| weighty.next().is_none()).map(|(at, _)| id(at));
        let overrides: Vec<Override> =
            set.overrides.iter().map(|wanted| self.override_of(wanted, first)).collect();
        self.lists.sets.push(Set {
            stickiness: self.stickiness(&set.stickiness),
            group: set.group,
            total,
            only,
            variants: Part { start: first, end: first + set.variants.len() },
            overrides: Part::appended(&mut self.lists.overrides, overrides),
        });
        id(self.lists.sets.len() - 1)
    }

    fn override_of(&self, wanted: &compile::Override, first: usize) -> Override {
        Override {
            slot: self.slot(&wanted.source),
            values: wanted.values.clone(),
            variant: id(first + wanted.variant),
        }
    }

    fn stickiness(&self, stickiness: &compile::Stickiness) -> Stickiness {
        match stickiness {
            compile::Stickiness::Default => Stickiness::Default,
            compile::Stickiness::Random => Stickiness::Random,
            compile::Stickiness::Of(source) => Stickiness::Of(self.slot(source)),
        }
    }

    fn slot(&self, source: &Source) -> Slot {
        match source {
            Source::Field(field) => *field as usize,
            // All names were collected before.
            Source::Property(name) => property_slot(&self.properties, name).unwrap_or_default(),
        }
    }

    fn finish(mut self, mut features: Vec<Linked>) -> Tables {
        let (steps, last_run) = self.write_runs(&mut features);
        for linked in features.iter_mut().filter(|linked| linked.settled.is_none()) {
            let Feature { name, impression_data, .. } = &*linked.feature;
            linked.off = Object::write(name, false, *impression_data, &mut self.text).whole;
            linked.on = Object::write(name, true, *impression_data, &mut self.text);
        }
        let lists = self.lists;
        Tables {
            text: self.text.into(),
            properties: self.properties,
            projects: self.projects,
            features: features.into(),
            strategies: lists.strategies.into(),
            conjunctions: lists.conjunctions.into(),
            constraints: lists.constraints.into(),
            sets: lists.sets.into(),
            variants: lists.variants.into(),
            overrides: lists.overrides.into(),
            parents: lists.parents.into(),
            steps: steps.into(),
            last_run,
        }
    }

    /// Writes the settled features, first all of them, then those that are on; nothing else comes between.
    fn write_runs(&mut self, features: &mut [Linked]) -> (Vec<Step>, Run) {
        let mut steps = Vec::new();
        let mut start = self.text.len();
        for (at, linked) in features.iter_mut().enumerate() {
            match &mut linked.settled {
                Some((outcome, object)) => *object = self.write_settled(&linked.feature, *outcome),
                None => {
                    let all = Part { start, end: self.text.len() };
                    start = all.end;
                    steps.push(Step { run: Run { all, ..Run::default() }, feature: id(at) });
                }
            }
        }
        let mut last_run = Run { all: Part { start, end: self.text.len() }, ..Run::default() };
        let mut open = steps.iter_mut();
        start = self.text.len();
        for linked in features.iter() {
            match linked.settled {
                Some((Outcome::Off, _)) => {}
                Some((_, object)) => self.text.extend_from_within(object.range()),
                None => {
                    let enabled = Part { start, end: self.text.len() };
                    start = enabled.end;
                    if let Some(step) = open.next() {
                        step.run.enabled = enabled;
                    }
                }
            }
        }
        last_run.enabled = Part { start, end: self.text.len() };
        (steps, last_run)
    }

    fn write_settled(&mut self, feature: &Feature, outcome: Outcome) -> Part {
        let variant = match outcome {
            Outcome::Variant(variant) => self.lists.variants.get(variant as usize),
            Outcome::Off | Outcome::On => None,
        };
        let start = self.text.len();
        match variant {
            Some(weighed) => {
                answer::write_chosen(
                    &feature.name,
                    &weighed.variant,
                    feature.impression_data,
                    &mut self.text,
                );
            }
            None => {
                let enabled = outcome != Outcome::Off;
                Object::write(&feature.name, enabled, feature.impression_data, &mut self.text);
            }
        }
        Part { start, end: self.text.len() }
    }
}
