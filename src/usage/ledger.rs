//! What all shards have gathered and upstream does not have yet. Owned by the report thread.
//!
//! Kept while upstream is away, up to a bound of memory: then the oldest hours make way for newer ones, and within
//! an hour what was there first stays.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use super::{
    application::Hop,
    batch::{Batch, Evaluations},
    bucket::Bucket,
    child::{Child, Children},
    drops::{Drops, Reason},
    hours::{Applications, Hours, dropped},
    impact::{Arrival, Named},
    limits::{BUCKET_ENTRIES_MAX, ENVIRONMENTS_MAX, LEDGER_USAGE_PERCENT},
    moment::Hour,
    page,
    room::Room,
    tables::{Books, Tables},
};
use crate::tokens::token::Token;

/// The gatherings of the process.
#[derive(PartialEq)]
pub struct Ledger {
    /// Us, the next hop of every registration that passes.
    via: Hop,
    environments: BTreeMap<Arc<str>, Tables>,
    /// By environment: a backend token that was used here lately.
    senders: HashMap<Arc<str>, Token>,
    children: Children,
    books: Books,
}

impl Ledger {
    /// An empty ledger. `via` names this edge; `bytes_max` bounds the memory, documents of edges below us apart.
    pub fn new(via: Hop, bytes_max: usize) -> Self {
        let usage_bytes = bytes_max / 100 * LEDGER_USAGE_PERCENT;
        let usage = Room::new(usage_bytes, usize::MAX);
        let other = Room::new(bytes_max - usage_bytes, BUCKET_ENTRIES_MAX);
        Self {
            via,
            environments: BTreeMap::new(),
            senders: HashMap::new(),
            children: Children::default(),
            books: Books::new(usage, other),
        }
    }

    /// Adds what a shard has gathered.
    pub fn absorb(&mut self, bucket: Bucket) {
        let Bucket { environments, senders, mut children, books } = bucket;
        self.books.drops.merge(&books.drops);
        for (environment, mut tables) in environments {
            tables.applications.values_mut().for_each(|application| application.extend(&self.via));
            self.merge(environment, tables, Arrival::Newer);
        }
        for (environment, token) in senders {
            if self.senders.len() < ENVIRONMENTS_MAX || self.senders.contains_key(&environment) {
                self.senders.insert(environment, token);
            }
        }
        children.take().into_iter().for_each(|child| self.children.insert(child, &mut self.books.drops));
    }

    /// Environments that have something to send.
    pub fn environments(&self) -> Vec<Arc<str>> {
        self.environments.keys().map(Arc::clone).collect()
    }

    /// Moves everything of an environment out. What is not sent must come back by [`Ledger::put_back`], or be counted
    /// by [`Ledger::forgo`].
    pub fn take(&mut self, environment: &str) -> Option<Batch> {
        let (environment, tables) = self.environments.remove_entry(environment)?;
        let (bytes, entries) = tables.hours.size();
        self.books.usage.release(bytes, entries);
        let (bytes, entries) = tables.size_but_for_hours();
        self.books.other.release(bytes, entries);
        Some(batch(environment, tables))
    }

    /// Takes back what could not be sent now.
    pub fn put_back(&mut self, batch: Batch) {
        let (environment, tables) = unbatch(batch);
        self.merge(environment, tables, Arrival::Returned);
    }

    /// Gives a batch up, and counts what is lost.
    pub fn forgo(&mut self, batch: Batch, reason: Reason) {
        self.books.drops.add(reason, batch.dropped());
    }

    /// The document of `/internal-backstage/metricsbatch` (metrics.md part 5).
    pub fn page(&self) -> Vec<u8> {
        page::write(&self.environments)
    }

    /// What was left out since the start, on the shards and here.
    pub fn drops(&self) -> &Drops {
        &self.books.drops
    }

    /// Memory, estimated.
    pub fn bytes(&self) -> usize {
        self.books.bytes() + self.children.bytes()
    }

    /// Entries of counts: application, flag, environment, hour.
    pub fn entries(&self) -> usize {
        self.books.usage.entries
    }

    /// A valid backend token of the environment that an SDK or an edge below us has used (metrics.md 1.5.3). Never
    /// print its text.
    pub fn token_seen(&self, environment: &str) -> Option<&Token> {
        self.senders.get(environment)
    }

    /// Moves the documents of edges below us out.
    pub fn take_children(&mut self) -> Vec<Child> {
        self.children.take()
    }

    /// Takes back documents that could not be sent now. Those that came since then stay.
    pub fn put_back_children(&mut self, children: Vec<Child>) {
        children.into_iter().for_each(|child| self.children.put_back(child, &mut self.books.drops));
    }

    fn merge(&mut self, environment: Arc<str>, tables: Tables, arrival: Arrival) {
        if tables.is_empty() {
            return;
        }
        if self.environments.len() >= ENVIRONMENTS_MAX && !self.environments.contains_key(&environment) {
            return self.forgo(batch(environment, tables), Reason::Entries);
        }
        let Tables { hours, applications, impact, seen } = tables;
        let kept = self.environments.entry(Arc::clone(&environment)).or_default();
        for application in applications.into_values() {
            kept.register(application, arrival, &mut self.books);
        }
        for ((app, name), metric) in impact {
            kept.measure(Named { app, name, metric }, arrival, &mut self.books);
        }
        for token in seen {
            kept.see(token, &mut self.books);
        }
        // The newest first: what makes way for them does not come after them.
        let mut hours: Vec<_> = hours.into_hours().collect();
        while let Some((hour, applications)) = hours.pop() {
            self.merge_hour(&environment, hour, applications);
        }
        self.environments.retain(|_, tables| !tables.is_empty());
    }

    fn merge_hour(&mut self, environment: &Arc<str>, hour: Hour, mut incoming: Applications) {
        loop {
            let kept = self.environments.entry(Arc::clone(environment)).or_default();
            incoming = kept.hours.merge(hour, incoming, &mut self.books.usage());
            if incoming.is_empty() {
                return;
            }
            if !self.forget_before(hour) {
                return self.books.drops.add(Reason::Bytes, dropped(&incoming));
            }
        }
    }

    /// Forgets the oldest hour there is, if it is older than this.
    fn forget_before(&mut self, hour: Hour) -> bool {
        let oldest = self.environments.values_mut().filter(|tables| tables.hours.oldest().is_some());
        let Some(tables) = oldest.min_by_key(|tables| tables.hours.oldest()) else { return false };
        let is_older = tables.hours.oldest().is_some_and(|oldest| oldest < hour);
        if is_older {
            tables.hours.forget_oldest(&mut self.books.usage());
        }
        is_older
    }
}

/// By numbers: there are secrets in it.
impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("environments", &self.environments.keys())
            .field("entries", &self.entries())
            .field("bytes", &self.bytes())
            .field("drops", &self.books.drops)
            .finish()
    }
}

fn batch(environment: Arc<str>, tables: Tables) -> Batch {
    let Tables { hours, applications, impact, seen } = tables;
    let mut batch = Batch::new(environment);
    batch.applications = applications.into_values().collect();
    batch.metrics = hours.into_hours().flat_map(|(_, applications)| evaluations(applications)).collect();
    batch.impact = impact.into_iter().map(|((app, name), metric)| Named { app, name, metric }).collect();
    batch.seen_tokens = seen.into_iter().collect();
    batch
}

/// Of one hour, in order: two equal ledgers make equal batches.
fn evaluations(applications: Applications) -> Vec<Evaluations> {
    let mut evaluations = Vec::new();
    for (app, features) in applications {
        for (feature, entry) in features {
            evaluations.push(Evaluations { app: Arc::clone(&app), feature, entry });
        }
    }
    evaluations.sort_unstable_by(|one, other| (&one.app, &one.feature).cmp(&(&other.app, &other.feature)));
    evaluations
}

fn unbatch(batch: Batch) -> (Arc<str>, Tables) {
    let Batch { environment, applications, metrics, impact, seen_tokens } = batch;
    let mut hours = Hours::default();
    metrics.into_iter().for_each(|one| hours.restore(one));
    let applications = applications.into_iter().map(|one| (one.key(), one)).collect();
    let impact = impact.into_iter().map(|one| ((one.app, one.name), one.metric)).collect();
    let tables = Tables { hours, applications, impact, seen: seen_tokens.into_iter().collect() };
    (environment, tables)
}
