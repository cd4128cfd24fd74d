//! Documents about edges below us: the newest of each, passed on as they came (metrics.md 2.2).

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{
    drops::{Drops, Reason},
    limits::{CHILDREN_BYTES_MAX, CHILDREN_MAX},
};

/// One document, and whose it is.
#[derive(Clone)]
pub struct Child {
    pub(super) identifier: Box<str>,
    pub(super) document: Box<RawValue>,
}

/// The newest document of each edge.
#[derive(Debug, Default, PartialEq)]
pub struct Children {
    documents: BTreeMap<Box<str>, Child>,
    bytes: usize,
}

impl Child {
    /// The document.
    pub fn document(&self) -> &RawValue {
        &self.document
    }

    pub(super) fn bytes(&self) -> usize {
        2 * self.identifier.len() + self.document.get().len() + 2 * size_of::<(Box<str>, Self)>()
    }
}

impl Serialize for Child {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document.serialize(serializer)
    }
}

/// By its length: nobody wants to read all of it in a log.
impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Child({:?}, {} bytes)", self.identifier, self.document.get().len())
    }
}

impl PartialEq for Child {
    fn eq(&self, other: &Self) -> bool {
        (&self.identifier, self.document.get()) == (&other.identifier, other.document.get())
    }
}

impl Children {
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn len(&self) -> usize {
        self.documents.len()
    }

    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Takes a newer document. If there are too many, those that were there stay.
    pub fn insert(&mut self, child: Child, drops: &mut Drops) {
        let known = self.documents.get(&child.identifier).map(Child::bytes);
        let bytes = self.bytes - known.unwrap_or(0) + child.bytes();
        let is_over = known.is_none() && self.documents.len() >= CHILDREN_MAX;
        if is_over || bytes > CHILDREN_BYTES_MAX {
            return drops.count(Reason::Child, 0);
        }
        self.bytes = bytes;
        self.documents.insert(child.identifier.clone(), child);
    }

    /// Takes back an older document, unless a newer one is there.
    pub fn put_back(&mut self, child: Child, drops: &mut Drops) {
        if !self.documents.contains_key(&child.identifier) {
            self.insert(child, drops);
        }
    }

    pub fn take(&mut self) -> Vec<Child> {
        self.bytes = 0;
        std::mem::take(&mut self.documents).into_values().collect()
    }
}
