//! One strategy: its own rule, its constraints and those of its segments (evaluation.md 5 to 7).
//!
//! What needs no context is settled here: a strategy that never matches is left out, a rollout for everyone is
//! no rollout. Everything is read all the same, because one bad text makes the whole feature malformed.

use super::super::constraint::{Clause, Constraint, Networks, Source, Test, TextSet};
use super::super::context::Field;
use super::super::hash::{Prefix, ROLLOUT_SEED};
use super::super::reason::{Reason, plain, without_backslash};
use super::variant::{self, VariantSet};
use super::wire::{Parameters, StrategyWire};
use super::workshop::Workshop;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Percent.
const EVERYONE: u64 = 100;

/// A strategy that matches some contexts.
#[derive(Debug)]
pub(in super::super) struct Strategy {
    pub(in super::super) rule: Rule,
    pub(in super::super) constraints: Vec<Arc<Constraint>>,
    pub(in super::super) variants: Option<VariantSet>,
}

/// What decides besides the constraints.
#[derive(Debug, Clone)]
pub(in super::super) enum Rule {
    Always,
    Rollout {
        /// 1 to 100.
        percentage: u8,
        stickiness: Stickiness,
        group: Prefix,
        /// Without a group of its own the feature's name counts; the child's, if asked for a child (evaluation.md 11).
        is_named: bool,
    },
    /// A draw from 1 to 99 has to be below this.
    Draw {
        below: u8,
    },
}

/// What a rollout or a choice of variants sticks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Stickiness {
    /// `userId`, else `sessionId`, else a draw.
    Default,
    Random,
    Of(Source),
}

/// A rule and what it asks of a field, or `None` if it is never true.
struct Matching {
    rule: Rule,
    clause: Option<Clause>,
}

impl From<Rule> for Matching {
    fn from(rule: Rule) -> Self {
        Self { rule, clause: None }
    }
}

impl Strategy {
    /// What a feature without strategies has.
    pub(super) fn unconditional() -> Self {
        Self { rule: Rule::Always, constraints: Vec::new(), variants: None }
    }

    /// Whether it matches every context.
    pub(in super::super) fn is_unconditional(&self) -> bool {
        matches!(self.rule, Rule::Always) && self.constraints.is_empty()
    }

    /// `None` if it never matches.
    pub(super) fn compile(
        wire: StrategyWire<'_>,
        feature: &str,
        workshop: &mut Workshop<'_>,
    ) -> Result<Option<Self>, Reason> {
        let matching = matching(&wire.name, &wire.parameters, feature)?;
        let mut constraints = Vec::new();
        let mut is_possible = true;
        for json in &wire.constraints {
            is_possible &= take(workshop.clause(json.get())?, &mut constraints);
        }
        for segment in &wire.segments {
            for clause in workshop.segment(*segment)? {
                is_possible &= take(clause, &mut constraints);
            }
        }
        let Some(Matching { rule, clause }) = matching else { return Ok(None) };
        is_possible &= clause.is_none_or(|clause| take(clause, &mut constraints));
        let group = wire.parameters.group_id.as_deref().unwrap_or(feature);
        let variants = variant::of_strategy(wire.variants, wire.parameters.stickiness.as_deref(), group);
        Ok(is_possible.then_some(Self { rule, constraints, variants }))
    }
}

/// Keeps a clause that depends on the context. False if it is never true.
fn take(clause: Clause, constraints: &mut Vec<Arc<Constraint>>) -> bool {
    match clause {
        Clause::Fixed(result) => result,
        Clause::Test(constraint) => {
            constraints.push(constraint);
            true
        }
    }
}

fn matching(name: &str, parameters: &Parameters, feature: &str) -> Result<Option<Matching>, Reason> {
    match name {
        "default" => Ok(Some(Rule::Always.into())),
        "userWithId" => user_with_id(parameters),
        "remoteAddress" => remote_address(parameters),
        "flexibleRollout" => flexible_rollout(parameters, feature),
        "gradualRolloutUserId" => gradual_rollout(parameters, Field::UserId),
        "gradualRolloutSessionId" => gradual_rollout(parameters, Field::SessionId),
        "gradualRolloutRandom" => Ok(gradual_rollout_random(parameters)),
        "applicationHostname" => application_hostname(parameters),
        _ => Ok(None),
    }
}

fn user_with_id(parameters: &Parameters) -> Result<Option<Matching>, Reason> {
    let Some(list) = parameters.user_ids.as_deref() else { return Ok(None) };
    parts(list).try_for_each(|id| without_backslash(id).map(drop))?;
    let ids: TextSet = parts(list).collect();
    Ok(Some(asking(Field::UserId, Test::OneOf(ids), list)))
}

fn remote_address(parameters: &Parameters) -> Result<Option<Matching>, Reason> {
    let Some(list) = parameters.addresses.as_deref() else { return Ok(None) };
    parts(list).try_for_each(|entry| plain(entry).map(drop))?;
    let networks: Networks = parts(list).collect();
    if networks.is_empty() {
        return Ok(None);
    }
    Ok(Some(asking(Field::RemoteAddress, Test::InNetwork(networks), list)))
}

fn flexible_rollout(parameters: &Parameters, feature: &str) -> Result<Option<Matching>, Reason> {
    let Some(percentage) = percentage(parameters.rollout.as_deref())? else { return Ok(None) };
    let stickiness = match parameters.stickiness.as_deref() {
        None | Some("default") => Stickiness::Default,
        Some("random") => Stickiness::Random,
        Some(name) => Stickiness::Of(Source::named(plain(name)?)),
    };
    let group = parameters.group_id.as_deref().map(plain).transpose()?;
    let is_named = group.is_none();
    let group = Prefix::new(group.unwrap_or(feature), ROLLOUT_SEED);
    Ok(rollout(percentage, stickiness, group, is_named))
}

fn gradual_rollout(parameters: &Parameters, field: Field) -> Result<Option<Matching>, Reason> {
    let Some(group) = parameters.group_id.as_deref() else { return Ok(None) };
    let Some(percentage) = percentage(parameters.percentage.as_deref())? else { return Ok(None) };
    let group = Prefix::new(plain(group)?, ROLLOUT_SEED);
    Ok(rollout(percentage, Stickiness::Of(Source::Field(field)), group, false))
}

fn rollout(percentage: u8, stickiness: Stickiness, group: Prefix, is_named: bool) -> Option<Matching> {
    let always_sticks = match &stickiness {
        Stickiness::Default | Stickiness::Random => true,
        // The clock stands in for a missing time.
        Stickiness::Of(source) => *source == Source::Field(Field::CurrentTime),
    };
    match percentage {
        0 => None,
        100 if always_sticks => Some(Rule::Always.into()),
        _ => Some(Rule::Rollout { percentage, stickiness, group, is_named }.into()),
    }
}

/// Below 2 never, from 100 on always; draws above 100 are no nonsense here, as in Unleash Edge 20.4.
fn gradual_rollout_random(parameters: &Parameters) -> Option<Matching> {
    match whole(parameters.percentage.as_deref())? {
        0..=1 => None,
        below @ 2..EVERYONE => Some(Rule::Draw { below: u8::try_from(below).ok()? }.into()),
        _ => Some(Rule::Always.into()),
    }
}

/// Never true: no evaluation knows the host name of the client.
fn application_hostname(parameters: &Parameters) -> Result<Option<Matching>, Reason> {
    let names = parameters.host_names.as_deref().unwrap_or_default();
    parts(names).try_for_each(|name| plain(name).map(drop))?;
    Ok(None)
}

/// A parameter of whole percent, at most 100.
fn percentage(parameter: Option<&str>) -> Result<Option<u8>, Reason> {
    match whole(parameter) {
        Some(percentage) if percentage > EVERYONE => Err(Reason::Rollout(percentage)),
        percentage => Ok(percentage.and_then(|percentage| u8::try_from(percentage).ok())),
    }
}

/// Digits, perhaps after a `+`.
fn whole(parameter: Option<&str>) -> Option<u64> {
    parameter?.parse().ok()
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

/// A strategy that is a test of a field; `list` is what the test was made of.
fn asking(field: Field, test: Test, list: &str) -> Matching {
    // A constraint's JSON begins with a brace, so the keys never meet.
    let key = xxh3_128(format!("{}:{list}", field.name()).as_bytes());
    let constraint = Constraint { key, source: Source::Field(field), test, inverted: false };
    Matching { rule: Rule::Always, clause: Some(Clause::Test(Arc::new(constraint))) }
}
