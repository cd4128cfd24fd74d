//! Makes snapshots and hands them to the shards; keeps the compressed bodies coming.
//!
//! Owned by the one control thread (sync or offline). Identity bodies are published at once; gzip follows, br and
//! zstd only for scopes whose clients asked for them. A retired snapshot is freed here, when no shard holds it any
//! more, never on a shard.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    thread,
};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::{
    features::{
        compress::{COMPRESS_BYTES_MIN, Coding, compress},
        environment::EnvironmentData,
        etag::Etag,
        view::{ScopeView, assemble},
    },
    snapshot::{ScopeState, Snapshot},
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
    forms: Forms,
}

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
        Ok(Self { sink, current, retired: Vec::new(), views: HashMap::new(), forms })
    }

    /// Forms that became ready; each goes back into [`Publisher::accept`].
    pub fn made(&self) -> &Receiver<Form> {
        &self.forms.made
    }

    /// Publishes a new state of the world.
    pub fn publish(&mut self, tokens: Arc<TokenTable>, ready: bool, state_of: impl Fn(&Scope) -> DataState) {
        let mut views = HashMap::new();
        // Bodies are for clients: what frontend tokens see is evaluated, not listed.
        let scopes = tokens.scopes_for_clients().map(|(scope, is_for_clients)| match state_of(scope) {
            _ if !is_for_clients => ScopeState::Uncovered,
            DataState::Loaded(environment) => {
                let view = assemble(&environment, scope, self.views.get(scope));
                views.insert(scope.clone(), Arc::clone(&view));
                ScopeState::Serving(view)
            }
            DataState::Loading => ScopeState::Loading,
            DataState::Fetching => ScopeState::Fetching,
            DataState::Uncovered => ScopeState::Uncovered,
        });
        let scopes = scopes.collect();
        self.views = views;
        self.replace(Snapshot { tokens, scopes, ready });
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
        let snapshot = Arc::new(snapshot);
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

fn make(order: &Order) -> Form {
    let Order { view, coding } = order;
    Form {
        scope: view.scope.clone(),
        etag: view.etag,
        coding: *coding,
        body: compress(*coding, &view.identity),
    }
}

#[cfg(test)]
mod tests;
