//! Makes snapshots and hands them to the shards; keeps the compressed bodies coming.
//!
//! Owned by the one control thread (sync or offline). Identity bodies are published at once; gzip follows, br and
//! zstd only for scopes whose clients asked for them. A retired snapshot is freed here, when no shard holds it any
//! more, never on a shard.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    thread,
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::{
    control::unless_it_panics,
    evaluate::Engine,
    features::{
        compress::{COMPRESS_BYTES_MIN, Coding, compress},
        environment::EnvironmentData,
        etag::Etag,
        view::{ScopeView, assemble},
    },
    snapshot::{FrontendState, ScopeState, Snapshot},
    tokens::{scope::Scope, table::TokenTable},
};

/// What is known about the data of a scope, before its body is made.
#[derive(Debug, Clone)]
pub enum DataState {
    /// This.
    Loaded(Arc<EnvironmentData>),
    /// See [`ScopeState::Loading`].
    Loading,
    /// See [`ScopeState::Fetching`].
    Fetching,
    /// See [`ScopeState::Uncovered`].
    Uncovered,
}

/// Where snapshots go.
pub type Sink = Box<dyn FnMut(&Arc<Snapshot>) + Send>;

/// See the module.
pub struct Publisher {
    sink: Sink,
    current: Arc<Snapshot>,
    retired: Vec<Arc<Snapshot>>,
    views: HashMap<Scope, Arc<ScopeView>>,
    engines: Engines,
    forms: Forms,
}

/// What is known about the data behind a scope, for each kind of token.
#[derive(Debug, Clone)]
pub struct Data {
    /// What its client tokens may see.
    pub clients: DataState,
    /// What its frontend tokens are evaluated against: the whole environment.
    pub frontends: FrontendData,
}

/// As [`FrontendState`], before the engine is compiled.
#[derive(Debug, Clone)]
pub enum FrontendData {
    /// This.
    Loaded(Arc<EnvironmentData>),
    /// See [`FrontendState::Loading`].
    Loading,
    /// See [`FrontendState::Absent`].
    Absent {
        /// Dynamic mode.
        may_come: bool,
    },
}

/// Compiled environments, by name; compiled when a frontend token needs them and when their data has changed.
type Engines = HashMap<Arc<str>, (Arc<EnvironmentData>, Arc<Engine>)>;

/// The compressed forms: wanted, in the making, and known to be not worth it.
struct Forms {
    orders: Sender<Order>,
    made: Receiver<Form>,
    wanted: HashSet<(Scope, Coding)>,
    /// At most one order per scope and coding: while it is out, newer bodies wait for its return.
    ordered: HashSet<(Scope, Coding)>,
    unworthy: HashMap<(Scope, Coding), Etag>,
}

struct Order {
    view: Arc<ScopeView>,
    coding: Coding,
}

/// A body in a coding, or the news that it would not be smaller.
#[derive(Debug)]
pub struct Form {
    scope: Scope,
    etag: Etag,
    coding: Coding,
    body: Option<Arc<[u8]>>,
}

impl Publisher {
    /// Starts the compressing thread.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn new(sink: Sink) -> std::io::Result<Self> {
        let (orders, inbox) = unbounded::<Order>();
        let (outbox, made) = unbounded();
        thread::Builder::new().name("compress".to_owned()).spawn(move || {
            for order in inbox {
                if outbox.send(make(&order)).is_err() {
                    return;
                }
            }
        })?;
        let forms =
            Forms { orders, made, wanted: HashSet::new(), ordered: HashSet::new(), unworthy: HashMap::new() };
        let current = Arc::default();
        Ok(Self { sink, current, retired: Vec::new(), views: HashMap::new(), engines: Engines::new(), forms })
    }

    /// Forms that became ready; each goes back into [`Publisher::accept`].
    pub fn made(&self) -> &Receiver<Form> {
        &self.forms.made
    }

    /// Publishes a new state of the world.
    pub fn publish(&mut self, tokens: Arc<TokenTable>, ready: bool, data_of: impl Fn(&Scope) -> Data) {
        let mut next = Next::default();
        for (scope, uses) in tokens.scopes_and_uses() {
            let data = data_of(scope);
            // Bodies are for clients, engines for frontends: nothing is made that nobody may ask for.
            next.scopes.push(match data.clients {
                DataState::Loaded(environment) if uses.clients => {
                    let view = assemble(&environment, scope, self.views.get(scope));
                    next.views.insert(scope.clone(), Arc::clone(&view));
                    ScopeState::Serving(view)
                }
                DataState::Loading => ScopeState::Loading,
                DataState::Fetching => ScopeState::Fetching,
                DataState::Loaded(_) | DataState::Uncovered => ScopeState::Uncovered,
            });
            let frontend = match data.frontends {
                FrontendData::Loaded(environment) if uses.frontends => {
                    FrontendState::Serving(next.engine(&environment, &self.engines))
                }
                FrontendData::Loading => FrontendState::Loading,
                FrontendData::Absent { may_come } => FrontendState::Absent { may_come },
                FrontendData::Loaded(_) => FrontendState::Absent { may_come: false },
            };
            next.frontends.push(frontend);
        }
        (self.views, self.engines) = (next.views, next.engines);
        let (scopes, frontends) = (next.scopes.into(), next.frontends.into());
        self.replace(Snapshot { tokens, scopes, frontends, ready, published: None });
        self.order_forms();
    }

    /// Takes a compressed body in and publishes it, unless the scope has moved on.
    pub fn accept(&mut self, form: Form) {
        let Form { scope, etag, coding, body } = form;
        let place = (scope, coding);
        self.forms.ordered.remove(&place);
        let Some(view) = self.views.get(&place.0) else { return };
        if view.etag != etag {
            self.order_form(&place.0, coding);
            return;
        }
        if body.is_none() {
            self.forms.unworthy.insert(place, etag);
            return;
        }
        let view = Arc::new(view.with_compressed(coding, body));
        let scopes = self.current.scopes.iter().map(|state| match state {
            ScopeState::Serving(old) if old.scope == place.0 => ScopeState::Serving(Arc::clone(&view)),
            state => state.clone(),
        });
        let snapshot = Snapshot { scopes: scopes.collect(), ..(*self.current).clone() };
        self.views.insert(place.0, view);
        self.replace(snapshot);
    }

    /// A client of the scope would take this coding: make it now, and after each change.
    pub fn demand(&mut self, scope: Scope, coding: Coding) {
        self.order_form(&scope, coding);
        self.forms.wanted.insert((scope, coding));
    }

    /// Frees retired snapshots that no shard holds any more. True if some are still held.
    pub fn sweep(&mut self) -> bool {
        self.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        !self.retired.is_empty()
    }

    fn replace(&mut self, snapshot: Snapshot) {
        let snapshot = Arc::new(Snapshot { published: Some(Instant::now()), ..snapshot });
        (self.sink)(&snapshot);
        self.retired.push(std::mem::replace(&mut self.current, snapshot));
        self.sweep();
    }

    fn order_forms(&mut self) {
        let views = &self.views;
        self.forms.wanted.retain(|(scope, _)| views.contains_key(scope));
        self.forms
            .unworthy
            .retain(|(scope, _), etag| views.get(scope).is_some_and(|view| view.etag == *etag));
        let gzip = views.keys().map(|scope| (scope.clone(), Coding::Gzip));
        let places: Vec<_> = gzip.chain(self.forms.wanted.iter().cloned()).collect();
        for (scope, coding) in places {
            self.order_form(&scope, coding);
        }
    }

    fn order_form(&mut self, scope: &Scope, coding: Coding) {
        let Some(view) = self.views.get(scope) else { return };
        let place = (scope.clone(), coding);
        let there = view.encoded(coding).is_some() || self.forms.unworthy.get(&place) == Some(&view.etag);
        if there || view.identity.len() < COMPRESS_BYTES_MIN || !self.forms.ordered.insert(place) {
            return;
        }
        // The thread ends only after us.
        let _ = self.forms.orders.send(Order { view: Arc::clone(view), coding });
    }
}

/// A snapshot in the making.
#[derive(Default)]
struct Next {
    scopes: Vec<ScopeState>,
    frontends: Vec<FrontendState>,
    views: HashMap<Scope, Arc<ScopeView>>,
    engines: Engines,
}

impl Next {
    /// The engine of an environment; what did not change since the last one is not compiled again.
    fn engine(&mut self, environment: &Arc<EnvironmentData>, before: &Engines) -> Arc<Engine> {
        if let Some((_, engine)) = self.engines.get(&environment.name) {
            return Arc::clone(engine);
        }
        let engine = match before.get(&environment.name) {
            Some((same, engine)) if Arc::ptr_eq(same, environment) => Arc::clone(engine),
            previous => compile(environment, previous.map(|(_, engine)| &**engine)),
        };
        let kept = (Arc::clone(environment), Arc::clone(&engine));
        self.engines.insert(Arc::clone(&environment.name), kept);
        engine
    }
}

fn compile(environment: &Arc<EnvironmentData>, previous: Option<&Engine>) -> Arc<Engine> {
    let engine = Engine::compile(environment, previous);
    for malformed in engine.malformed() {
        let (feature, reason) = (&malformed.feature, &malformed.reason);
        tracing::warn!(%feature, "A feature is off for everybody: {reason}");
    }
    Arc::new(engine)
}

fn make(order: &Order) -> Form {
    let Order { view, coding } = order;
    let lost = format!("A list of features goes out without {coding:?}");
    let body = unless_it_panics(&lost, || compress(*coding, &view.identity)).flatten();
    Form { scope: view.scope.clone(), etag: view.etag, coding: *coding, body }
}

#[cfg(test)]
mod tests;
