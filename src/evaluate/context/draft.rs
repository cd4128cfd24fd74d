//! What a request said, name by name, before repeated and moved names are settled.

use super::super::part::Part;
use super::{Field, Property};

/// Where a name stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// Inside `properties`.
    Properties,
    /// Beside it. Beats [`Layer::Properties`].
    Top,
}

/// What a name means that is given twice in one layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Repeats {
    /// JSON: the last one counts.
    #[default]
    LastWins,
    /// A query string: they are a list, and a list is nothing here.
    AreNothing,
}

/// Names and values in the order of the source.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    repeats: Repeats,
    top: Named,
    properties: Named,
}

/// The names of one layer.
#[derive(Debug, Clone, Default)]
struct Named {
    fields: [Given; Field::ALL.len()],
    others: Vec<Entry>,
}

/// A named field of one layer.
#[derive(Debug, Clone, Copy, Default)]
struct Given {
    is_given: bool,
    value: Option<Part>,
}

/// A name that is no field. `value` is `None` for what is not text.
#[derive(Debug, Clone, Copy)]
struct Entry {
    name: Part,
    value: Option<Part>,
    layer: Layer,
}

impl Draft {
    /// Forgets everything, and settles names given twice this way from now on.
    pub(super) fn restart(&mut self, repeats: Repeats) {
        self.clear();
        self.repeats = repeats;
    }

    pub(super) fn clear(&mut self) {
        self.top.clear();
        self.properties.clear();
    }

    /// `properties` came once more: what it held before is gone.
    pub(super) fn clear_properties(&mut self) {
        self.properties.clear();
    }

    /// Notes a name of the context's text. `None`: it is there, but has no text for a value.
    pub(super) fn note(&mut self, layer: Layer, name: Part, value: Option<Part>, text: &str) {
        let named = match layer {
            Layer::Top => &mut self.top,
            Layer::Properties => &mut self.properties,
        };
        let Some(field) = Field::named(name.of_text(text)) else {
            return named.others.push(Entry { name, value, layer });
        };
        let Some(given) = named.fields.get_mut(field as usize) else { return };
        let is_nothing = given.is_given && self.repeats == Repeats::AreNothing;
        *given = Given { is_given: true, value: value.filter(|_| !is_nothing) };
    }

    /// A field counts where it is given, at the top first (evaluation.md 2.2).
    pub(super) fn settled_fields(&self) -> [Option<Part>; Field::ALL.len()] {
        let mut settled = [None; Field::ALL.len()];
        for ((settled, top), inner) in settled.iter_mut().zip(self.top.fields).zip(self.properties.fields) {
            *settled = if top.is_given { top.value } else { inner.value };
        }
        settled
    }

    /// Moves the properties out, sorted by name and each once.
    pub(super) fn settle_properties(&mut self, text: &str, settled: &mut Vec<Property>) {
        let entries = &mut self.top.others;
        entries.append(&mut self.properties.others);
        // Texts are appended as they are read, so of two equal names the later one starts later.
        entries.sort_unstable_by(|one, other| {
            one.name.of_text(text).cmp(other.name.of_text(text)).then(one.name.start.cmp(&other.name.start))
        });
        for group in entries.chunk_by(|one, other| one.name.of_text(text) == other.name.of_text(text)) {
            let value =
                settle(group, Layer::Top, self.repeats).or(settle(group, Layer::Properties, self.repeats));
            if let (Some(first), Some(value)) = (group.first(), value) {
                settled.push(Property { name: first.name, value });
            }
        }
        self.clear();
    }
}

/// The value of a name in one layer.
fn settle(group: &[Entry], layer: Layer, repeats: Repeats) -> Option<Part> {
    let mut given = group.iter().rev().filter(|entry| entry.layer == layer);
    let last = given.next()?;
    let is_nothing = repeats == Repeats::AreNothing && given.next().is_some();
    last.value.filter(|_| !is_nothing)
}

impl Named {
    fn clear(&mut self) {
        self.fields = Default::default();
        self.others.clear();
        self.others.shrink_to(super::KEPT_PROPERTIES_MAX);
    }
}
