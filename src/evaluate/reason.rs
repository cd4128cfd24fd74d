//! Why a feature is malformed, and so off for everyone (evaluation.md 12). For warnings only.

use thiserror::Error;

/// What makes no sense in a feature, one of its strategies, or a segment they name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reason {
    /// A constraint with an operator the protocol does not know.
    #[error("unknown operator {0:?}")]
    UnknownOperator(Box<str>),
    /// A strategy names a segment that is not in the document.
    #[error("segment {0} is missing")]
    MissingSegment(i64),
    /// An operator that needs `values` has none.
    #[error("{0} has no values")]
    NoValues(Box<str>),
    /// An operator that needs `value` has none.
    #[error("{0} has no value")]
    NoValue(Box<str>),
    /// A `value` that is neither a number nor a date nor a version.
    #[error("value {0:?} is no number, date or version")]
    Unreadable(Box<str>),
    /// A rollout above 100 percent.
    #[error("rollout of {0} percent")]
    Rollout(u64),
    /// A text that ends with a backslash where Unleash Edge cannot have one.
    #[error("{0:?} ends with a backslash")]
    Backslash(Box<str>),
    /// A text with a double quote where Unleash Edge cannot have one.
    #[error("{0:?} has a double quote")]
    Quote(Box<str>),
    /// The feature's text is not what the catalog should hold: our own mistake.
    #[error("cannot be read")]
    Broken,
}

/// A text that must not end with a backslash.
pub(super) fn without_backslash(text: &str) -> Result<&str, Reason> {
    if text.ends_with('\\') { Err(Reason::Backslash(text.into())) } else { Ok(text) }
}

/// A text that must, besides, have no double quote.
pub(super) fn plain(text: &str) -> Result<&str, Reason> {
    if text.contains('"') { Err(Reason::Quote(text.into())) } else { without_backslash(text) }
}
