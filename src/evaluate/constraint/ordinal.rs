//! Numbers, dates and versions (evaluation.md 6.4 and 6.5).
//!
//! The form of the configured value decides how values are compared, whatever the operator is called. The
//! configured value is read strictly, the context's value leniently; one that cannot be read is in no relation.

use super::version::Version;
use chrono::{DateTime, Utc};
use std::cmp::Ordering;

/// How the context's value has to stand to the configured one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Relation {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// A configured value.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Ordinal {
    Number(f64),
    Instant(DateTime<Utc>),
    Version(Box<str>),
}

impl Relation {
    /// The relation of an operator, if it is one of these families.
    pub(super) fn of(operator: &str) -> Option<Self> {
        match operator {
            "NUM_EQ" | "SEMVER_EQ" => Some(Self::Equal),
            "NUM_GT" | "SEMVER_GT" | "DATE_AFTER" => Some(Self::Greater),
            "NUM_GTE" | "SEMVER_GTE" => Some(Self::GreaterOrEqual),
            "NUM_LT" | "SEMVER_LT" | "DATE_BEFORE" => Some(Self::Less),
            "NUM_LTE" | "SEMVER_LTE" => Some(Self::LessOrEqual),
            _ => None,
        }
    }

    fn admits(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
        }
    }
}

impl Ordinal {
    /// Reads a configured value; `None` if it has none of the forms.
    pub(super) fn read(value: &str) -> Option<Self> {
        let value = value.trim_matches([' ', '\t']);
        if has_form_of_date(value) {
            return value.parse().ok().map(Self::Instant);
        }
        if has_form_of_number(value) {
            return value.parse().ok().map(Self::Number);
        }
        Version::read(value).map(|_| Self::Version(value.into()))
    }

    /// Whether a value of the context stands in this relation to it.
    pub(super) fn is_met_by(&self, value: &str, relation: Relation) -> bool {
        match self {
            Self::Number(number) => value.parse().is_ok_and(|value: f64| number_is(value, *number, relation)),
            Self::Instant(instant) => {
                value.parse().is_ok_and(|value: DateTime<Utc>| relation.admits(value.cmp(instant)))
            }
            Self::Version(version) => Version::read(value)
                .zip(Version::read(version))
                .is_some_and(|(value, version)| relation.admits(value.precedence(&version))),
        }
    }
}

/// Equality allows for rounding; not a number is in no relation, and infinity equals nothing.
fn number_is(value: f64, number: f64, relation: Relation) -> bool {
    match relation {
        Relation::Equal => (value - number).abs() < f64::EPSILON,
        _ => value.partial_cmp(&number).is_some_and(|ordering| relation.admits(ordering)),
    }
}

/// `DDDD-DD-DDTDD:DD:DD`, perhaps `.` and three digits, then `Z`, `+DD:DD` or `-DD:DD`.
fn has_form_of_date(text: &str) -> bool {
    let Some((moment, rest)) = text.split_at_checked(19) else { return false };
    let fraction = rest.split_at_checked(4).filter(|(fraction, _)| has_shape(fraction, ".000"));
    let zone = fraction.map_or(rest, |(_, zone)| zone);
    let is_zone = zone == "Z" || has_shape(zone, "+00:00") || has_shape(zone, "-00:00");
    is_zone && has_shape(moment, "0000-00-00T00:00:00")
}

/// Whether each byte is a digit where the shape has one, and the same otherwise.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, expected)| match expected {
            b'0' => byte.is_ascii_digit(),
            _ => byte == expected,
        })
}

/// Perhaps a sign, digits, perhaps `.` and digits or none, perhaps an exponent.
fn has_form_of_number(text: &str) -> bool {
    let Some(rest) = skip_whole(text) else { return false };
    let rest = rest.strip_prefix('.').map_or(rest, skip_digits);
    match rest.strip_prefix(['e', 'E']) {
        Some(exponent) => skip_whole(exponent) == Some(""),
        None => rest.is_empty(),
    }
}

/// What follows a sign, perhaps, and at least one digit.
fn skip_whole(text: &str) -> Option<&str> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let rest = skip_digits(unsigned);
    (rest.len() < unsigned.len()).then_some(rest)
}

fn skip_digits(text: &str) -> &str {
    text.trim_start_matches(|character: char| character.is_ascii_digit())
}
