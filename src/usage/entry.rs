//! The counts of one flag, by one application, within one hour.

use std::{mem::size_of, sync::Arc};

use super::{
    drops::{Drops, Reason},
    limits::{NAME_BYTES_MAX, VARIANTS_MAX},
    metadata::{Metadata, MetadataText},
    moment::Moment,
    room::Room,
    text::Text,
};

/// A hash table may be half empty, and one of a single element has room for four; a word for each element's tag.
const SLACK: usize = 4;

/// What counts are about. The earliest report gives time and metadata: `E20` keeps those of the first to arrive,
/// which is the same where they arrive in order, and this way the order in which shards hand over does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub yes: u64,
    pub no: u64,
    pub variants: Variants,
    pub timestamp: Moment,
    pub metadata: Arc<Metadata>,
}

/// Counts by variant, sorted by name: few, and written in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variants(Vec<(Box<str>, u64)>);

/// The counts of one flag as a post has them.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'p> {
    pub feature: &'p str,
    pub yes: u64,
    pub no: u64,
    pub variants: &'p [(Text<'p>, u64)],
}

/// When and by whom something was reported. Copied only if an entry needs it, and then once per post.
#[derive(Debug)]
pub struct Reporter<'p> {
    pub timestamp: Moment,
    metadata: MetadataText<'p>,
    kept: Option<Arc<Metadata>>,
}

/// Where room is taken and what finds none is counted.
pub struct Tally<'t> {
    pub room: &'t mut Room,
    pub drops: &'t mut Drops,
}

impl<'p> Reporter<'p> {
    pub fn new(timestamp: Moment, metadata: MetadataText<'p>) -> Self {
        Self { timestamp, metadata, kept: None }
    }

    fn metadata(&mut self) -> &Arc<Metadata> {
        let text = &self.metadata;
        self.kept.get_or_insert_with(|| Arc::new(text.keep()))
    }
}

impl Counted<'_> {
    /// Both kinds together.
    pub fn evaluations(&self) -> u64 {
        self.yes.saturating_add(self.no)
    }
}

impl Entry {
    /// Nothing counted yet.
    pub fn new(reporter: &mut Reporter<'_>) -> Self {
        let metadata = Arc::clone(reporter.metadata());
        Self { yes: 0, no: 0, variants: Variants::default(), timestamp: reporter.timestamp, metadata }
    }

    /// Both kinds together.
    pub fn evaluations(&self) -> u64 {
        self.yes.saturating_add(self.no)
    }

    /// Memory with its name. Metadata is counted for every entry, though most share it: then the bound holds also
    /// when they do not.
    pub fn bytes(&self, name: &str) -> usize {
        size_of::<(Box<str>, Self)>() * SLACK / 2 + name.len() + self.metadata.bytes() + self.variants.bytes()
    }

    /// Adds a report.
    pub fn add(&mut self, counted: &Counted<'_>, reporter: &mut Reporter<'_>, tally: &mut Tally<'_>) {
        self.yes = self.yes.saturating_add(counted.yes);
        self.no = self.no.saturating_add(counted.no);
        for (name, count) in counted.variants {
            self.variants.add(name, *count, tally);
        }
        if reporter.timestamp < self.timestamp {
            let metadata = Arc::clone(reporter.metadata());
            self.precede(reporter.timestamp, metadata, tally.room);
        }
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: Self, tally: &mut Tally<'_>) {
        self.yes = self.yes.saturating_add(other.yes);
        self.no = self.no.saturating_add(other.no);
        for (name, count) in &other.variants.0 {
            self.variants.add(name, *count, tally);
        }
        if other.timestamp < self.timestamp {
            self.precede(other.timestamp, other.metadata, tally.room);
        }
    }

    /// An earlier report was found. Without room for what it says of itself only its time is taken.
    fn precede(&mut self, timestamp: Moment, metadata: Arc<Metadata>, room: &mut Room) {
        self.timestamp = timestamp;
        if room.grow(metadata.bytes()).is_ok() {
            room.release(self.metadata.bytes(), 0);
            self.metadata = metadata;
        }
    }
}

impl Variants {
    /// In order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (&**name, *count))
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|(name, _)| variant_bytes(name)).sum()
    }

    fn add(&mut self, name: &str, count: u64, tally: &mut Tally<'_>) {
        if count == 0 {
            return;
        }
        match self.0.binary_search_by(|(other, _)| (**other).cmp(name)) {
            Ok(at) => {
                if let Some((_, sum)) = self.0.get_mut(at) {
                    *sum = sum.saturating_add(count);
                }
            }
            Err(at) => match self.admit(name, tally.room) {
                Ok(()) => self.0.insert(at, (name.into(), count)),
                // The evaluations themselves are counted in the entry.
                Err(reason) => tally.drops.count(reason, 0),
            },
        }
    }

    fn admit(&self, name: &str, room: &mut Room) -> Result<(), Reason> {
        if name.len() > NAME_BYTES_MAX {
            return Err(Reason::NameTooLong);
        }
        if self.0.len() >= VARIANTS_MAX {
            return Err(Reason::Entries);
        }
        room.grow(variant_bytes(name))
    }
}

/// Vectors double.
fn variant_bytes(name: &str) -> usize {
    size_of::<(Box<str>, u64)>() * SLACK / 2 + name.len()
}

/// Memory of an application's table of entries within an hour, empty.
pub fn application_bytes(name: &str) -> usize {
    size_of::<(Box<str>, Entry)>() * SLACK + size_of::<(Arc<str>, usize)>() * SLACK + name.len()
}
