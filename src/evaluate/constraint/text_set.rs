//! A set of texts to find a value in, of any size.

/// Sorted by length, then by bytes: most values differ in length already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct TextSet {
    texts: Box<[Box<str>]>,
}

impl<T: AsRef<str>> FromIterator<T> for TextSet {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut texts: Vec<Box<str>> = texts.into_iter().map(|text| text.as_ref().into()).collect();
        texts.sort_unstable_by(|one, other| order(one, other));
        texts.dedup();
        Self { texts: texts.into() }
    }
}

impl TextSet {
    /// Whether it holds exactly this text.
    pub(in super::super) fn contains(&self, text: &str) -> bool {
        self.texts.binary_search_by(|known| order(known, text)).is_ok()
    }
}

fn order(one: &str, other: &str) -> std::cmp::Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}
