//! How much memory a table takes and may take. An estimate that counts every name, and hash tables generously.

use super::drops::Reason;

/// What is taken of a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    pub bytes: usize,
    pub entries: usize,
    bytes_max: usize,
    entries_max: usize,
    /// Part of the bound that something else takes.
    reserved: usize,
}

impl Room {
    pub fn new(bytes_max: usize, entries_max: usize) -> Self {
        Self { bytes: 0, entries: 0, bytes_max, entries_max, reserved: 0 }
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
        if grown.saturating_add(self.reserved) > self.bytes_max {
            return Err(Reason::Bytes);
        }
        self.bytes = grown;
        Ok(())
    }

    /// Sets aside a part of the bound for what is to come back, in place of what was set aside before.
    pub fn reserve(&mut self, bytes: usize) {
        self.reserved = bytes;
    }

    /// Gives back what entries had.
    pub fn release(&mut self, bytes: usize, entries: usize) {
        debug_assert!(bytes <= self.bytes && entries <= self.entries, "only what was taken");
        self.bytes = self.bytes.saturating_sub(bytes);
        self.entries = self.entries.saturating_sub(entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_is_not_given_away() {
        let mut room = Room::new(100, 10);
        assert_eq!(room.admit(40), Ok(()));
        room.reserve(50);
        assert_eq!(room.admit(11), Err(Reason::Bytes));
        assert_eq!(room.admit(10), Ok(()));
        room.reserve(0);
        assert_eq!(room.admit(50), Ok(()));
    }
}
