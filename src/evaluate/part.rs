//! A piece of a slice or text, by position. What holds the pieces holds the whole as well, so a piece is never
//! out of range; if it were, it would be empty rather than a panic.

use std::ops::Range;

/// From `start` up to, not including, `end`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Part {
    pub(super) fn of<T>(self, whole: &[T]) -> &[T] {
        whole.get(self.range()).unwrap_or_default()
    }

    pub(super) fn of_text(self, whole: &str) -> &str {
        whole.get(self.range()).unwrap_or_default()
    }

    pub(super) fn range(self) -> Range<usize> {
        self.start..self.end
    }

    pub(super) fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// What an extension of `whole` by `items` becomes part of it as.
    pub(super) fn appended<T>(whole: &mut Vec<T>, items: impl IntoIterator<Item = T>) -> Self {
        let start = whole.len();
        whole.extend(items);
        Self { start, end: whole.len() }
    }

    pub(super) fn appended_text(whole: &mut String, text: &str) -> Self {
        let start = whole.len();
        whole.push_str(text);
        Self { start, end: whole.len() }
    }
}
