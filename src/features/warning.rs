//! Odd but legal things in a document: values to report, never reasons to refuse it.
//!
//! Nothing is logged here. The list is bounded, the count is not: a document with ten thousand unknown
//! operators must not fill the memory or the log.

use std::fmt;

/// Warnings kept in full per document; later ones are only counted. Enough to see the pattern in a log.
pub const WARNINGS_MAX: usize = 32;

/// Something odd that does not keep a document from being used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The operator of a feature's constraint is unknown. It is passed on unchanged and never satisfied.
    UnknownOperator {
        /// Name of the feature.
        feature: Box<str>,
        /// The operator as written.
        operator: Box<str>,
    },
    /// The operator of a segment's constraint is unknown.
    UnknownSegmentOperator {
        /// The segment.
        segment: i64,
        /// The operator as written.
        operator: Box<str>,
    },
    /// A strategy names a segment that the document does not hold.
    MissingSegment {
        /// Name of the feature.
        feature: Box<str>,
        /// The absent segment.
        segment: i64,
    },
    /// A feature without `project` is never in a client list (http-api.md 7.3).
    NoProject {
        /// Name of the feature.
        feature: Box<str>,
    },
    /// Two features of one name; the later one counts.
    DuplicateFeature {
        /// The name.
        feature: Box<str>,
    },
    /// Two segments of one id; the later one counts.
    DuplicateSegment {
        /// The id.
        segment: i64,
    },
    /// An answer for named projects held a feature of another project. It is kept, but nothing will
    /// remove it when it disappears from that token's answers.
    ForeignProject {
        /// Name of the feature.
        feature: Box<str>,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOperator { feature, operator } => {
                write!(out, "feature {feature:?}: unknown operator {operator:?}")
            }
            Self::UnknownSegmentOperator { segment, operator } => {
                write!(out, "segment {segment}: unknown operator {operator:?}")
            }
            Self::MissingSegment { feature, segment } => {
                write!(out, "feature {feature:?}: segment {segment} is missing")
            }
            Self::NoProject { feature } => {
                write!(out, "feature {feature:?}: no project, hidden from client lists")
            }
            Self::DuplicateFeature { feature } => {
                write!(out, "feature {feature:?}: given twice, the last counts")
            }
            Self::DuplicateSegment { segment } => {
                write!(out, "segment {segment}: given twice, the last counts")
            }
            Self::ForeignProject { feature } => {
                write!(out, "feature {feature:?}: of a project that was not asked for")
            }
        }
    }
}

/// The first [`WARNINGS_MAX`] warnings and the number of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Warnings {
    list: Vec<Warning>,
    total: usize,
}

impl Warnings {
    /// Counts a warning and keeps it while there is room. The closure runs only if it is kept.
    pub fn note(&mut self, warning: impl FnOnce() -> Warning) {
        self.total += 1;
        if self.list.len() < WARNINGS_MAX {
            self.list.push(warning());
        }
    }

    /// The warnings that were kept, oldest first.
    pub fn list(&self) -> &[Warning] {
        &self.list
    }

    /// How many there were.
    pub fn total(&self) -> usize {
        self.total
    }

    /// True if there was none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded_and_the_count_is_not() {
        let mut warnings = Warnings::default();
        for segment in 0..100 {
            warnings.note(|| Warning::DuplicateSegment { segment });
        }
        assert_eq!(warnings.list().len(), WARNINGS_MAX);
        assert_eq!(warnings.total(), 100);
        assert_eq!(warnings.list().first(), Some(&Warning::DuplicateSegment { segment: 0 }));
    }
}
