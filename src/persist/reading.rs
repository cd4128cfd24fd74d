//! From the documents of a store to what the sync thread takes in.
//!
//! Each document is tried until it has been read, found missing, or found to be nonsense; until then nothing is written
//! over it. A document that makes no sense is put away and counts as missing (persistence.md 8, rule 5).

use std::{
    fmt::Display,
    time::{Instant, SystemTime},
};

use super::{
    document::Document,
    exchange::{Restored, RestoredEnvironment},
    format::{self, Note},
    store::{Found, Store, StoreError},
};
use crate::tokens::{record::TokenRecord, scope::Projects, table::TokenKind, token::Token};

/// Which documents have not been read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// Tokens.
    pub tokens: bool,
    /// Features, and the note about them.
    pub features: bool,
    /// Event ids.
    pub event_ids: bool,
}

impl Unread {
    /// At the start.
    pub const ALL: Self = Self { tokens: true, features: true, event_ids: true };

    /// Whether any is left.
    pub fn any(self) -> bool {
        self.tokens || self.features || self.event_ids
    }
}

/// Reads what has not been read yet. What could be read before a failure is in the result, and is not unread any more.
pub fn read(
    store: &mut dyn Store,
    unread: &mut Unread,
    deadline: Instant,
) -> (Restored, Result<(), StoreError>) {
    let mut restored = Restored::default();
    let outcome = read_into(&mut restored, store, unread, deadline);
    (restored, outcome)
}

fn read_into(
    restored: &mut Restored,
    store: &mut dyn Store,
    unread: &mut Unread,
    deadline: Instant,
) -> Result<(), StoreError> {
    if unread.tokens {
        let found = store.load(Document::Tokens, deadline)?;
        unread.tokens = false;
        let read = |found: &Found| format::read_tokens(&found.bytes);
        restored.tokens =
            understood(store, Document::Tokens, found.as_ref(), read, deadline).unwrap_or_default();
    }
    if unread.features {
        let found = store.load(Document::Features, deadline)?;
        unread.features = false;
        if let Some(found) = found {
            read_features(restored, store, &found, deadline);
        }
    }
    if unread.event_ids {
        let found = store.load(Document::EventIds, deadline)?;
        unread.event_ids = false;
        let read = |found: &Found| format::read_event_ids(&found.bytes);
        restored.event_ids =
            understood(store, Document::EventIds, found.as_ref(), read, deadline).unwrap_or_default();
    }
    Ok(())
}

fn read_features(restored: &mut Restored, store: &mut dyn Store, found: &Found, deadline: Instant) {
    let read = |found: &Found| format::read_features(&found.bytes);
    let Some(features) = understood(store, Document::Features, Some(found), read, deadline) else { return };
    if let Some((name, error)) = features.bad.first() {
        let count = features.bad.len();
        put_away(
            store,
            Document::Features,
            found,
            &format!("{count} environments, among them {name}: {error}"),
            deadline,
        );
    }
    // Without it nothing is lost but the age and a distinction.
    let note = store.load(Document::Note, deadline).ok().flatten();
    let note = note.and_then(|note| Note::read(&note.bytes, &found.bytes));
    restored.age =
        written(found, note.as_ref()).and_then(|written| SystemTime::now().duration_since(written).ok());
    restored.environments = features
        .environments
        .into_iter()
        .map(|(name, document)| {
            let noted = note.as_ref().map(|note| note.loaded(&name)).unwrap_or_default();
            let loaded = if noted.is_empty() { loaded_for(&restored.tokens, &name) } else { noted };
            RestoredEnvironment { name, document, loaded }
        })
        .collect();
}

fn written(found: &Found, note: Option<&Note>) -> Option<SystemTime> {
    let noted = note.map(|note| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(note.written_at));
    noted.or(found.written)
}

/// What Unleash Edge had loaded: all that its backend tokens see. Without any of them: nobody knows better than that
/// it is everything.
fn loaded_for(tokens: &[TokenRecord], environment: &str) -> Vec<Projects> {
    let backend = tokens.iter().filter(|record| {
        record.kind.and_then(|word| word.kind()) == Some(TokenKind::Backend) && is_of(record, environment)
    });
    let lists: Vec<Projects> = backend.map(|record| Projects::from_names(&record.projects)).collect();
    if lists.is_empty() { vec![Projects::All] } else { lists }
}

fn is_of(record: &TokenRecord, environment: &str) -> bool {
    match &record.environment {
        Some(name) => name == environment,
        None => Token::parse(&record.token).is_ok_and(|token| token.environment() == environment),
    }
}

/// The content of a document; nothing if it is missing or makes no sense.
fn understood<T, E: Display>(
    store: &mut dyn Store,
    document: Document,
    found: Option<&Found>,
    read: impl Fn(&Found) -> Result<T, E>,
    deadline: Instant,
) -> Option<T> {
    let found = found?;
    match read(found) {
        Ok(content) => Some(content),
        Err(error) => {
            put_away(store, document, found, &error.to_string(), deadline);
            None
        }
    }
}

fn put_away(store: &mut dyn Store, document: Document, found: &Found, reason: &str, deadline: Instant) {
    let (store_name, document_name) = (store.name(), document.file_name());
    match store.keep_bad(document, &found.bytes, deadline) {
        Ok(Some(place)) => {
            tracing::warn!(
                "{document_name} in the {store_name} cannot be used and is kept as {place}: {reason}"
            );
        }
        Ok(None) => {
            tracing::warn!(
                "{document_name} in the {store_name} cannot be used (an earlier one is kept): {reason}"
            );
        }
        Err(error) => {
            tracing::warn!(
                "{document_name} in the {store_name} cannot be used, nor kept ({error}): {reason}"
            );
        }
    }
}
