//! One evaluation: the algorithm of evaluation.md 4, over the tables of an engine.
//!
//! On or off and the variant come out of one pass: the strategy that turned the feature on also gives the
//! variant (evaluation.md 16). Constraints come before rollouts, so nothing is drawn or hashed in vain.

use super::ask::{Ask, Used};
use super::clock::ClockText;
use super::constraint::Test;
use super::context::Field;
use super::draws::Draws;
use super::hash::{Prefix, ROLLOUT_SEED};
use super::part::Part;
use super::scratch::Scratch;
use super::tables::{Linked, Outcome, Parent, Rule, Set, Slot, Stickiness, Strategy, Tables};

/// A rollout with random stickiness draws from 1 to this.
const RANDOM_IDS: u64 = 9999;
/// `gradualRolloutRandom` draws from 1 to this.
const RANDOM_PERCENT: u64 = 99;
/// Units of work (see [`super::list`]) of a feature without constraints and rollouts.
const FEATURE_WORK: usize = 10;
/// A value is hashed at least this fast, in bytes per unit (measured: 5).
const HASHED_BYTES_PER_UNIT: usize = 4;
/// A value is turned into lower case at least this fast, in units per byte (measured: 5 for letters beyond ASCII).
const LOWERED_UNITS_PER_BYTE: usize = 6;
const CURRENT_TIME: Slot = Field::CurrentTime as Slot;

/// The state of an evaluation.
pub(super) struct Evaluation<'a> {
    tables: &'a Tables,
    /// The context's text.
    text: &'a str,
    clock: &'a ClockText,
    scratch: &'a mut Scratch,
    draws: Draws,
    used: Used,
    /// Units of work since this was made.
    work: usize,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(
        tables: &'a Tables,
        ask: &Ask<'a>,
        clock: &'a ClockText,
        scratch: &'a mut Scratch,
    ) -> Self {
        scratch.prepare(tables, ask.context);
        Self::resumed(tables, ask, clock, scratch, (Draws::new(ask.seed), Used::default()))
    }

    /// One that goes on with what it noted in the scratch, and the state it was left in.
    pub(super) fn resumed(
        tables: &'a Tables,
        ask: &Ask<'a>,
        clock: &'a ClockText,
        scratch: &'a mut Scratch,
        (draws, used): (Draws, Used),
    ) -> Self {
        Self { tables, text: ask.context.text(), clock, scratch, draws, used, work: 0 }
    }

    /// What it can go on from, with the notes in the scratch.
    pub(super) fn state(self) -> (Draws, Used) {
        (self.draws, self.used)
    }

    /// About how many nanoseconds all outcomes so far took.
    pub(super) fn work(&self) -> usize {
        self.work
    }

    /// What all outcomes so far depended on.
    pub(super) fn used(&self) -> Used {
        self.used
    }

    /// Evaluates a feature that is not settled; a settled one is off here.
    pub(super) fn outcome(&mut self, linked: &'a Linked) -> Outcome {
        self.work += FEATURE_WORK;
        let parents = linked.parents.of(&self.tables.parents);
        if !parents.iter().all(|parent| self.is_satisfied(parent, &linked.feature.name)) {
            return Outcome::Off;
        }
        let Some(strategy) = self.first_match(linked, None) else { return Outcome::Off };
        self.choose(strategy.set.or(linked.own_set)).map_or(Outcome::On, Outcome::Variant)
    }

    /// A parent's variant counts as if it were on, also when it is off; if it has none, any will do.
    fn is_satisfied(&mut self, parent: &'a Parent, child: &str) -> bool {
        let Some(linked) = self.tables.features.get(parent.feature as usize) else { return false };
        let strategy = self.first_match(linked, Some(child));
        if (strategy.is_some() && linked.feature.enabled) != parent.enabled {
            return false;
        }
        if parent.variants.is_empty() {
            return true;
        }
        let set = strategy.and_then(|strategy| strategy.set).or(linked.own_set);
        let chosen = self.choose(set).and_then(|variant| self.tables.variants.get(variant as usize));
        chosen.is_none_or(|chosen| parent.variants.contains(&chosen.variant.name))
    }

    /// `child` is the feature that asks for this one as its parent.
    fn first_match(&mut self, linked: &'a Linked, child: Option<&str>) -> Option<&'a Strategy> {
        let strategies = linked.strategies.of(&self.tables.strategies);
        strategies.iter().find(|strategy| self.matches(strategy, child))
    }

    fn matches(&mut self, strategy: &Strategy, child: Option<&str>) -> bool {
        let constraints = strategy.constraints.of(&self.tables.conjunctions);
        constraints.iter().all(|constraint| self.holds(*constraint)) && self.rule_holds(&strategy.rule, child)
    }

    fn holds(&mut self, constraint: u32) -> bool {
        if let Some(known) = self.scratch.remembered(constraint) {
            return known;
        }
        let result = self.tested(constraint);
        self.scratch.remember(constraint, result);
        result
    }

    fn tested(&mut self, constraint: u32) -> bool {
        let Some(slotted) = self.tables.constraints.get(constraint as usize) else { return false };
        let constraint = &slotted.constraint;
        let Some(value) = self.value_or_clock(slotted.slot) else { return constraint.inverted };
        self.work += constraint.test.work(value.len());
        let is_met = match &constraint.test {
            Test::LowerText(test) => {
                let before = self.scratch.lowered_bytes();
                let is_met = test.accepts(self.scratch.lower(slotted.slot, value));
                self.work += (self.scratch.lowered_bytes() - before) * LOWERED_UNITS_PER_BYTE;
                is_met
            }
            Test::Matches(pattern) => self.scratch.is_match(pattern, value),
            test => test.accepts(value),
        };
        is_met != constraint.inverted
    }

    fn rule_holds(&mut self, rule: &Rule, child: Option<&str>) -> bool {
        match rule {
            Rule::Always => true,
            Rule::Draw { below } => self.draw(RANDOM_PERCENT) < u64::from(*below),
            Rule::Rollout { percentage, is_named, stickiness, group } => {
                let child_group = child.filter(|_| *is_named).map(|child| Prefix::new(child, ROLLOUT_SEED));
                let group = child_group.as_ref().unwrap_or(group);
                self.share(*stickiness, group).is_some_and(|share| share <= u64::from(*percentage))
            }
        }
    }

    /// Which hundredth the context is in, from 1 on. `None`: it has nothing the rollout could stick to.
    fn share(&mut self, stickiness: Stickiness, group: &Prefix) -> Option<u64> {
        let value = match stickiness {
            Stickiness::Default => self.default_id(),
            Stickiness::Random => None,
            Stickiness::Of(slot) => Some(self.value_or_clock(slot)?),
        };
        Some(match value {
            Some(value) => self.normalised(group, value, 100),
            None => group.normalised(Decimal::new(self.draw(RANDOM_IDS)).as_bytes(), 100),
        })
    }

    /// The position of the variant to give, if any.
    fn choose(&mut self, set: Option<u32>) -> Option<u32> {
        let set = self.tables.sets.get(set? as usize)?;
        if let Some(variant) = self.overridden(set).or(set.only) {
            return Some(variant);
        }
        if set.total == 0 {
            return None;
        }
        let value = match set.stickiness {
            Stickiness::Default => self.default_id(),
            Stickiness::Random => None,
            Stickiness::Of(slot) => self.value(slot),
        };
        let target = match value {
            Some(value) => self.normalised(&set.group, value, set.total),
            None => self.draw(set.total),
        };
        let variants = set.variants.of(&self.tables.variants);
        let at = set.variants.start + variants.partition_point(|variant| variant.up_to < target);
        u32::try_from(at).ok()
    }

    fn normalised(&mut self, group: &Prefix, value: &str, modulus: u64) -> u64 {
        self.work += value.len() / HASHED_BYTES_PER_UNIT;
        group.normalised(value.as_bytes(), modulus)
    }

    fn overridden(&self, set: &Set) -> Option<u32> {
        let overrides = set.overrides.of(&self.tables.overrides);
        let wanted = |slot: Slot| self.scratch.value(slot).map(|part: Part| part.of_text(self.text));
        let found = overrides
            .iter()
            .find(|given| wanted(given.slot).is_some_and(|value| given.values.contains(value)));
        found.map(|given| given.variant)
    }

    fn default_id(&self) -> Option<&'a str> {
        self.value(Field::UserId as Slot).or_else(|| self.value(Field::SessionId as Slot))
    }

    fn value(&self, slot: Slot) -> Option<&'a str> {
        self.scratch.value(slot).map(|part| part.of_text(self.text))
    }

    /// The clock stands in for a missing `currentTime`.
    fn value_or_clock(&mut self, slot: Slot) -> Option<&'a str> {
        let value = self.value(slot);
        if value.is_some() || slot != CURRENT_TIME {
            return value;
        }
        self.used.clock = true;
        Some(self.clock.as_str())
    }

    fn draw(&mut self, max: u64) -> u64 {
        self.used.draw = true;
        self.draws.one_to(max)
    }
}

/// A drawn number as decimal text, without allocating.
struct Decimal {
    digits: [u8; 4],
    first: usize,
}

impl Decimal {
    /// For numbers up to [`RANDOM_IDS`].
    fn new(mut number: u64) -> Self {
        let mut digits = [b'0'; 4];
        let mut first = digits.len();
        for digit in digits.iter_mut().rev() {
            if number == 0 {
                break;
            }
            *digit += (number % 10) as u8;
            number /= 10;
            first -= 1;
        }
        Self { digits, first }
    }

    fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.first..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_without_leading_zeros() {
        for number in [1, 9, 10, 305, 9999] {
            assert_eq!(Decimal::new(number).as_bytes(), number.to_string().as_bytes());
        }
    }
}
