//! The persist thread: reads the backup at the start, then writes what sync offers, newest only.
//!
//! ```text
//!   store --read--> Restored --> sync --changes--> Backup (newest) --rhythm--> store
//! ```
//! A good backup never gives way to less. Nothing is written over a document that has not been read; nothing is written
//! that lacks what was read; and nothing empty is written unless this process had something, which then went by
//! upstream's word. A store that hangs holds up this thread and no other.

use std::{
    convert::Infallible,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, Sender, never, select};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    document::Document,
    exchange::{Backup, Far, Report},
    format::{self, Note},
    reading::{self, Reading, Unread},
    rhythm::{Due, Rhythm},
    store::{Store, StoreError},
};

/// To the thread.
#[derive(Debug)]
pub enum Order {
    /// Write what there is, now.
    Flush,
    /// The same, and end. Answered when that is done.
    Stop(Sender<Infallible>),
}

/// See the module.
pub struct Worker {
    store: Box<dyn Store>,
    far: Far,
    orders: Receiver<Order>,
    rhythm: Rhythm,
    unread: Unread,
    /// Parts of the store's content that were reported.
    restores: u64,
    latest: Option<Backup>,
    written: Written,
    cannot_read: bool,
    cannot_write: bool,
}

/// What is in the store as far as we know.
#[derive(Debug, Default)]
struct Written {
    tokens: Place,
    features: Place,
    event_ids: Place,
    /// About the features, if there is one.
    note: Option<Note>,
}

impl Written {
    fn place(&mut self, document: Document) -> &mut Place {
        match document {
            Document::Tokens => &mut self.tokens,
            Document::EventIds => &mut self.event_ids,
            Document::Features | Document::Note => &mut self.features,
        }
    }
}

/// One document in the store.
#[derive(Debug, Default)]
struct Place {
    /// Hash of what we wrote last.
    hash: Option<u128>,
    /// There was something in it, read or written by this process.
    had_content: bool,
}

impl Place {
    /// Whether this may and need be written. `is_empty`: it says that there is nothing.
    fn wants(&self, bytes: &[u8], is_empty: bool) -> bool {
        (!is_empty || self.had_content) && self.hash != Some(xxh3_128(bytes))
    }

    fn holds(&mut self, bytes: &[u8], is_empty: bool) {
        self.hash = Some(xxh3_128(bytes));
        self.had_content |= !is_empty;
    }
}

impl Worker {
    /// Touches the store in [`Worker::run`] only.
    pub fn new(store: Box<dyn Store>, far: Far, orders: Receiver<Order>, seed: u64) -> Self {
        Self {
            store,
            far,
            orders,
            rhythm: Rhythm::new(Instant::now(), seed),
            unread: Unread::ALL,
            restores: 0,
            latest: None,
            written: Written::default(),
            cannot_read: false,
            cannot_write: false,
        }
    }

    /// Works until it is told to stop.
    pub fn run(&mut self) {
        self.read();
        loop {
            let wait = self.rhythm.next().saturating_duration_since(Instant::now());
            let (backups, orders) = (self.far.backups.clone(), self.orders.clone());
            select! {
                recv(backups) -> backup => match backup {
                    Ok(backup) => self.take(backup),
                    // Sync has ended. What it offered last is here; the order to stop will come.
                    Err(_) => self.far.backups = never(),
                },
                recv(orders) -> order => match order {
                    Ok(Order::Flush) => self.flush(),
                    Ok(Order::Stop(_done)) => return self.flush(),
                    Err(_) => return,
                },
                default(wait) => self.work(Instant::now()),
            }
        }
    }

    fn take(&mut self, backup: Backup) {
        if backup.restores < self.restores {
            return;
        }
        let now = Instant::now();
        self.latest = Some(backup);
        self.rhythm.tokens_changed(now);
        self.rhythm.features_changed(now);
    }

    fn work(&mut self, now: Instant) {
        let due = self.rhythm.take_due(now);
        if due.is_some() {
            if self.unread.any() {
                self.read();
            }
            self.write(due);
        }
    }

    /// At the end there is no time to wait for: neither for company nor after a failure.
    fn flush(&mut self) {
        if let Some(backup) = self.far.backups.try_iter().last() {
            self.take(backup);
        }
        self.write(Due::ALL);
    }

    fn read(&mut self) {
        let deadline = Instant::now() + self.store.limits().reading;
        let before = self.unread;
        let (reading, outcome) = reading::read(&mut *self.store, &mut self.unread, deadline);
        if self.unread != before {
            let Reading { restored, hashes, note } = reading;
            self.written.note = note.or(self.written.note.take());
            self.restores += 1;
            for (document, hash) in hashes {
                self.written.place(document).hash = Some(hash);
            }
            self.written.tokens.had_content |= restored.tokens.iter().any(format::is_storable);
            self.written.features.had_content |= !restored.environments.is_empty();
            self.written.event_ids.had_content |= !restored.event_ids.is_empty();
            let _ = self.far.reports.send(Report::Restored(Box::new(restored)));
        }
        match outcome {
            Ok(()) => {
                if std::mem::take(&mut self.cannot_read) {
                    tracing::info!("The backup can be read again: {}", self.store.name());
                }
            }
            Err(error) => {
                let _ = self.far.reports.try_send(Report::Unreachable);
                if !std::mem::replace(&mut self.cannot_read, true) {
                    tracing::warn!(
                        "Could not read the backup in the {}, will keep trying, and write nothing until then: {error}; \
                         {}",
                        self.store.name(),
                        error.remedy()
                    );
                }
                self.rhythm.failed(Due::ALL, Instant::now());
            }
        }
    }

    fn write(&mut self, due: Due) {
        // Too old a backup: a newer one is on its way, and will make itself due.
        let Some(backup) = self.latest.take_if(|backup| backup.restores >= self.restores) else { return };
        let outcome = self.write_documents(&backup, due);
        self.latest = Some(backup);
        let now = Instant::now();
        match outcome {
            Ok(wrote) => {
                if !self.unread.any() {
                    self.rhythm.written(wrote, now);
                }
                if wrote.is_some() && std::mem::take(&mut self.cannot_write) {
                    tracing::info!("The backup can be written again: {}", self.store.name());
                }
            }
            Err(error) => {
                self.rhythm.failed(due, now);
                if !std::mem::replace(&mut self.cannot_write, true) {
                    tracing::warn!(
                        "Could not write the backup to the {}, will keep trying: {error}; {}",
                        self.store.name(),
                        error.remedy()
                    );
                }
            }
        }
    }

    /// Returns what was written indeed.
    fn write_documents(&mut self, backup: &Backup, due: Due) -> Result<Due, StoreError> {
        let mut wrote = Due::default();
        let writing = self.store.limits().writing;
        let (store, written) = (&mut *self.store, &mut self.written);
        if (due.tokens || due.tokens_anyway) && !self.unread.tokens {
            let bytes = format::write_tokens(&backup.tokens);
            if due.tokens_anyway {
                written.tokens.hash = None;
            }
            wrote.tokens = put(store, Document::Tokens, &mut written.tokens, &bytes, writing)?;
        }
        if due.features && !self.unread.event_ids {
            let bytes = format::write_event_ids(&backup.event_ids);
            put(store, Document::EventIds, &mut written.event_ids, &bytes, writing)?;
        }
        if due.features && !self.unread.features {
            let bytes = format::write_features(&backup.environments);
            wrote.features = put(store, Document::Features, &mut written.features, &bytes, writing)?;
            if written.features.hash.is_some() {
                let earlier = written.note.take_if(|_| !wrote.features);
                let written_at = earlier.as_ref().map_or_else(seconds_since_1970, |note| note.written_at);
                let note = Note::new(written_at, &bytes, &backup.loaded);
                if earlier.as_ref() != Some(&note) {
                    store.save(Document::Note, &note.write(), Instant::now() + writing)?;
                }
                written.note = Some(note);
            }
        }
        Ok(wrote)
    }
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Writes a document if it may and need be; true if it was.
fn put(
    store: &mut dyn Store,
    document: Document,
    place: &mut Place,
    bytes: &[u8],
    limit: Duration,
) -> Result<bool, StoreError> {
    let is_empty = matches!(bytes, b"[]" | b"{}");
    if !place.wants(bytes, is_empty) {
        return Ok(false);
    }
    store.save(document, bytes, Instant::now() + limit)?;
    place.holds(bytes, is_empty);
    tracing::debug!(document = document.file_name(), bytes = bytes.len(), "The backup is written");
    Ok(true)
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
