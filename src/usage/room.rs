//! How much memory a table takes and may take. An estimate that counts every name, and hash tables generously.

use super::drops::Reason;

/// What is taken of a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    pub bytes: usize,
    pub entries: usize,
    bytes_max: usize,
    entries_max: usize,
}

impl Room {
    pub fn new(bytes_max: usize, entries_max: usize) -> Self {
        Self { bytes: 0, entries: 0, bytes_max, entries_max }
    }

    /// Takes room for one entry.
    pub fn admit(&mut self, bytes: usize) -> Result<(), Reason> {
        if self.entries >= self.entries_max {
            return Err(Reason::Entries);
        }
        self.grow(bytes)?;
        self.entries += 1;
        Ok(())
    }

    /// Takes room for more of an entry that is there.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Reason> {
        let grown = self.bytes.saturating_add(bytes);
        if grown > self.bytes_max {
            return Err(Reason::Bytes);
        }
        self.bytes = grown;
        Ok(())
    }

    /// Gives back what entries had.
    pub fn release(&mut self, bytes: usize, entries: usize) {
        debug_assert!(bytes <= self.bytes && entries <= self.entries, "only what was taken");
        self.bytes = self.bytes.saturating_sub(bytes);
        self.entries = self.entries.saturating_sub(entries);
    }
}
