//! The compiled features of one environment, and the answers about one of them; lists are in [`super::list`].

use super::answer;
use super::ask::{Ask, Used};
use super::clock::ClockText;
use super::compile::{Feature, Workshop};
use super::evaluation::Evaluation;
use super::link::link;
use super::list::List;
use super::reason::Reason;
use super::scratch::Scratch;
use super::tables::{Outcome, Tables};
use crate::features::environment::EnvironmentData;
use crate::tokens::scope::Projects;
use std::sync::Arc;

/// All features of an environment, ready to be evaluated. Immutable; one is shared by all shards.
#[derive(Debug, Default)]
pub struct Engine {
    pub(super) tables: Tables,
    malformed: Box<[Malformed]>,
}

/// A feature that is off for everyone because something in it makes no sense (evaluation.md 12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Name of the feature.
    pub feature: Box<str>,
    /// What is wrong with it, for a warning.
    pub reason: Reason,
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
    pub fn compile(environment: &EnvironmentData, previous: Option<&Engine>) -> Engine {
        let before = previous.map(|previous| &previous.tables);
        let known =
            before.into_iter().flat_map(|tables| &tables.constraints).map(|slotted| &slotted.constraint);
        let mut workshop = Workshop::new(environment, known);
        let features: Vec<Arc<Feature>> = environment
            .features
            .iter()
            .map(|fragment| {
                let before = before.and_then(|tables| tables.find(&fragment.name));
                Feature::compile(fragment, before.map(|linked| &linked.feature), &mut workshop)
            })
            .collect();
        Engine { tables: link(&features), malformed: malformed(&features) }
    }

    /// The malformed features, sorted by name.
    pub fn malformed(&self) -> &[Malformed] {
        &self.malformed
    }

    /// The names of all features, in byte order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.features.iter().map(|linked| &*linked.feature.name)
    }

    /// Appends the object of one feature. `None`, and nothing appended, if there is none of this name in the
    /// token's projects; a token without projects (`[]`) never sees one.
    pub fn write_one(
        &self,
        name: &str,
        ask: &Ask<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Option<Used> {
        let has_projects = *ask.projects == Projects::All || !ask.projects.is_everything();
        let linked = self.tables.find(name)?;
        if !has_projects || !ask.projects.sees(&linked.feature.project) {
            return None;
        }
        let clock = ClockText::new(ask.now_unix_ms);
        let mut evaluation = Evaluation::new(&self.tables, ask, &clock, scratch);
        self.write_feature(List::All, linked, &mut evaluation, out);
        answer::take_back_comma(out);
        Some(evaluation.used())
    }

    /// Evaluates one feature of any project. For tests and tools; `serve` writes answers directly.
    pub fn resolve(&self, name: &str, ask: &Ask<'_>, scratch: &mut Scratch) -> Option<Resolved<'_>> {
        let linked = self.tables.find(name)?;
        let clock = ClockText::new(ask.now_unix_ms);
        let mut evaluation = Evaluation::new(&self.tables, ask, &clock, scratch);
        let outcome = linked.settled.map_or_else(|| evaluation.outcome(linked), |(outcome, _)| outcome);
        Some(Resolved {
            enabled: outcome != Outcome::Off,
            variant: self.resolved_variant(outcome),
            impression_data: linked.feature.impression_data,
            project: &linked.feature.project,
            used: evaluation.used(),
        })
    }

    fn resolved_variant(&self, outcome: Outcome) -> Option<ResolvedVariant<'_>> {
        let Outcome::Variant(variant) = outcome else { return None };
        let variant = &self.tables.variants.get(variant as usize)?.variant;
        let payload = variant.payload.as_ref().map(|(kind, value)| (&**kind, &**value));
        Some(ResolvedVariant { name: &variant.name, payload })
    }
}

fn malformed(features: &[Arc<Feature>]) -> Box<[Malformed]> {
    let of = |feature: &Arc<Feature>| {
        let reason = feature.malformed.clone()?;
        Some(Malformed { feature: feature.name.clone(), reason })
    };
    features.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tables::Linked;
    use super::super::tests::environment;
    use super::*;
    use serde_json::{Value, json};

    fn feature(name: &str, segment: i64, values: &[&str]) -> Value {
        let constraint = json!({"contextName": "plan", "operator": "IN", "values": values});
        let strategy = json!({"name": "default", "segments": [segment], "constraints": [constraint]});
        json!({"name": name, "enabled": true, "strategies": [strategy]})
    }

    /// Which features were taken over from the engine before.
    fn kept(before: &Engine, after: &Engine) -> Vec<String> {
        let is_kept = |linked: &&Linked| {
            let before = before.tables.find(&linked.feature.name);
            before.is_some_and(|before| Arc::ptr_eq(&before.feature, &linked.feature))
        };
        let features = after.tables.features.iter().filter(is_kept);
        features.map(|linked| linked.feature.name.to_string()).collect()
    }

    #[test]
    fn only_what_changed_is_compiled_again() {
        let features =
            |value| json!([feature("a", 1, &["x"]), feature("b", 2, &[value]), feature("c", 3, &["x"])]);
        let segments = |operator| json!([{"id": 1, "constraints": []}, {"id": 2, "constraints": [{"contextName": "a", "operator": operator, "values": ["x"]}]}]);
        let first = Engine::compile(&environment(features("x"), segments("IN")), None);
        let same = Engine::compile(&environment(features("x"), segments("IN")), Some(&first));
        assert_eq!(kept(&first, &same), ["a", "b", "c"]);
        let changed = Engine::compile(&environment(features("y"), segments("IN")), Some(&first));
        assert_eq!(kept(&first, &changed), ["a", "c"]);
        let other_segment = Engine::compile(&environment(features("x"), segments("NOT_IN")), Some(&first));
        assert_eq!(kept(&first, &other_segment), ["a", "c"]);
    }

    #[test]
    fn equal_constraints_are_one() {
        let features = json!([feature("a", 1, &["x"]), feature("b", 1, &["x"]), feature("c", 1, &["y"])]);
        let engine = Engine::compile(&environment(features, json!([{"id": 1, "constraints": []}])), None);
        assert_eq!(engine.tables.constraints.len(), 2);
    }
}
