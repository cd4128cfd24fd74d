//! The compiled features of one environment.

use super::ask::{Ask, Used};
use super::scratch::Scratch;
use crate::features::environment::EnvironmentData;
use std::sync::Arc;

/// All features of an environment, ready to be evaluated. Immutable; one is shared by all shards.
#[derive(Debug)]
pub struct Engine {}

/// A feature that is off for everyone because something in it makes no sense (evaluation.md 12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Name of the feature.
    pub feature: Box<str>,
    /// What is wrong with it, for a warning.
    pub reason: Box<str>,
}

/// What one feature came out as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved<'e> {
    /// On or off.
    pub enabled: bool,
    /// The chosen variant; `None` is the disabled variant.
    pub variant: Option<ResolvedVariant<'e>>,
    /// `impressionData` of the feature.
    pub impression_data: bool,
    /// Its project, `default` if it names none.
    pub project: &'e str,
    /// What this result depended on.
    pub used: Used,
}

/// A variant that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolvedVariant<'e> {
    /// Its name.
    pub name: &'e str,
    /// Type and value of its payload.
    pub payload: Option<(&'e str, &'e str)>,
}

impl Engine {
    /// Compiles an environment. `previous` is its engine before the change: features whose text and segments
    /// stayed are taken over from it. The result does not depend on it otherwise.
    pub fn compile(_environment: &Arc<EnvironmentData>, _previous: Option<&Engine>) -> Engine {
        Engine {}
    }

    /// The malformed features, sorted by name.
    pub fn malformed(&self) -> &[Malformed] {
        &[]
    }

    /// The names of all features, in byte order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [].into_iter()
    }

    /// Appends `{"toggles":[...]}` with the features that are on (evaluation.md 13).
    pub fn write_enabled(&self, _ask: &Ask<'_>, _scratch: &mut Scratch, _out: &mut Vec<u8>) -> Used {
        Used::default()
    }

    /// Appends `{"toggles":[...]}` with all features of the token's projects.
    pub fn write_all(&self, _ask: &Ask<'_>, _scratch: &mut Scratch, _out: &mut Vec<u8>) -> Used {
        Used::default()
    }

    /// Appends the object of one feature. `None`, and nothing appended, if there is none of this name in the
    /// token's projects; a token without projects (`[]`) never sees one.
    pub fn write_one(
        &self,
        _name: &str,
        _ask: &Ask<'_>,
        _scratch: &mut Scratch,
        _out: &mut Vec<u8>,
    ) -> Option<Used> {
        None
    }

    /// Evaluates one feature of any project. For tests and tools; `serve` writes answers directly.
    pub fn resolve(&self, _name: &str, _ask: &Ask<'_>, _scratch: &mut Scratch) -> Option<Resolved<'_>> {
        None
    }
}
