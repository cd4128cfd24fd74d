//! Everything between upstream and clients, at random: documents in any order, shards that miss snapshots, clients that
//! come, go and resume from anywhere. After each snapshot every connected client holds what the body says.

use super::subscriber::{Held, Subscriber};
use super::upstream::{Pool, Upstream};
use crate::features::catalog::Catalog;
use crate::features::view::{ScopeView, assemble};
use crate::tokens::scope::{Projects, Scope};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::sync::Arc;

const SEQUENCES: u64 = 10_000;
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

struct Model {
    random: SmallRng,
    upstream: Upstream,
    fetchers: Vec<Projects>,
    catalog: Catalog,
    served: Vec<Served>,
}

#[test]
fn clients_hold_what_the_body_says() {
    let mut pool = Pool::default();
    for seed in 0..SEQUENCES {
        let run = std::panic::AssertUnwindSafe(|| Model::new(seed).run(&mut pool));
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("The model failed with seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let fetchers = FETCHERS[random.random_range(0..FETCHERS.len())];
        let served = |projects: &[&str]| Served {
            scope: Scope { environment: Some("e".into()), projects: Projects::from_names(projects) },
            published: None,
            replica: None,
            subscribers: ["", "a", "nothing"]
                .map(|prefix| Subscriber { prefix: prefix.to_owned(), ..Subscriber::default() })
                .into(),
        };
        Self {
            upstream: Upstream::new(&mut random),
            random,
            fetchers: fetchers.iter().map(|projects| Projects::from_names(*projects)).collect(),
            catalog: Catalog::default(),
            served: [&["*"][..], &["p1"], &["p1", "p2"], &["p3"]].map(served).into(),
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
        (0..self.fetchers.len()).for_each(|fetcher| self.fetch_with(fetcher, pool));
        for served in &mut self.served {
            served.deliver();
            served.subscribers.iter_mut().for_each(|subscriber| subscriber.position = None);
            served.each_connects(|_| true);
            served.check();
        }
    }

    fn fetch(&mut self, pool: &mut Pool) {
        let fetcher = self.random.random_range(0..self.fetchers.len());
        self.fetch_with(fetcher, pool);
        for served in &mut self.served {
            if self.random.random_bool(0.6) {
                served.deliver();
                served.check();
            }
        }
    }

    fn fetch_with(&mut self, fetcher: usize, pool: &mut Pool) {
        let projects = &self.fetchers[fetcher];
        let document = self.upstream.document(projects, pool);
        if !self.catalog.apply(&"e".into(), projects, document).changed {
            return;
        }
        let environment = self.catalog.environment("e").expect("just applied");
        for served in &mut self.served {
            served.published = Some(assemble(environment, &served.scope, served.published.as_ref()));
        }
    }

    /// Clients come and go, some with what they were given long ago or elsewhere.
    fn meddle(&mut self) {
        let random = &mut self.random;
        for served in &mut self.served {
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
            served.each_connects(|_| random.random_bool(0.5));
            served.check();
        }
    }
}

impl Served {
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
        let all = Held::of_body(view);
        for subscriber in self.subscribers.iter().filter(|subscriber| subscriber.position.is_some()) {
            let mut expected = all.clone();
            expected.features.retain(|name, _| name.starts_with(&subscriber.prefix));
            assert_eq!(subscriber.held, expected, "{:?}, prefix {:?}", self.scope, subscriber.prefix);
        }
    }
}
