//! From the documents of a store to what the sync thread takes in.
//!
//! Each document is tried until it has been read, found missing, or found to be nonsense; until then nothing is written
//! over it. A document that makes no sense is put away and counts as missing (persistence.md 8, rule 5).

use std::time::{Duration, Instant, SystemTime};

use xxhash_rust::xxh3::xxh3_128;

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

/// What came of an attempt.
#[derive(Debug, Default)]
pub struct Reading {
    /// For sync.
    pub restored: Restored,
    /// Hashes of documents that need not be written again unless they change.
    pub hashes: Vec<(Document, u128)>,
    /// About the features, if there is one.
    pub note: Option<Note>,
}

/// Reads what has not been read yet. What could be read before a failure is in the result, and is not unread any more.
pub fn read(
    store: &mut dyn Store,
    unread: &mut Unread,
    deadline: Instant,
) -> (Reading, Result<(), StoreError>) {
    let mut reader = Reader { store, deadline, reading: Reading::default() };
    let outcome = reader.read(unread);
    (reader.reading, outcome)
}

struct Reader<'a> {
    store: &'a mut dyn Store,
    deadline: Instant,
    reading: Reading,
}

impl Reader<'_> {
    fn read(&mut self, unread: &mut Unread) -> Result<(), StoreError> {
        if unread.tokens {
            let found = self.load(Document::Tokens)?;
            unread.tokens = false;
            let tokens = self.understood(Document::Tokens, found.as_ref(), format::read_tokens);
            self.reading.restored.tokens = tokens.unwrap_or_default();
        }
        if unread.features {
            let found = self.load(Document::Features)?;
            unread.features = false;
            if let Some(found) = found {
                self.read_features(&found);
            }
        }
        if unread.event_ids {
            let found = self.load(Document::EventIds)?;
            unread.event_ids = false;
            let ids = self.understood(Document::EventIds, found.as_ref(), format::read_event_ids);
            self.reading.restored.event_ids = ids.unwrap_or_default();
        }
        Ok(())
    }

    fn load(&mut self, document: Document) -> Result<Option<Found>, StoreError> {
        self.store.load(document, self.deadline)
    }

    fn read_features(&mut self, found: &Found) {
        let Some(features) = self.understood(Document::Features, Some(found), format::read_features) else {
            return;
        };
        if let Some((name, error)) = features.bad.first() {
            let count = features.bad.len();
            self.put_away(
                Document::Features,
                found,
                &format!("{count} environments, among them {name}: {error}"),
            );
        }
        // Without it nothing is lost but the age and a distinction.
        let note = self.load(Document::Note).ok().flatten();
        let note = note.and_then(|note| Note::read(&note.bytes, &found.bytes));
        if note.is_none() || !features.bad.is_empty() {
            // To be written anew, with a note.
            self.reading.hashes.retain(|(document, _)| *document != Document::Features);
        }
        let restored = &mut self.reading.restored;
        restored.age =
            written(found, note.as_ref()).and_then(|written| SystemTime::now().duration_since(written).ok());
        let environments = features.environments.into_iter().map(|(name, document)| {
            let noted = note.as_ref().map(|note| note.loaded(&name)).unwrap_or_default();
            let loaded = if noted.is_empty() { loaded_for(&restored.tokens, &name) } else { noted };
            RestoredEnvironment { name, document, loaded }
        });
        restored.environments = environments.collect();
        self.reading.note = note;
    }

    /// The content of a document; nothing if it is missing or makes no sense.
    fn understood<T>(
        &mut self,
        document: Document,
        found: Option<&Found>,
        read: impl Fn(&[u8]) -> serde_json::Result<T>,
    ) -> Option<T> {
        let found = found?;
        match read(&found.bytes) {
            Ok(content) => {
                self.reading.hashes.push((document, xxh3_128(&found.bytes)));
                Some(content)
            }
            Err(error) => {
                self.put_away(document, found, &error.to_string());
                None
            }
        }
    }

    fn put_away(&mut self, document: Document, found: &Found, reason: &str) {
        let (store_name, document_name) = (self.store.name(), document.file_name());
        match self.store.keep_bad(document, &found.bytes, self.deadline) {
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
}

fn written(found: &Found, note: Option<&Note>) -> Option<SystemTime> {
    let noted = note.map(|note| SystemTime::UNIX_EPOCH + Duration::from_secs(note.written_at));
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
