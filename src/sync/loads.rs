//! Which refresh tokens have loaded their data, how their fetches stand, and who waits for a first load.

use std::{collections::HashMap, time::SystemTime};

use super::refresh::Trouble;
use crate::{
    features::model::Document,
    messages::Waiter,
    report::standing::Revision,
    tokens::{
        key::TokenKey,
        scope::{Projects, Scope},
    },
};

/// The state of every refresh token's fetches.
#[derive(Debug, Default)]
pub struct Loads {
    targets: HashMap<TokenKey, Target>,
    /// Scopes that were loaded by a token of theirs, narrower ones included in wider ones. They outlive the
    /// token: a wider one that takes over must not make loaded data disappear until it has loaded itself.
    loaded: Vec<Scope>,
    waiting: Vec<(Scope, Waiter)>,
}

/// One refresh token's fetches.
#[derive(Debug)]
pub struct Target {
    /// What its answers cover.
    pub scope: Scope,
    /// It has had an answer.
    pub loaded: bool,
    /// What went wrong at the last fetch; logged when it changes.
    pub trouble: Option<Trouble>,
    /// When its last call ended.
    pub checked: Option<SystemTime>,
    /// Its last document.
    pub document: Option<LastDocument>,
}

/// What is remembered of a document.
#[derive(Debug, Clone, Copy)]
pub struct LastDocument {
    /// When it came.
    pub at: SystemTime,
    /// How many features it had.
    pub features: usize,
    /// Its revision.
    pub revision_id: Option<u64>,
}

impl Target {
    /// A document is taken over.
    pub fn note(&mut self, document: &Document) {
        let at = SystemTime::now();
        let features = document.features.len();
        self.checked = Some(at);
        self.document = Some(LastDocument { at, features, revision_id: document.revision() });
    }
}

impl Loads {
    /// A token joined the refresh set.
    pub fn join(&mut self, key: TokenKey, scope: Scope) {
        let target = Target { scope, loaded: false, trouble: None, checked: None, document: None };
        self.targets.entry(key).or_insert(target);
    }

    /// A token left the refresh set.
    pub fn leave(&mut self, key: TokenKey) {
        self.targets.remove(&key);
    }

    /// The token's fetches.
    pub fn target(&mut self, key: TokenKey) -> Option<&mut Target> {
        self.targets.get_mut(&key)
    }

    /// The token's fetches, to look at.
    pub fn look(&self, key: TokenKey) -> Option<&Target> {
        self.targets.get(&key)
    }

    /// What the tokens brought last, ordered by scope.
    pub fn revisions(&self) -> Vec<Revision> {
        let revisions = self.targets.values().filter_map(|target| {
            let document = target.document?;
            let Scope { environment, projects } = target.scope.clone();
            let (revision_id, last_updated) = (document.revision_id?, document.at);
            Some(Revision { environment: environment?, projects, revision_id, last_updated })
        });
        let mut revisions: Vec<Revision> = revisions.collect();
        revisions.sort_unstable_by(|a, b| (&a.environment, &a.projects).cmp(&(&b.environment, &b.projects)));
        revisions
    }

    /// The token's data has arrived.
    pub fn loaded(&mut self, key: TokenKey) {
        let Some(target) = self.targets.get_mut(&key) else { return };
        target.loaded = true;
        let scope = &target.scope;
        if !self.loaded.iter().any(|loaded| loaded.covers(scope)) {
            self.loaded.retain(|loaded| !scope.covers(loaded));
            self.loaded.push(scope.clone());
        }
    }

    /// Older data of a scope is there, from a backup or a file.
    pub fn restored(&mut self, scope: Scope) {
        if !self.has_loaded(&scope) {
            self.loaded.push(scope);
        }
    }

    /// Whether every token that fetches for the environment, and there is one, has had its data from upstream.
    pub fn is_all_fresh(&self, environment: &str) -> bool {
        let mut targets = self.targets_of(environment).peekable();
        targets.peek().is_some() && targets.all(|target| target.loaded)
    }

    /// What upstream has brought of an environment.
    pub fn fresh(&self, environment: &str) -> Vec<Projects> {
        let loaded = self.targets_of(environment).filter(|target| target.loaded);
        loaded.map(|target| target.scope.projects.clone()).collect()
    }

    /// Forgets what was restored of an environment: what counts from now on is what its tokens have loaded. Returns
    /// that.
    pub fn settle(&mut self, environment: &str) -> Vec<Scope> {
        self.forget(environment);
        let loaded = self.targets_of(environment).filter(|target| target.loaded);
        let scopes: Vec<Scope> = loaded.map(|target| target.scope.clone()).collect();
        self.loaded.extend(scopes.iter().cloned());
        scopes
    }

    /// Scopes of which there is data.
    pub fn scopes(&self) -> &[Scope] {
        &self.loaded
    }

    fn targets_of(&self, environment: &str) -> impl Iterator<Item = &Target> {
        self.targets.values().filter(move |target| target.scope.environment.as_deref() == Some(environment))
    }

    /// The data of an environment is gone.
    pub fn forget(&mut self, environment: &str) {
        self.loaded.retain(|scope| scope.environment.as_deref() != Some(environment));
    }

    /// Only these scopes cover the environment from now on: what else was loaded of it is not up to date any more.
    pub fn narrow(&mut self, environment: &str, covering: &[&Scope]) {
        let is_ours = |scope: &Scope| scope.environment.as_deref() == Some(environment);
        let (ours, mut kept): (Vec<Scope>, Vec<Scope>) =
            std::mem::take(&mut self.loaded).into_iter().partition(is_ours);
        for scope in ours {
            if covering.iter().any(|covering| covering.covers(&scope)) {
                kept.push(scope);
            } else {
                kept.extend(
                    covering.iter().filter(|covering| scope.covers(covering)).map(|one| (*one).clone()),
                );
            }
        }
        self.loaded = kept;
    }

    /// Whether what a scope sees has been loaded.
    pub fn has_loaded(&self, scope: &Scope) -> bool {
        self.loaded.iter().any(|loaded| loaded.covers(scope))
    }

    /// Whether the first fetch for a scope is on its way and nothing has gone wrong yet.
    pub fn is_first_under_way(&self, scope: &Scope) -> bool {
        let mut covering = self.targets.values().filter(|target| target.scope.covers(scope));
        covering.any(|target| !target.loaded && target.trouble.is_none())
    }

    /// Lets a request wait for the first load of a scope.
    pub fn wait(&mut self, scope: Scope, waiter: Waiter) {
        self.waiting.push((scope, waiter));
    }

    /// Takes out those whose wait is over: there is data, or no first fetch under way.
    pub fn decided(&mut self) -> Vec<Waiter> {
        let waiting = std::mem::take(&mut self.waiting);
        let (still, over): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|(scope, _)| !self.has_loaded(scope) && self.is_first_under_way(scope));
        self.waiting = still;
        over.into_iter().map(|(_, waiter)| waiter).collect()
    }
}
