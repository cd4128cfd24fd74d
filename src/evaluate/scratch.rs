//! Memory of one shard that evaluations reuse. It holds nothing between two of them that an answer could
//! depend on.

use super::constraint::{Matcher, Pattern};
use super::context::{Context, Field};
use super::part::Part;
use super::tables::{FIRST_PROPERTY, Slot, Tables};
use std::collections::HashMap;
use std::sync::Arc;

/// Lower-case text kept room for between requests.
const KEPT_BYTES_MAX: usize = 64 << 10;
/// Patterns a shard keeps memory for. Each takes some kilobytes, seldom more.
const MATCHERS_MAX: usize = 512;

/// Owned by a shard, lent to each evaluation; may be used with any engine.
#[derive(Debug, Default)]
pub struct Scratch {
    notes: Notes,
    matchers: Matchers,
}

/// What one evaluation has found out so far. Taken out of the scratch when it is left unfinished, and put back when
/// it goes on; what patterns need stays with the shard.
#[derive(Debug, Default)]
pub struct Notes {
    /// By slot: where the value is in the context's text.
    values: Vec<Option<Part>>,
    /// By constraint: what came out.
    memo: Vec<Option<bool>>,
    /// By slot: where the value in lower case is in `lower_text`.
    lowered: Vec<Option<Part>>,
    lower_text: String,
    /// By project: whether it is shown.
    shown: Vec<bool>,
}

impl Scratch {
    /// Makes ready for one evaluation.
    pub(super) fn prepare(&mut self, tables: &Tables, context: &Context) {
        let notes = &mut self.notes;
        reset(&mut notes.memo, tables.constraints.len());
        reset(&mut notes.lowered, tables.slots());
        reset(&mut notes.values, tables.slots());
        notes.lower_text.clear();
        notes.lower_text.shrink_to(KEPT_BYTES_MAX);
        let (fields, properties) = notes.values.split_at_mut_checked(FIRST_PROPERTY).unwrap_or_default();
        for (value, field) in fields.iter_mut().zip(Field::ALL) {
            *value = context.field_part(field);
        }
        for (name, part) in context.property_parts() {
            let slot = tables.property_slot(name);
            if let Some(value) = slot.and_then(|slot| properties.get_mut(slot - FIRST_PROPERTY)) {
                *value = Some(part);
            }
        }
    }

    /// Exchanges the notes of an unfinished evaluation for those that are here.
    pub fn exchange(&mut self, notes: &mut Notes) {
        std::mem::swap(&mut self.notes, notes);
    }

    /// Notes which projects are shown.
    pub(super) fn note_shown(&mut self, shown: impl Iterator<Item = bool>) {
        self.notes.shown.clear();
        self.notes.shown.extend(shown);
    }

    /// By project: whether it is shown. To be put back after a slice.
    pub(super) fn take_shown(&mut self) -> Vec<bool> {
        std::mem::take(&mut self.notes.shown)
    }

    pub(super) fn put_back_shown(&mut self, shown: Vec<bool>) {
        self.notes.shown = shown;
    }

    /// Where the value of a slot is in the context's text.
    pub(super) fn value(&self, slot: Slot) -> Option<Part> {
        self.notes.values.get(slot).copied().flatten()
    }

    pub(super) fn remembered(&self, constraint: u32) -> Option<bool> {
        self.notes.memo.get(constraint as usize).copied().flatten()
    }

    pub(super) fn remember(&mut self, constraint: u32, result: bool) {
        if let Some(known) = self.notes.memo.get_mut(constraint as usize) {
            *known = Some(result);
        }
    }

    /// Bytes of all values in lower case so far.
    pub(super) fn lowered_bytes(&self) -> usize {
        self.notes.lower_text.len()
    }

    /// The value of a slot in lower case; made once per evaluation.
    pub(super) fn lower(&mut self, slot: Slot, value: &str) -> &str {
        let known = self.notes.lowered.get(slot).copied().flatten();
        let part = known.unwrap_or_else(|| append_lower(value, &mut self.notes.lower_text));
        if let Some(known) = self.notes.lowered.get_mut(slot) {
            *known = Some(part);
        }
        part.of_text(&self.notes.lower_text)
    }

    pub(super) fn is_match(&mut self, pattern: &Arc<Pattern>, value: &str) -> bool {
        pattern.is_match(value, self.matchers.of(pattern))
    }
}

fn reset<T: Clone>(list: &mut Vec<Option<T>>, length: usize) {
    list.clear();
    list.resize(length, None);
}

/// Full lower case, as `str::to_lowercase`, which only the capital sigma makes depend on its neighbours.
fn append_lower(value: &str, text: &mut String) -> Part {
    let start = text.len();
    if value.is_ascii() {
        text.push_str(value);
        text.get_mut(start..).unwrap_or_default().make_ascii_lowercase();
    } else if value.contains('\u{3a3}') {
        text.push_str(&value.to_lowercase());
    } else {
        text.extend(value.chars().flat_map(char::to_lowercase));
    }
    Part { start, end: text.len() }
}

/// Memory for patterns, by their address. Each entry keeps its pattern alive, so no address comes twice.
#[derive(Debug, Default)]
struct Matchers {
    by_address: HashMap<usize, (Arc<Pattern>, Matcher)>,
}

impl Matchers {
    fn of(&mut self, pattern: &Arc<Pattern>) -> &mut Matcher {
        let address = Arc::as_ptr(pattern).addr();
        if self.by_address.len() >= MATCHERS_MAX && !self.by_address.contains_key(&address) {
            self.make_room();
        }
        let (_, matcher) =
            self.by_address.entry(address).or_insert_with(|| (Arc::clone(pattern), pattern.matcher()));
        matcher
    }

    /// Patterns no engine has any more go first.
    fn make_room(&mut self) {
        self.by_address.retain(|_, (pattern, _)| Arc::strong_count(pattern) > 1);
        if self.by_address.len() >= MATCHERS_MAX {
            self.by_address.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lower_case_is_that_of_the_standard_library(value in "[A-Za-z\u{130}\u{3a3}\u{3c3}\u{c4}\u{df}\u{1c5} ]{0,8}|.*") {
            let mut text = String::from("Before");
            let part = append_lower(&value, &mut text);
            prop_assert_eq!(part.of_text(&text), value.to_lowercase());
        }
    }
}
