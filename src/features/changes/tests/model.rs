//! Everything between upstream and clients, at random: documents in any order, shards that miss snapshots, clients that
//! come, go and resume from anywhere. After each snapshot every connected client holds what the body says.

use super::subscriber::{Held, Subscriber};
use super::upstream::{Pool, Upstream};
use crate::features::catalog::Catalog;
use crate::features::view::{ScopeView, assemble};
use crate::tokens::scope::{Projects, Scope};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

const SEQUENCES: u64 = 10_000;
const ROAMING_SEQUENCES: u64 = 2_000;
const STEPS: usize = 10;

/// Projects of the tokens that fetch.
const FETCHERS: [&[&[&str]]; 5] = [
    &[&["*"]],
    &[&["*"]],
    &[&["p1"], &["p2"], &["p3"]],
    &[&["p1", "p2"], &["p3"]],
    &[&["p1"], &["p1", "p2"], &["*"]],
];

/// One served scope: what the control side has published, what the shard has seen of it, and its clients.
struct Served {
    scope: Scope,
    published: Option<Arc<ScopeView>>,
    replica: Option<Arc<ScopeView>>,
    subscribers: Vec<Subscriber>,
}

/// One brink.
struct Edge {
    catalog: Catalog,
    served: Vec<Served>,
}

struct Model {
    random: SmallRng,
    upstream: Upstream,
    fetchers: Vec<Projects>,
    edges: Vec<Edge>,
}

#[test]
fn clients_hold_what_the_body_says() {
    check(0..SEQUENCES, |seed| Model::new(seed, 1));
}

/// Upstream is orderly then: where one revision names two contents no edge can tell what another one meant by it.
#[test]
fn clients_may_go_from_edge_to_edge() {
    check(0..ROAMING_SEQUENCES, |seed| Model::new(seed, 2));
}

fn check(seeds: Range<u64>, model: impl Fn(u64) -> Model) {
    let mut pool = Pool::default();
    for seed in seeds {
        let run = AssertUnwindSafe(|| model(seed).run(&mut pool));
        if let Err(panic) = catch_unwind(run) {
            eprintln!("The model failed with seed {seed}");
            resume_unwind(panic);
        }
    }
}

impl Model {
    fn new(seed: u64, edges: usize) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let fetchers = FETCHERS[random.random_range(0..FETCHERS.len())];
        let edge = |_| Edge {
            catalog: Catalog::default(),
            served: [&["*"][..], &["p1"], &["p1", "p2"], &["p3"]].map(Served::new).into(),
        };
        Self {
            upstream: Upstream::new(&mut random, edges > 1),
            random,
            fetchers: fetchers.iter().map(|projects| Projects::from_names(*projects)).collect(),
            edges: (0..edges).map(edge).collect(),
        }
    }

    fn run(&mut self, pool: &mut Pool) {
        for _ in 0..STEPS {
            match self.random.random_range(0..10) {
                0..3 => self.upstream.change(&mut self.random),
                3..7 => self.fetch(pool),
                _ => self.meddle(),
            }
        }
        for edge in 0..self.edges.len() {
            (0..self.fetchers.len()).for_each(|fetcher| self.fetch_with(edge, fetcher, pool));
        }
        for served in self.edges.iter_mut().flat_map(|edge| &mut edge.served) {
            served.deliver();
            served.subscribers.iter_mut().for_each(|subscriber| subscriber.position = None);
            served.each_connects(|_| true);
            served.check();
        }
    }

    fn fetch(&mut self, pool: &mut Pool) {
        let edge = self.random.random_range(0..self.edges.len());
        let fetcher = self.random.random_range(0..self.fetchers.len());
        self.fetch_with(edge, fetcher, pool);
        for served in &mut self.edges[edge].served {
            if self.random.random_bool(0.6) {
                served.deliver();
                served.check();
            }
        }
    }

    fn fetch_with(&mut self, edge: usize, fetcher: usize, pool: &mut Pool) {
        let projects = &self.fetchers[fetcher];
        let document = self.upstream.document(projects, pool);
        let Edge { catalog, served } = &mut self.edges[edge];
        if !catalog.apply(&"e".into(), projects, document).changed {
            return;
        }
        let environment = catalog.environment("e").expect("just applied");
        for served in served {
            served.published = Some(assemble(environment, &served.scope, served.published.as_ref()));
        }
    }

    /// Clients come and go, some with what they were given long ago or elsewhere.
    fn meddle(&mut self) {
        let random = &mut self.random;
        for served in self.edges.iter_mut().flat_map(|edge| &mut edge.served) {
            for subscriber in &mut served.subscribers {
                if subscriber.position.take().is_some()
                    && !subscriber.past.is_empty()
                    && random.random_bool(0.3)
                {
                    let at = random.random_range(0..subscriber.past.len());
                    let (token, held) = subscriber.past[at].clone();
                    (subscriber.token, subscriber.held) = (Some(token), held);
                }
                if random.random_bool(0.05) {
                    let elsewhere = ["1000", "12-00000000", "abc", "", "0"];
                    let token = elsewhere[random.random_range(0..elsewhere.len())];
                    (subscriber.token, subscriber.held) = (Some(token.to_owned()), Held::default());
                }
            }
        }
        if let [one, other] = &mut self.edges[..] {
            for (one, other) in one.served.iter_mut().zip(&mut other.served) {
                one.exchange(other);
            }
        }
        for served in self.edges.iter_mut().flat_map(|edge| &mut edge.served) {
            served.each_connects(|_| random.random_bool(0.5));
            served.check();
        }
    }
}

impl Served {
    fn new(projects: &[&str]) -> Self {
        let subscriber = |prefix: &str| Subscriber { prefix: prefix.to_owned(), ..Subscriber::default() };
        Self {
            scope: Scope { environment: Some("e".into()), projects: Projects::from_names(projects) },
            published: None,
            replica: None,
            subscribers: ["", "a", "nothing"].map(subscriber).into(),
        }
    }

    /// Clients that are not connected may come back at the other edge.
    fn exchange(&mut self, other: &mut Self) {
        for (mine, theirs) in self.subscribers.iter_mut().zip(&mut other.subscribers) {
            if mine.position.is_none() && theirs.position.is_none() {
                std::mem::swap(mine, theirs);
            }
        }
    }

    /// The shard sees the newest snapshot.
    fn deliver(&mut self) {
        self.replica.clone_from(&self.published);
        let Some(view) = &self.replica else { return };
        self.subscribers.iter_mut().for_each(|subscriber| subscriber.follow(view));
    }

    fn each_connects(&mut self, mut wants: impl FnMut(&Subscriber) -> bool) {
        let Some(view) = &self.replica else { return };
        for subscriber in &mut self.subscribers {
            if subscriber.position.is_none() && wants(subscriber) {
                subscriber.connect(view);
            }
        }
    }

    fn check(&self) {
        let Some(view) = &self.replica else { return };
        if self.subscribers.iter().all(|subscriber| subscriber.position.is_none()) {
            return;
        }
        let all = Held::of_body(view);
        for subscriber in self.subscribers.iter().filter(|subscriber| subscriber.position.is_some()) {
            let mut expected = all.clone();
            expected.features.retain(|name, _| name.starts_with(&subscriber.prefix));
            assert_eq!(subscriber.held, expected, "{:?}, prefix {:?}", self.scope, subscriber.prefix);
        }
    }
}
