//! What was left out and why: a fixed set of counters that travels from the shards to the ledger.

/// Why something was left out. A closed set: each is a label value of `brink_usage_dropped_total{reason}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Too many of a kind: entries, toggles of a post, variants, labels, environments.
    Entries,
    /// The memory bound is reached.
    Bytes,
    /// A name is longer than any real one.
    NameTooLong,
    /// An edge below us reports for another environment than its token is of.
    ForeignEnvironment,
    /// An impact metric has the name of one of another kind.
    KindConflict,
    /// The time is before 1970 or more than a day ahead.
    Timestamp,
    /// The document of an edge below us is too large, or there are too many.
    Child,
    /// There is nobody to send it to: offline mode.
    Offline,
    /// Upstream does not take it: it said so, or a name is empty.
    Rejected,
    /// A single element is larger than upstream takes.
    TooLarge,
    /// There is no token to send it with.
    NoToken,
}

/// How much was left out for one reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Entries, registrations, impact metrics, tokens, documents.
    pub elements: u64,
    /// Evaluations (`yes` and `no`) in them.
    pub evaluations: u64,
}

/// How much was left out, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drops {
    counts: [Dropped; Reason::ALL.len()],
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::Entries,
        Self::Bytes,
        Self::NameTooLong,
        Self::ForeignEnvironment,
        Self::KindConflict,
        Self::Timestamp,
        Self::Child,
        Self::Offline,
        Self::Rejected,
        Self::TooLarge,
        Self::NoToken,
    ];

    /// The value of the label `reason`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Bytes => "bytes",
            Self::NameTooLong => "name_too_long",
            Self::ForeignEnvironment => "foreign_environment",
            Self::KindConflict => "kind_conflict",
            Self::Timestamp => "timestamp",
            Self::Child => "child",
            Self::Offline => "offline",
            Self::Rejected => "rejected",
            Self::TooLarge => "too_large",
            Self::NoToken => "no_token",
        }
    }
}

impl Drops {
    /// How much was left out for this reason.
    pub fn of(&self, reason: Reason) -> Dropped {
        self.counts.get(reason as usize).copied().unwrap_or_default()
    }

    /// All reasons, those that never occurred included.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, Dropped)> {
        Reason::ALL.into_iter().zip(self.counts)
    }

    /// For all reasons together.
    pub fn total(&self) -> Dropped {
        let mut total = Dropped::default();
        self.counts.iter().for_each(|one| total.add(*one));
        total
    }

    /// True if nothing was left out.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Counts one element with so many evaluations in it.
    pub fn count(&mut self, reason: Reason, evaluations: u64) {
        self.add(reason, Dropped { elements: 1, evaluations });
    }

    pub(super) fn add(&mut self, reason: Reason, dropped: Dropped) {
        if let Some(count) = self.counts.get_mut(reason as usize) {
            count.add(dropped);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(reason, dropped)| self.add(reason, dropped));
    }
}

impl Dropped {
    pub(super) fn add(&mut self, other: Self) {
        self.elements = self.elements.saturating_add(other.elements);
        self.evaluations = self.evaluations.saturating_add(other.evaluations);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_apart() {
        let mut drops = Drops::default();
        assert!(drops.is_empty());
        drops.count(Reason::Bytes, 3);
        drops.count(Reason::Bytes, 4);
        drops.count(Reason::NoToken, 0);
        let mut merged = drops.clone();
        merged.merge(&drops);
        assert_eq!(merged.of(Reason::Bytes), Dropped { elements: 4, evaluations: 14 });
        assert_eq!(merged.of(Reason::NoToken), Dropped { elements: 2, evaluations: 0 });
        assert_eq!(merged.of(Reason::Offline), Dropped::default());
        assert_eq!(merged.total(), Dropped { elements: 6, evaluations: 14 });
    }

    #[test]
    fn every_reason_has_its_place_and_label() {
        let mut labels: Vec<&str> = Reason::ALL.iter().map(|reason| reason.label()).collect();
        assert!(Reason::ALL.iter().enumerate().all(|(at, reason)| *reason as usize == at));
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Reason::ALL.len());
    }
}
