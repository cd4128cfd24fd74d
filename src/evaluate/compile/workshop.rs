//! What compiling the features of one environment shares: constraints and segments, each compiled once.

use super::super::constraint::{self, Clause, Constraint};
use super::super::reason::Reason;
use super::wire::SegmentWire;
use crate::features::environment::EnvironmentData;
use std::collections::HashMap;
use std::sync::Arc;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

type Compiled<T> = Result<T, Reason>;

/// Lives as long as one compilation.
pub(in super::super) struct Workshop<'e> {
    environment: &'e EnvironmentData,
    /// By hash of their JSON, which is normalised: equal constraints have equal texts.
    clauses: HashMap<u128, Compiled<Clause>>,
    segments: HashMap<i64, Compiled<Vec<Clause>>>,
}

impl<'e> Workshop<'e> {
    /// `known` are constraints of an engine before, to be used again.
    pub(in super::super) fn new<'c>(
        environment: &'e EnvironmentData,
        known: impl Iterator<Item = &'c Arc<Constraint>>,
    ) -> Self {
        let known = known.map(|constraint| (constraint.key, Ok(Clause::Test(Arc::clone(constraint)))));
        Self { environment, clauses: known.collect(), segments: HashMap::new() }
    }

    /// The fingerprint of some segments: other for other texts, and if one of them comes or goes.
    pub(super) fn fingerprint(&self, segments: &[i64]) -> u128 {
        let mut hash = Xxh3::new();
        for id in segments {
            let source = self.environment.segment(*id).map(|segment| segment.source);
            hash.update(&id.to_le_bytes());
            hash.update(&[u8::from(source.is_some())]);
            hash.update(&source.unwrap_or_default().to_le_bytes());
        }
        hash.digest128()
    }

    pub(super) fn clause(&mut self, json: &str) -> Compiled<Clause> {
        let key = xxh3_128(json.as_bytes());
        self.clauses.entry(key).or_insert_with(|| constraint::compile(json, key)).clone()
    }

    pub(super) fn segment(&mut self, id: i64) -> Compiled<Vec<Clause>> {
        if let Some(known) = self.segments.get(&id) {
            return known.clone();
        }
        let compiled = self.compile_segment(id);
        self.segments.insert(id, compiled.clone());
        compiled
    }

    fn compile_segment(&mut self, id: i64) -> Compiled<Vec<Clause>> {
        let segment = self.environment.segment(id).ok_or(Reason::MissingSegment(id))?;
        let wire: SegmentWire<'_> = serde_json::from_str(&segment.json).map_err(|_| Reason::Broken)?;
        wire.constraints.iter().map(|json| self.clause(json.get())).collect()
    }
}
