//! What one shard has gathered since it last handed over. Moved by value; the next one starts empty.

use std::{collections::HashMap, fmt, sync::Arc};

use super::{
    application::Application,
    child::{Child, Children},
    drops::{Dropped, Drops, Reason},
    entry::{Counted, Reporter},
    impact::{Arrival, Named},
    limits::{
        BUCKET_ENTRIES_MAX, BUCKET_OTHER_BYTES_MAX, BUCKET_USAGE_BYTES_MAX, ENVIRONMENTS_MAX, NAME_BYTES_MAX,
    },
    room::Room,
    tables::{Books, Tables},
};
use crate::tokens::token::Token;

/// A shard's gatherings.
#[derive(PartialEq)]
pub struct Bucket {
    pub(super) environments: HashMap<Arc<str>, Tables>,
    /// By environment: a backend token that was used here lately.
    pub(super) senders: HashMap<Arc<str>, Token>,
    pub(super) children: Children,
    pub(super) books: Books,
}

/// How often a flag was evaluated, as reported by one application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Increment<'b> {
    /// The application.
    pub app: &'b str,
    /// The flag.
    pub toggle: &'b str,
    /// Evaluations that were on.
    pub yes: u64,
    /// Evaluations that were off.
    pub no: u64,
}

impl Default for Bucket {
    fn default() -> Self {
        let usage = Room::new(BUCKET_USAGE_BYTES_MAX, BUCKET_ENTRIES_MAX);
        let other = Room::new(BUCKET_OTHER_BYTES_MAX, BUCKET_ENTRIES_MAX);
        Self {
            environments: HashMap::new(),
            senders: HashMap::new(),
            children: Children::default(),
            books: Books::new(usage, other),
        }
    }
}

impl Bucket {
    /// True if there is nothing to hand over, not even a drop.
    pub fn is_empty(&self) -> bool {
        self.environments.values().all(Tables::is_empty)
            && self.senders.is_empty()
            && self.children.is_empty()
            && self.books.drops.is_empty()
    }

    /// Memory, estimated.
    pub fn bytes(&self) -> usize {
        self.books.bytes() + self.children.bytes()
    }

    /// Entries of counts: application, flag, environment, hour.
    pub fn entries(&self) -> usize {
        self.books.usage.entries
    }

    /// What was left out.
    pub fn drops(&self) -> &Drops {
        &self.books.drops
    }

    /// All counts, for statistics: each report is in exactly one bucket, so this is the place to count it once.
    pub fn increments(&self) -> impl Iterator<Item = Increment<'_>> {
        let entries = self.environments.values().flat_map(|tables| tables.hours.iter());
        entries.map(|(app, toggle, entry)| Increment { app, toggle, yes: entry.yes, no: entry.no })
    }

    /// Adds the counts of one flag.
    pub(super) fn add(&mut self, environment: &str, app: &str, counted: &Counted<'_>, by: &mut Reporter<'_>) {
        match tables(&mut self.environments, environment) {
            Ok(tables) => tables.hours.add(app, counted, by, &mut self.books.usage()),
            Err(reason) => self.books.drops.count(reason, counted.evaluations()),
        }
    }

    /// Takes a registration.
    pub(super) fn register(&mut self, application: Application) {
        match tables(&mut self.environments, &application.environment) {
            Ok(tables) => tables.register(application, Arrival::Newer, &mut self.books),
            Err(reason) => self.books.drops.count(reason, 0),
        }
    }

    /// Takes an impact metric.
    pub(super) fn measure(&mut self, environment: &str, named: Named) {
        match tables(&mut self.environments, environment) {
            Ok(tables) => tables.measure(named, Arrival::Newer, &mut self.books),
            Err(reason) => self.books.drops.count(reason, 0),
        }
    }

    /// Takes a token that is in use. `may_send`: it is a backend token that was used here.
    pub fn see(&mut self, token: Token, environment: &str, may_send: bool) {
        match tables(&mut self.environments, environment) {
            Ok(tables) => {
                if may_send && !self.senders.contains_key(environment) {
                    self.senders.insert(environment.into(), token.clone());
                }
                tables.see(token, &mut self.books);
            }
            Err(reason) => self.books.drops.count(reason, 0),
        }
    }

    /// Takes the document of an edge below us.
    pub(super) fn adopt(&mut self, child: Child) {
        self.children.insert(child, &mut self.books.drops);
    }

    /// Forgets everything and counts it: there is nobody to hand it to.
    pub fn give_up(&mut self, reason: Reason) {
        let gathered = std::mem::take(self);
        self.books.drops = gathered.books.drops;
        for (_, tables) in gathered.environments {
            self.books.drops.add(reason, tables.dropped());
        }
        let elements = u64::try_from(gathered.children.len()).unwrap_or(u64::MAX);
        self.books.drops.add(reason, Dropped { elements, evaluations: 0 });
    }

    /// Counts what is left out.
    pub(super) fn omit(&mut self, reason: Reason, evaluations: u64) {
        self.books.drops.count(reason, evaluations);
    }

    pub(super) fn drops_mut(&mut self) -> &mut Drops {
        &mut self.books.drops
    }
}

/// By numbers: there are secrets in it.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("environments", &self.environments.len())
            .field("entries", &self.entries())
            .field("bytes", &self.bytes())
            .field("drops", &self.books.drops.total())
            .finish()
    }
}

/// The tables of an environment. A name is only copied where there is none yet.
fn tables<'t>(
    environments: &'t mut HashMap<Arc<str>, Tables>,
    environment: &str,
) -> Result<&'t mut Tables, Reason> {
    if !environments.contains_key(environment) {
        if environment.len() > NAME_BYTES_MAX {
            return Err(Reason::NameTooLong);
        }
        if environments.len() >= ENVIRONMENTS_MAX {
            return Err(Reason::Entries);
        }
        environments.insert(environment.into(), Tables::default());
    }
    environments.get_mut(environment).ok_or(Reason::Entries)
}
