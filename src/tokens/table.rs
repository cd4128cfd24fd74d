//! The look-up of a snapshot: token key to kind, standing and scope.
//!
//! Immutable and complete: made by the registry on the sync thread, shared as part of the snapshot, read
//! by every shard. Holds no secret. A key that is not in it is *unknown*, which is not *refused*: the
//! shard then asks the registry. What a request may do with an entry is decided in `serve`.

use std::collections::HashMap;

use super::{
    key::{KeyMap, TokenKey},
    scope::Scope,
};

/// What a token may be used for (tokens.md 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TokenKind {
    /// The client API.
    Backend,
    /// The frontend and proxy API.
    Frontend,
    /// Nothing here.
    Admin,
    /// Both APIs; only offline tokens of `--tokens`.
    Untyped,
}

/// What is known about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Upstream confirmed it, or it is a configured offline token in grammar.
    Validated,
    /// Pretrusted, or an opaque offline token; `/edge/validate` does not list it.
    Trusted,
    /// A start-up token that upstream does not confirm: 403 without asking anybody.
    Refused,
}

/// One token as a shard sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Which routes it may use.
    pub kind: TokenKind,
    /// Whether it may be answered at all.
    pub standing: Standing,
    /// Index into [`TokenTable::scopes`].
    pub scope: u32,
}

impl Entry {
    /// Backend and untyped tokens in good standing may.
    pub fn may_use_client_api(&self) -> bool {
        self.standing != Standing::Refused && matches!(self.kind, TokenKind::Backend | TokenKind::Untyped)
    }

    /// Frontend and untyped tokens in good standing may.
    pub fn may_use_frontend_api(&self) -> bool {
        self.standing != Standing::Refused && matches!(self.kind, TokenKind::Frontend | TokenKind::Untyped)
    }
}

/// The tokens of one snapshot. The default is the empty table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenTable {
    entries: KeyMap<Entry>,
    /// Sorted, without duplicates; each is used by at least one entry.
    scopes: Box<[Scope]>,
    /// Per scope: what entries with it may use.
    uses: Box<[Uses]>,
}

/// Which APIs tokens of a scope may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uses {
    /// The client API.
    pub clients: bool,
    /// The frontend API.
    pub frontends: bool,
}

/// What the registry puts into a table.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Under which it is found; of two rows with one key the later wins.
    pub key: TokenKey,
    /// See [`Entry::kind`].
    pub kind: TokenKind,
    /// See [`Entry::standing`].
    pub standing: Standing,
    /// What it sees.
    pub scope: &'a Scope,
}

impl TokenTable {
    /// Makes a table. Which scopes it has, and in which order, follows from the rows' content alone.
    pub fn build<'a>(rows: impl IntoIterator<Item = Row<'a>>) -> Self {
        let rows = rows.into_iter();
        let mut entries = KeyMap::with_capacity_and_hasher(rows.size_hint().0, Default::default());
        let mut seen = Interned::default();
        for Row { key, kind, standing, scope } in rows {
            entries.insert(key, Entry { kind, standing, scope: seen.index(scope) });
        }
        let (scopes, sorted_index) = seen.sorted();
        let mut uses = vec![Uses::default(); scopes.len()];
        for entry in entries.values_mut() {
            let index = usize::try_from(entry.scope).ok().and_then(|seen| sorted_index.get(seen));
            entry.scope = *index.expect("every entry's scope was interned above");
            if let Some(uses) = usize::try_from(entry.scope).ok().and_then(|at| uses.get_mut(at)) {
                uses.clients |= entry.may_use_client_api();
                uses.frontends |= entry.may_use_frontend_api();
            }
        }
        Self { entries, scopes, uses: uses.into() }
    }

    /// What is known of the token under this key; `None` is unknown.
    pub fn find(&self, key: TokenKey) -> Option<&Entry> {
        self.entries.get(&key)
    }

    /// The distinct scopes, sorted.
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// The distinct scopes, each with what its tokens may use.
    pub fn scopes_and_uses(&self) -> impl Iterator<Item = (&Scope, Uses)> {
        self.scopes.iter().zip(self.uses.iter().copied())
    }

    /// The scope of an entry of this table.
    pub fn scope(&self, entry: &Entry) -> Option<&Scope> {
        self.scopes.get(usize::try_from(entry.scope).ok()?)
    }

    /// How each token stands, in no order.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        self.entries.values().map(|entry| entry.standing)
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if no token is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Scopes in order of arrival, each once.
#[derive(Default)]
struct Interned<'a> {
    indexes: HashMap<&'a Scope, u32>,
}

impl<'a> Interned<'a> {
    fn index(&mut self, scope: &'a Scope) -> u32 {
        let next = u32::try_from(self.indexes.len()).unwrap_or(u32::MAX);
        *self.indexes.entry(scope).or_insert(next)
    }

    /// The scopes sorted, and for each index of arrival the index after sorting.
    fn sorted(self) -> (Box<[Scope]>, Vec<u32>) {
        let mut order: Vec<(&Scope, u32)> = self.indexes.into_iter().collect();
        order.sort_unstable();
        let mut sorted_index = vec![0; order.len()];
        for ((_, arrival), sorted) in order.iter().zip(0..) {
            if let Some(slot) = usize::try_from(*arrival).ok().and_then(|at| sorted_index.get_mut(at)) {
                *slot = sorted;
            }
        }
        (order.into_iter().map(|(scope, _)| scope.clone()).collect(), sorted_index)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tokens::{key::KeyHasher, scope::Projects};

    fn scope(environment: &str, project: &str) -> Scope {
        Scope { environment: Some(environment.into()), projects: Projects::from_names([project]) }
    }

    fn row<'a>(key: u32, scope: &'a Scope) -> Row<'a> {
        let key = KeyHasher::new([7; 16]).key(key.to_string().as_bytes());
        Row { key, kind: TokenKind::Backend, standing: Standing::Validated, scope }
    }

    #[test]
    fn scopes_are_shared_and_sorted() {
        let (prod, dev) = (scope("prod", "*"), scope("dev", "*"));
        let rows = [row(1, &prod), row(2, &dev), row(3, &prod)];
        let table = TokenTable::build(rows);
        assert_eq!(table.scopes(), [dev.clone(), prod.clone()]);
        let of = |row: &Row<'_>| table.find(row.key).and_then(|entry| table.scope(entry)).cloned();
        assert_eq!(rows.map(|row| of(&row)), [Some(prod.clone()), Some(dev), Some(prod)]);
    }

    #[test]
    fn an_unknown_key_is_not_found() {
        let dev = scope("dev", "*");
        let table = TokenTable::build([row(1, &dev)]);
        assert_eq!((table.len(), table.find(row(2, &dev).key)), (1, None));
        assert!(TokenTable::default().is_empty());
    }

    proptest! {
        #[test]
        fn order_of_rows_does_not_matter(
            pairs in proptest::collection::btree_map(0_u32..1_000, 0_u8..8, 0..50)
        ) {
            let scopes: Vec<Scope> = (0..8).map(|i| scope(&format!("e{}", i / 3), &format!("p{i}"))).collect();
            let rows: Vec<Row<'_>> = pairs.iter().map(|(key, at)| row(*key, &scopes[usize::from(*at)])).collect();
            let table = TokenTable::build(rows.iter().copied());
            prop_assert_eq!(&table, &TokenTable::build(rows.iter().rev().copied()));
            prop_assert!(table.scopes().is_sorted_by(|a, b| a < b));
            for row in &rows {
                prop_assert_eq!(table.find(row.key).and_then(|e| table.scope(e)), Some(row.scope));
            }
        }
    }
}
