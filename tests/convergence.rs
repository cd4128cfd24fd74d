//! Whatever happens upstream and whichever states are dropped on the way, every replica shows a state that was
//! published, never an older one than before, and ends with the newest.
//!
//! A seeded model: documents are applied to the real catalog and to a naive one, the real publisher makes
//! snapshots of it, a newest-only slot per replica stands for the broadcast, and each replica is the real service.
//! What a replica answers is compared with what the naive catalog said when that snapshot was published.

#[path = "support/edge.rs"]
mod edge;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use brink::{
    features::{catalog::Catalog, environment::EnvironmentData, parse::parse_document},
    publish::{DataState, Publisher},
    serve::{Desk, Edge},
    snapshot::Snapshot,
    tokens::{
        scope::{Projects, Scope},
        table::{Row, Standing, TokenKind, TokenTable},
        token::Token,
    },
};
use brink_shards::{Service, loopback::Loopback};
use edge::{FEATURES, connect, get, hasher, token};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

const SEQUENCES: u64 = 1_000;
const STEPS: usize = 24;
const REPLICAS: usize = 3;
const ENVIRONMENTS: [&str; 2] = ["dev", "prod"];
const PROJECTS: [&str; 3] = ["p1", "p2", "p3"];
const NAMES: [&str; 5] = ["alpha", "Beta", "gamma", "alpha.one", "delta"];
const TOKENS: [&str; 6] = ["*:dev.a", "p1:dev.b", "p2:dev.c", "[]:dev.d", "*:prod.e", "p3:prod.f"];

/// A feature of the naive catalog.
#[derive(Debug, Clone)]
struct Feature {
    project: &'static str,
    enabled: bool,
    segment: usize,
}

/// An environment of the naive catalog.
#[derive(Debug, Clone, Default)]
struct Environment {
    features: BTreeMap<&'static str, Feature>,
    /// The newest content of each segment.
    segments: [u32; 3],
}

/// Everything that should be seen.
#[derive(Debug, Clone, Default)]
struct World {
    environments: BTreeMap<&'static str, Environment>,
    tokens: BTreeSet<&'static str>,
}

impl World {
    /// Status and body for a token.
    fn answer(&self, text: &'static str) -> (u16, String) {
        let scope = scope_of(text);
        let name = scope.environment.as_deref().unwrap_or_default();
        match self.environments.get(name) {
            _ if !self.tokens.contains(text) => (403, String::new()),
            None => (503, String::new()),
            Some(environment) => (200, environment.body(name, &scope.projects)),
        }
    }

    /// What every token should get.
    fn answers(&self) -> Vec<(u16, String)> {
        TOKENS.iter().map(|text| self.answer(text)).collect()
    }
}

impl Environment {
    fn body(&self, name: &str, projects: &Projects) -> String {
        let seen: Vec<_> =
            self.features.iter().filter(|(_, feature)| projects.sees(feature.project)).collect();
        let features: Vec<_> = seen.iter().map(|(name, feature)| feature.json(name)).collect();
        let referred: BTreeSet<usize> = seen.iter().map(|(_, feature)| feature.segment).collect();
        let segments: Vec<_> = referred.iter().map(|id| self.segment(*id)).collect();
        let segments = match segments.is_empty() {
            true => String::new(),
            false => format!(r#""segments":[{}],"#, segments.join(",")),
        };
        let projects: Vec<_> = projects.names().iter().map(|name| format!("\"{name}\"")).collect();
        format!(
            r#"{{"version":2,"features":[{}],{segments}"query":{{"projects":[{}],"environment":"{name}","inlineSegmentConstraints":false}}}}"#,
            features.join(","),
            projects.join(",")
        )
    }

    fn segment(&self, id: usize) -> String {
        let content = self.segments[id];
        format!(
            r#"{{"id":{id},"constraints":[{{"contextName":"region","operator":"IN","caseInsensitive":false,"inverted":false,"values":["{content}"]}}]}}"#
        )
    }
}

impl Feature {
    fn json(&self, name: &str) -> String {
        let Self { project, enabled, segment } = self;
        format!(
            r#"{{"name":"{name}","enabled":{enabled},"project":"{project}","strategies":[{{"name":"default","segments":[{segment}],"variants":[]}}]}}"#
        )
    }
}

fn scope_of(text: &str) -> Scope {
    Token::parse(text).expect("in grammar").scope()
}

fn table(tokens: &BTreeSet<&'static str>) -> TokenTable {
    let scopes: Vec<_> = tokens.iter().map(|text| (text, scope_of(text))).collect();
    TokenTable::build(scopes.iter().map(|(text, scope)| Row {
        key: hasher().key(text.as_bytes()),
        kind: TokenKind::Backend,
        standing: Standing::Validated,
        scope,
    }))
}

/// The states on their way: one slot per replica, the newest wins. The number tells which state it is.
type Slots = Arc<Mutex<Vec<Option<(usize, Arc<Snapshot>)>>>>;

/// One replica, and the number of the state it shows.
struct Replica {
    connection: Loopback<Edge>,
    shows: usize,
}

struct Model {
    random: SmallRng,
    /// Fills the segments.
    counter: u32,
    world: World,
    catalog: Catalog,
    publisher: Publisher,
    slots: Slots,
    replicas: Vec<Replica>,
    /// What each published state should be answered as; the first is the empty one.
    published: Vec<Vec<(u16, String)>>,
}

impl Model {
    fn new(seed: u64) -> Self {
        let slots: Slots = Arc::new(Mutex::new((0..REPLICAS).map(|_| None).collect()));
        let lanes = Arc::clone(&slots);
        let mut number = 0;
        let sink = move |snapshot: &Arc<Snapshot>| {
            number += 1;
            let mut lanes = lanes.lock().unwrap_or_else(PoisonError::into_inner);
            lanes.iter_mut().for_each(|lane| *lane = Some((number, Arc::clone(snapshot))));
        };
        let replica = |_| Replica { connection: connect(Desk::offline).0, shows: 0 };
        let world = World::default();
        Self {
            random: SmallRng::seed_from_u64(seed),
            counter: 0,
            published: vec![world.answers()],
            world,
            catalog: Catalog::default(),
            publisher: Publisher::new(Box::new(sink)).expect("a thread can be started"),
            slots,
            replicas: (0..REPLICAS).map(replica).collect(),
        }
    }

    fn step(&mut self) -> Result<(), String> {
        match self.random.random_range(0..20) {
            0..6 => self.apply_document(),
            6 => self.remove_environment(),
            7..10 => self.change_tokens(),
            10..14 => self.publish(),
            14 => drop(self.publisher.sweep()),
            _ => {
                let replica = self.random.random_range(0..REPLICAS);
                return self.deliver(replica);
            }
        }
        Ok(())
    }

    /// An answer of upstream for one environment and all or some projects.
    fn apply_document(&mut self) {
        let name = *ENVIRONMENTS.choose(&mut self.random).expect("not empty");
        let projects: Vec<&'static str> = match self.random.random_range(0..4) {
            0 => vec!["*"],
            1 => vec![],
            count => PROJECTS.choose_multiple(&mut self.random, count - 1).copied().collect(),
        };
        let projects = Projects::from_names(projects);
        let visible: Vec<_> = PROJECTS.iter().copied().filter(|project| projects.sees(project)).collect();
        let count = self.random.random_range(0..NAMES.len());
        let chosen: Vec<&'static str> = NAMES.choose_multiple(&mut self.random, count).copied().collect();
        let features: Vec<_> = chosen.into_iter().map(|name| (name, self.feature(&visible))).collect();

        let environment = self.world.environments.entry(name).or_default();
        environment.features.retain(|_, feature| !projects.sees(feature.project));
        environment.features.extend(features.iter().cloned());
        environment.segments = [1, 2, 3].map(|more| self.counter + more);
        self.counter += self.random.random_range(0..4);
        let text = {
            let features: Vec<_> = features.iter().map(|(name, feature)| feature.json(name)).collect();
            let segments: Vec<_> = (0..3).map(|id| environment.segment(id)).collect();
            let (features, segments) = (features.join(","), segments.join(","));
            format!(r#"{{"version":2,"features":[{features}],"segments":[{segments}]}}"#)
        };
        let key: Arc<str> = name.into();
        let known = self.catalog.environment(name).map(Arc::clone);
        let known = known.unwrap_or_else(|| Arc::new(EnvironmentData::empty(Arc::clone(&key))));
        let document = parse_document(text.as_bytes(), &known).expect("a good document");
        self.catalog.apply(&key, &projects, document);
    }

    fn feature(&mut self, projects: &[&'static str]) -> Feature {
        Feature {
            project: projects.choose(&mut self.random).expect("every scope here sees a project"),
            enabled: self.random.random(),
            segment: self.random.random_range(0..3),
        }
    }

    fn remove_environment(&mut self) {
        let name = *ENVIRONMENTS.choose(&mut self.random).expect("not empty");
        self.catalog.remove(name);
        self.world.environments.remove(name);
    }

    fn change_tokens(&mut self) {
        let text = *TOKENS.choose(&mut self.random).expect("not empty");
        if !self.world.tokens.remove(text) {
            self.world.tokens.insert(text);
        }
    }

    fn publish(&mut self) {
        self.published.push(self.world.answers());
        let catalog = &self.catalog;
        self.publisher.publish(Arc::new(table(&self.world.tokens)), true, |scope| {
            let environment = scope.environment.as_deref().and_then(|name| catalog.environment(name));
            environment.map_or(DataState::Loading, |environment| DataState::Loaded(Arc::clone(environment)))
        });
    }

    /// A replica picks up what is in its slot, if anything is.
    fn deliver(&mut self, index: usize) -> Result<(), String> {
        let arrived = self.slots.lock().unwrap_or_else(PoisonError::into_inner)[index].take();
        let replica = &mut self.replicas[index];
        if let Some((number, snapshot)) = arrived {
            if number <= replica.shows {
                return Err(format!("replica {index} got state {number} after {}", replica.shows));
            }
            replica.shows = number;
            replica.connection.service.apply(snapshot);
        }
        let expected = self.published.get(replica.shows).ok_or("a state that was never published")?;
        replica.check(expected).map_err(|fault| format!("replica {index}, state {}: {fault}", replica.shows))
    }

    /// Everything has been said: all replicas must show the newest.
    fn settle(&mut self) -> Result<(), String> {
        self.publish();
        for index in 0..REPLICAS {
            self.deliver(index)?;
            let (shows, newest) = (self.replicas[index].shows, self.published.len() - 1);
            if shows != newest {
                return Err(format!("replica {index} ended with state {shows} of {newest}"));
            }
        }
        Ok(())
    }
}

impl Replica {
    fn check(&mut self, expected: &[(u16, String)]) -> Result<(), String> {
        for (text, (status, body)) in TOKENS.iter().zip(expected) {
            let sent = self.connection.exchange(&get(FEATURES, &token(text)));
            let sent = String::from_utf8(sent).map_err(|error| error.to_string())?;
            let (head, seen) = sent.split_once("\r\n\r\n").ok_or("no answer")?;
            if head.get(9..12) != Some(&status.to_string()) || seen != body {
                return Err(format!("{text} is answered\n{sent}\ninstead of {status}\n{body}"));
            }
        }
        Ok(())
    }
}

fn run(seed: u64) -> Result<(), String> {
    let mut model = Model::new(seed);
    for _ in 0..STEPS {
        model.step()?;
    }
    model.settle()
}

#[test]
fn every_replica_ends_with_the_newest_state() {
    for seed in 0..SEQUENCES {
        run(seed).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
    }
}
