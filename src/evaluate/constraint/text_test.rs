//! Starts with, ends with, contains: any of some texts (evaluation.md 6.3).

/// Where a text has to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Start,
    End,
    Anywhere,
}

/// The test; for the lower-case form both sides are given in lower case.
#[derive(Debug)]
pub(in super::super) struct TextTest {
    place: Place,
    texts: Box<[Box<str>]>,
}

impl TextTest {
    pub(super) fn new(place: Place, texts: impl Iterator<Item = String>) -> Self {
        Self { place, texts: texts.map(String::into_boxed_str).collect() }
    }

    /// See [`super::Test::work`]. The ends of a value are compared in no time; all of it is searched once per text.
    pub(in super::super) fn work(&self, value_bytes: usize) -> usize {
        match self.place {
            Place::Start | Place::End => self.texts.len(),
            Place::Anywhere => self.texts.len().saturating_mul(value_bytes),
        }
    }

    pub(in super::super) fn accepts(&self, value: &str) -> bool {
        let mut texts = self.texts.iter();
        match self.place {
            Place::Start => texts.any(|text| value.starts_with(&**text)),
            Place::End => texts.any(|text| value.ends_with(&**text)),
            Place::Anywhere => texts.any(|text| value.contains(&**text)),
        }
    }
}
