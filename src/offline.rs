//! Offline mode: a features file instead of an upstream, read at start and, if told so, again and again.
//!
//! The thread owns the registry (fixed after the start), the document and the publisher. A bad file on reload
//! keeps the old data. One document serves every environment, under the environment of each token.

use std::{
    collections::HashSet,
    convert::Infallible,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use brink_shards::Broadcast;
use crossbeam_channel::{Receiver, never, select, tick};

use crate::{
    control::Control,
    described::Described,
    features::{bootstrap::parse_bootstrap, catalog::Catalog, model::Document},
    messages::Ask,
    publish::{Data, DataState, FrontendData, Publisher},
    serve::Edge,
    tokens::{
        registry::Listing,
        scope::{Projects, Scope},
        table::TokenTable,
    },
};

/// The environment of opaque tokens; no token can name it.
pub const OPAQUE: &str = ":";

/// Why a features file cannot be served. The texts are those of Unleash Edge 20.4.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("No features file located")]
    Missing {
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// It is not a features document.
    #[error("file at path: {path} was invalid due to {reason}")]
    Invalid {
        /// The file.
        path: String,
        /// The parser's words.
        reason: String,
    },
}

/// Reads and checks a features file, in either format.
///
/// # Errors
/// See [`FileError`].
pub fn read(path: &Path) -> Result<Document, FileError> {
    let bytes = std::fs::read(path).map_err(|cause| FileError::Missing { cause })?;
    parse_bootstrap(&bytes)
        .map_err(|error| FileError::Invalid { path: path.display().to_string(), reason: error.to_string() })
}

/// The tokens that are served.
pub struct Tokens {
    /// To be looked up.
    pub table: TokenTable,
    /// The same, to be shown.
    pub listing: Listing,
}

/// Reads the tokens again.
pub type Reread = Box<dyn FnMut() -> Tokens + Send>;

/// What the offline thread is made of.
pub struct Setup {
    /// The file.
    pub path: PathBuf,
    /// Its content, as read before the start.
    pub document: Document,
    /// How often to read it again.
    pub reload: Option<Duration>,
    /// The configured tokens.
    pub tokens: Tokens,
    /// Reads those again that come from files.
    pub reread: Reread,
    /// When to: files of tokens, and the features file with them.
    pub hangups: Receiver<()>,
    /// The shards.
    pub broadcast: Broadcast<Edge>,
    /// From the shards.
    pub asks: Receiver<Ask>,
}

struct Offline {
    path: PathBuf,
    tokens: Arc<TokenTable>,
    listing: Listing,
    reread: Reread,
    /// The last one that could be read.
    document: Document,
    catalog: Catalog,
    publisher: Publisher,
    /// The last reload failed; logged when that changes.
    in_trouble: bool,
}

/// Publishes the document and starts the thread that keeps it fresh.
///
/// # Errors
/// If the system has no thread left.
pub fn start(setup: Setup) -> std::io::Result<Control> {
    let broadcast = setup.broadcast;
    let publisher = Publisher::new(Box::new(move |snapshot| broadcast.publish(snapshot)))?;
    let Tokens { table, listing } = setup.tokens;
    let mut offline = Offline {
        path: setup.path,
        tokens: Arc::new(table),
        listing,
        reread: setup.reread,
        document: setup.document,
        catalog: Catalog::default(),
        publisher,
        in_trouble: false,
    };
    offline.take_over(false);
    let (asks, reload, hangups) = (setup.asks, setup.reload, setup.hangups);
    Control::start("offline", move |stopped| offline.run(&asks, reload, hangups, stopped))
}

impl Offline {
    fn run(
        &mut self,
        asks: &Receiver<Ask>,
        reload: Option<Duration>,
        mut hangups: Receiver<()>,
        stopped: &Receiver<Infallible>,
    ) {
        let reloads = reload.map_or_else(never, tick);
        loop {
            let made = self.publisher.made().clone();
            select! {
                recv(asks) -> ask => match ask {
                    Ok(Ask::Encode { scope, coding }) => self.publisher.demand(scope, coding),
                    Ok(Ask::Describe(to)) => drop(to.try_send(self.describe())),
                    // Shards have nobody to ask about tokens in this mode.
                    Ok(_) => {}
                    Err(_) => return,
                },
                recv(made) -> form => match form {
                    Ok(form) => self.publisher.accept(form),
                    Err(_) => return,
                },
                recv(reloads) -> _ => {
                    self.reload();
                    self.take_over(false);
                }
                recv(hangups) -> hangup => match hangup {
                    Ok(()) => self.read_all_again(),
                    Err(_) => hangups = never(),
                },
                recv(stopped) -> _ => return,
            }
            self.publisher.sweep();
        }
    }

    fn describe(&self) -> Described {
        Described {
            tokens: self.listing.clone(),
            refreshes: Vec::new(),
            environments: self.catalog.environments().map(Arc::clone).collect(),
            ready: true,
        }
    }

    fn read_all_again(&mut self) {
        let Tokens { table, listing } = (self.reread)();
        (self.tokens, self.listing) = (Arc::new(table), listing);
        self.reload();
        self.take_over(true);
    }

    fn reload(&mut self) {
        match read(&self.path) {
            Ok(document) => {
                if std::mem::take(&mut self.in_trouble) {
                    tracing::info!(path = %self.path.display(), "The features file can be read again");
                }
                self.document = document;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.in_trouble, true) {
                    tracing::warn!("Could not reload features, the old ones stay: {error}");
                }
            }
        }
    }

    /// Every environment that a token names gets the same document; others have none any more.
    fn take_over(&mut self, tokens_changed: bool) {
        let mut changed = tokens_changed;
        let mut warned = false;
        let names: HashSet<Arc<str>> = self.tokens.scopes().iter().map(key_of).collect();
        let unnamed = self.catalog.environments().map(|environment| Arc::clone(&environment.name));
        let unnamed: Vec<Arc<str>> = unnamed.filter(|name| !names.contains(name)).collect();
        unnamed.iter().for_each(|name| _ = self.catalog.remove(name));
        for name in names {
            let applied = self.catalog.apply(&name, &Projects::All, self.document.clone());
            changed |= applied.changed;
            if applied.changed && !std::mem::replace(&mut warned, true) {
                for warning in applied.warnings.list() {
                    tracing::warn!("Odd data in the features file: {warning}");
                }
            }
        }
        if changed {
            let Self { catalog, publisher, tokens, .. } = self;
            publisher.publish(Arc::clone(tokens), true, |scope| data_of(catalog, scope));
        }
    }
}

fn data_of(catalog: &Catalog, scope: &Scope) -> Data {
    match catalog.environment(&key_of(scope)) {
        Some(environment) => Data {
            clients: DataState::Loaded(Arc::clone(environment)),
            frontends: FrontendData::Loaded(Arc::clone(environment)),
        },
        None => Data { clients: DataState::Uncovered, frontends: FrontendData::Absent { may_come: false } },
    }
}

/// Opaque tokens name no environment; they share one entry of the catalog.
fn key_of(scope: &Scope) -> Arc<str> {
    scope.environment.clone().unwrap_or_else(|| OPAQUE.into())
}
