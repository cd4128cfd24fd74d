//! One constraint: a test on one field of the context (evaluation.md 6).
//!
//! Compiled once per change from its JSON. What needs no context is settled then ([`Clause::Fixed`]); a pattern
//! that does not compile is simply never matched, while other nonsense makes the feature malformed.

mod network;
mod ordinal;
mod pattern;
mod text_set;
mod text_test;
mod version;

pub(super) use network::Networks;
pub(super) use pattern::{Matcher, Pattern};
pub(super) use text_set::TextSet;

use super::context::Field;
use super::reason::{Reason, plain, without_backslash};
use ordinal::{Ordinal, Relation};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;
use text_test::TextTest;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Source {
    Field(Field),
    Property(Box<str>),
}

impl Source {
    /// Any name is one of a source; all but six are properties.
    pub(super) fn named(name: &str) -> Self {
        Field::named(name).map_or_else(|| Self::Property(name.into()), Self::Field)
    }
}

/// A compiled constraint.
#[derive(Debug, Clone)]
pub(super) enum Clause {
    /// The same for every context.
    Fixed(bool),
    Test(Arc<Constraint>),
}

/// A constraint that depends on the context.
#[derive(Debug)]
pub(super) struct Constraint {
    /// Hash of its JSON: equal constraints are evaluated once per request.
    pub(super) key: u128,
    pub(super) source: Source,
    pub(super) test: Test,
    pub(super) inverted: bool,
}

/// What is asked of a value that is there. A missing one never passes.
#[derive(Debug)]
pub(super) enum Test {
    /// Equal to one of these.
    OneOf(TextSet),
    /// Starts with, ends with or contains one of these.
    Text(TextTest),
    /// The same, in lower case: to be asked of the value in lower case.
    LowerText(TextTest),
    Ordinal(Relation, Ordinal),
    InNetwork(Networks),
    Matches(Arc<Pattern>),
}

impl Test {
    /// About how many nanoseconds the test of a value of this length takes, rather too many than too few; turning it
    /// into lower case is not in it. `benches/evaluate.rs` shows by the longest slice whether that holds.
    pub(super) fn work(&self, value_bytes: usize) -> usize {
        match self {
            Self::OneOf(_) => value_bytes / 8,
            Self::Text(test) | Self::LowerText(test) => test.work(value_bytes),
            Self::Ordinal(..) => value_bytes,
            Self::InNetwork(networks) => networks.len(),
            Self::Matches(_) => value_bytes * 4,
        }
    }

    /// Whether a value passes. Patterns are asked with their own memory instead, by the caller.
    pub(super) fn accepts(&self, value: &str) -> bool {
        match self {
            Self::OneOf(texts) => texts.contains(value),
            Self::Text(test) | Self::LowerText(test) => test.accepts(value),
            Self::Ordinal(relation, ordinal) => ordinal.is_met_by(value, *relation),
            Self::InNetwork(networks) => networks.contain(value),
            Self::Matches(pattern) => pattern.is_match(value, &mut pattern.matcher()),
        }
    }
}

/// A constraint as the document has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    context_name: Cow<'a, str>,
    #[serde(borrow)]
    operator: Cow<'a, str>,
    #[serde(default)]
    case_insensitive: bool,
    #[serde(default)]
    inverted: bool,
    #[serde(default)]
    values: Vec<String>,
    value: Option<String>,
}

/// Compiles a constraint object; `key` is the hash of `json`.
pub(super) fn compile(json: &str, key: u128) -> Result<Clause, Reason> {
    let wire: Wire<'_> = serde_json::from_str(json).map_err(|_| Reason::Broken)?;
    let tested = tested(&wire)?;
    let inverted = wire.inverted != tested.negated;
    Ok(match tested.test {
        Some(_) if tested.is_refused => Clause::Fixed(false),
        Some(test) => {
            let source = Source::named(plain(&wire.context_name)?);
            Clause::Test(Arc::new(Constraint { key, source, test, inverted }))
        }
        None if tested.is_refused => Clause::Fixed(false),
        None => {
            plain(&wire.context_name)?;
            Clause::Fixed(inverted)
        }
    })
}

/// What an operator asks.
#[derive(Default)]
struct Tested {
    /// `None`: no value passes.
    test: Option<Test>,
    negated: bool,
    /// False whatever is asked, also inverted.
    is_refused: bool,
}

impl From<Option<Test>> for Tested {
    fn from(test: Option<Test>) -> Self {
        Self { test, ..Self::default() }
    }
}

fn tested(wire: &Wire<'_>) -> Result<Tested, Reason> {
    let operator = &*wire.operator;
    match operator {
        "IN" => Ok(one_of(wire)?.into()),
        "NOT_IN" => Ok(Tested { negated: true, ..one_of(wire)?.into() }),
        "STR_STARTS_WITH" | "STR_ENDS_WITH" | "STR_CONTAINS" => Ok(Some(text(wire)?).into()),
        "IN_CIDR" => Ok(in_network(wire)?.into()),
        "REGEX" => Ok(matches(wire)?.into()),
        _ => ordinal(wire),
    }
}

fn one_of(wire: &Wire<'_>) -> Result<Option<Test>, Reason> {
    if wire.values.is_empty() {
        return Ok(None);
    }
    Ok(Some(Test::OneOf(values(wire)?.iter().collect())))
}

fn text(wire: &Wire<'_>) -> Result<Test, Reason> {
    let place = match &*wire.operator {
        "STR_STARTS_WITH" => text_test::Place::Start,
        "STR_ENDS_WITH" => text_test::Place::End,
        _ => text_test::Place::Anywhere,
    };
    let values = some_values(wire)?.iter();
    Ok(if wire.case_insensitive {
        Test::LowerText(TextTest::new(place, values.map(|value| value.to_lowercase())))
    } else {
        Test::Text(TextTest::new(place, values.cloned()))
    })
}

fn in_network(wire: &Wire<'_>) -> Result<Option<Test>, Reason> {
    let networks: Networks = some_values(wire)?.iter().map(String::as_str).collect();
    Ok((!networks.is_empty()).then_some(Test::InNetwork(networks)))
}

fn matches(wire: &Wire<'_>) -> Result<Option<Test>, Reason> {
    let pattern = without_backslash(wire.value.as_deref().unwrap_or_default())?;
    Ok(Pattern::compile(pattern, wire.case_insensitive).map(|pattern| Test::Matches(Arc::new(pattern))))
}

fn ordinal(wire: &Wire<'_>) -> Result<Tested, Reason> {
    let operator = &*wire.operator;
    let relation = Relation::of(operator).ok_or_else(|| Reason::UnknownOperator(operator.into()))?;
    let value = wire.value.as_deref().ok_or_else(|| Reason::NoValue(operator.into()))?;
    if operator.starts_with("SEMVER") && value.starts_with('v') {
        return Ok(Tested { is_refused: true, ..Tested::default() });
    }
    let ordinal = Ordinal::read(value).ok_or_else(|| Reason::Unreadable(value.into()))?;
    Ok(Some(Test::Ordinal(relation, ordinal)).into())
}

fn some_values<'w>(wire: &'w Wire<'_>) -> Result<&'w [String], Reason> {
    if wire.values.is_empty() {
        return Err(Reason::NoValues((*wire.operator).into()));
    }
    values(wire)
}

fn values<'w>(wire: &'w Wire<'_>) -> Result<&'w [String], Reason> {
    wire.values.iter().try_for_each(|value| without_backslash(value).map(drop))?;
    Ok(&wire.values)
}

#[cfg(test)]
mod tests;
