//! One list of changes, read and normalised.

use std::sync::Arc;

use super::super::fragment::{Fragment, SegmentFragment};
use super::super::warning::Warnings;

/// What one message of upstream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// To be applied in this order, but for what [`super::Fold::apply`] says of moves.
    pub list: Vec<Change>,
    /// Changes of a kind that is not known here. They were left out, so that the state is incomplete, unless the list
    /// brings a whole state itself.
    pub unknown: usize,
    /// What was odd about it.
    pub warnings: Warnings,
}

/// One change. `event_id`s are upstream's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The whole state.
    Hydration {
        /// `None` if a document without a revision was sent in its place.
        event_id: Option<u64>,
        /// Sorted by name, each once.
        features: Vec<Arc<Fragment>>,
        /// Sorted by id, each once.
        segments: Vec<Arc<SegmentFragment>>,
    },
    /// A feature is new or different.
    FeatureUpdated {
        /// Of the change.
        event_id: u64,
        /// All of it.
        feature: Arc<Fragment>,
    },
    /// A feature is gone, for clients of this project.
    FeatureRemoved {
        /// Of the change.
        event_id: u64,
        /// Its name.
        name: Box<str>,
        /// Where it was.
        project: Option<Box<str>>,
    },
    /// A segment is new or different.
    SegmentUpdated {
        /// Of the change.
        event_id: u64,
        /// All of it.
        segment: Arc<SegmentFragment>,
    },
    /// A segment is gone.
    SegmentRemoved {
        /// Of the change.
        event_id: u64,
        /// Its id.
        segment: i64,
    },
}

impl Change {
    /// Its id.
    pub fn event_id(&self) -> Option<u64> {
        match self {
            Self::Hydration { event_id, .. } => *event_id,
            Self::FeatureUpdated { event_id, .. }
            | Self::FeatureRemoved { event_id, .. }
            | Self::SegmentUpdated { event_id, .. }
            | Self::SegmentRemoved { event_id, .. } => Some(*event_id),
        }
    }

    /// The word of the protocol for it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hydration { .. } => "hydration",
            Self::FeatureUpdated { .. } => "feature-updated",
            Self::FeatureRemoved { .. } => "feature-removed",
            Self::SegmentUpdated { .. } => "segment-updated",
            Self::SegmentRemoved { .. } => "segment-removed",
        }
    }
}

impl Changes {
    /// Whether a whole state is among them.
    pub fn hydrates(&self) -> bool {
        self.list.iter().any(|change| matches!(change, Change::Hydration { .. }))
    }

    /// Whether the first of them needs a state to be applied to.
    pub fn is_incremental(&self) -> bool {
        self.list.first().is_some_and(|change| !matches!(change, Change::Hydration { .. }))
    }

    /// Whether something is missing that nothing in the list makes up for. What is unknown beside a whole state would come
    /// again with the next one, so asking for that is of no use.
    pub fn is_incomplete(&self) -> bool {
        self.unknown > 0 && !self.hydrates()
    }

    /// The highest id.
    pub fn event_id_max(&self) -> Option<u64> {
        self.list.iter().filter_map(Change::event_id).max()
    }
}
