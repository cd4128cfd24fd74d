//! An upstream that changes at random: flags come, go, move and refer to other segments; revisions grow, stay,
//! fall or are missing.

use crate::features::fragment::{Fragment, MetaFragment, SegmentFragment};
use crate::features::model::Document;
use crate::features::warning::Warnings;
use crate::tokens::scope::Projects;
use rand::{Rng, rngs::SmallRng};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const NAMES: [&str; 5] = ["a", "ab", "b", "ba", "c\"d"];
pub(super) const PROJECTS: [&str; 3] = ["p1", "p2", "p3"];
const SEGMENTS: i64 = 3;
const VARIANTS: u8 = 3;

/// A flag of upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Flag {
    name: usize,
    project: usize,
    variant: u8,
    /// Bits.
    segments: u8,
}

/// Fragments made before: reading is not what is tested.
#[derive(Default)]
pub(super) struct Pool {
    features: HashMap<Flag, Arc<Fragment>>,
    segments: HashMap<(i64, u8), Arc<SegmentFragment>>,
}

impl Pool {
    fn feature(&mut self, flag: Flag) -> Arc<Fragment> {
        let make = || {
            let ids: Vec<i64> = (1..=SEGMENTS).filter(|id| flag.segments >> id & 1 == 1).collect();
            let strategies = json!([{"name": "s", "segments": ids}]);
            let wire = json!({"name": NAMES[flag.name], "enabled": true, "project": PROJECTS[flag.project],
                              "strategies": strategies, "variant": flag.variant});
            Arc::new(Fragment::parse(&wire.to_string()).expect("a flag"))
        };
        Arc::clone(self.features.entry(flag).or_insert_with(make))
    }

    fn segment(&mut self, id: i64, variant: u8) -> Arc<SegmentFragment> {
        let make = || {
            let wire = json!({"id": id, "constraints": [], "variant": variant});
            Arc::new(SegmentFragment::parse(&wire.to_string()).expect("a segment"))
        };
        Arc::clone(self.segments.entry((id, variant)).or_insert_with(make))
    }
}

/// See the module.
pub(super) struct Upstream {
    flags: BTreeMap<usize, Flag>,
    segments: BTreeMap<i64, u8>,
    revision: Option<u64>,
    /// Each change has a larger revision.
    orderly: bool,
}

impl Upstream {
    pub(super) fn new(random: &mut SmallRng, orderly: bool) -> Self {
        let segments = (1..=SEGMENTS).map(|id| (id, 0)).collect();
        let revision = (orderly || random.random_bool(0.9)).then_some(10);
        let mut upstream = Self { flags: BTreeMap::new(), segments, revision, orderly };
        for _ in 0..random.random_range(0..6) {
            upstream.edit(random);
        }
        upstream
    }

    /// Some edits, and what becomes of the revision.
    pub(super) fn change(&mut self, random: &mut SmallRng) {
        for _ in 0..random.random_range(1..4) {
            self.edit(random);
        }
        self.revision = match random.random_range(if self.orderly { 5 } else { 0 }..20) {
            0 => self.revision.map(|_| random.random_range(0..12)),
            1..4 => self.revision,
            4 => (self.revision.is_none() || random.random_bool(0.2)).then_some(random.random_range(10..14)),
            _ => self.revision.map(|revision| revision + random.random_range(1..3)),
        };
    }

    fn edit(&mut self, random: &mut SmallRng) {
        let name = random.random_range(0..NAMES.len());
        let flag = Flag {
            name,
            project: random.random_range(0..PROJECTS.len()),
            variant: random.random_range(0..VARIANTS),
            segments: random.random_range(0..8) << 1,
        };
        match random.random_range(0..6) {
            0 => _ = self.flags.remove(&name),
            1 => {
                _ = self.segments.insert(random.random_range(1..=SEGMENTS), random.random_range(0..VARIANTS))
            }
            2 if self.flags.contains_key(&name) => {
                self.flags.entry(name).and_modify(|old| old.project = flag.project);
            }
            3 if self.flags.contains_key(&name) => {
                self.flags.entry(name).and_modify(|old| old.segments = flag.segments);
            }
            _ => _ = self.flags.insert(name, flag),
        }
    }

    /// What a token of these projects gets.
    pub(super) fn document(&self, projects: &Projects, pool: &mut Pool) -> Document {
        let seen = self.flags.values().filter(|flag| projects.sees(PROJECTS[flag.project]));
        let mut features: Vec<_> = seen.map(|flag| pool.feature(*flag)).collect();
        features.sort_by(|a, b| a.name.cmp(&b.name));
        let segments = self.segments.iter().map(|(id, variant)| pool.segment(*id, *variant)).collect();
        let meta = |revision| MetaFragment {
            json: format!("{{\"revisionId\":{revision}}}").into(),
            revision_id: Some(revision),
        };
        let meta = self.revision.map(meta).map(Arc::new);
        Document { version: 2, features, segments, meta, warnings: Warnings::default() }
    }
}
