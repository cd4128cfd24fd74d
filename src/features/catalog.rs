//! The catalog: the truth about the features of every environment.
//!
//! Owned by the sync thread, its only writer; others see `Arc<EnvironmentData>` inside snapshots. Documents
//! go in whole and are merged in one step, so no reader sees half a change. A document that changes nothing
//! leaves the `Arc` alone: the caller has nothing to publish.

use super::environment::EnvironmentData;
use super::merge::{merge_features, merge_segments};
use super::model::Document;
use super::warning::{Warning, Warnings};
use crate::tokens::scope::Projects;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All environments.
#[derive(Debug, Default)]
pub struct Catalog {
    environments: BTreeMap<Arc<str>, Arc<EnvironmentData>>,
}

/// What a document did.
#[derive(Debug, PartialEq, Eq)]
pub struct Applied {
    /// Whether anything is served differently now; also true for the first document of an environment.
    pub changed: bool,
    /// Features of the environment before.
    pub before: usize,
    /// Features of the environment after. A drop to zero is worth a log line (security.md 6.3).
    pub after: usize,
    /// What was odd about the document.
    pub warnings: Warnings,
}

impl Catalog {
    /// Merges an answer that a token with these projects got. `*` and an unknown list (`[]`) replace all
    /// features, named projects those of these projects.
    pub fn apply(&mut self, environment: &Arc<str>, projects: &Projects, document: Document) -> Applied {
        let previous = self.environments.get(environment);
        let before = previous.map_or(0, |previous| previous.features.len());
        let mut warnings = document.warnings.clone();
        note_foreign(projects, &document, &mut warnings);
        let merged = merge(environment, previous.map(|previous| &**previous), projects, document);
        let after = merged.features.len();
        let changed = previous.is_none_or(|previous| !previous.has_same_content(&merged));
        if changed {
            self.environments.insert(Arc::clone(environment), Arc::new(merged));
        }
        Applied { changed, before, after, warnings }
    }

    /// Forgets an environment, for instance when its last token is gone. True if there was one.
    pub fn remove(&mut self, environment: &str) -> bool {
        self.environments.remove(environment).is_some()
    }

    /// The data of an environment; `None` before its first document.
    pub fn environment(&self, environment: &str) -> Option<&Arc<EnvironmentData>> {
        self.environments.get(environment)
    }

    /// All environments, by name.
    pub fn environments(&self) -> impl Iterator<Item = &Arc<EnvironmentData>> {
        self.environments.values()
    }
}

fn merge(
    environment: &Arc<str>,
    previous: Option<&EnvironmentData>,
    projects: &Projects,
    document: Document,
) -> EnvironmentData {
    let old_features = previous.map_or(&[][..], |previous| &previous.features);
    let old_segments = previous.map_or(&[][..], |previous| &previous.segments);
    let features = merge_features(old_features, document.features, projects);
    let segments = merge_segments(old_segments, document.segments, &features);
    EnvironmentData {
        name: Arc::clone(environment),
        version: document.version.max(previous.map_or(0, |previous| previous.version)),
        features: features.into(),
        segments: segments.into(),
        meta: document.meta.or_else(|| previous.and_then(|previous| previous.meta.clone())),
    }
}

fn note_foreign(projects: &Projects, document: &Document, warnings: &mut Warnings) {
    for feature in document.features.iter().filter(|feature| !projects.sees(feature.project_or_default())) {
        warnings.note(|| Warning::ForeignProject { feature: feature.name.clone() });
    }
}
