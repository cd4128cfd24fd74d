//! Where in a document we are, as a chain of steps on the stack. Nothing is allocated until it is printed.

use std::fmt;

/// Keys longer than this are cut when printed: a path goes into one log line.
const KEY_CHARS_MAX: usize = 64;

/// One step into a document, linked to the steps before it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'p> {
    /// The outermost key, or the whole document.
    Root(&'p str),
    /// A key of an object.
    Key(&'p Path<'p>, &'p str),
    /// An element of a list, from 0.
    Index(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    /// The path of a key below this one.
    pub(super) fn key(&'p self, key: &'p str) -> Self {
        Self::Key(self, key)
    }

    /// The path of a list element below this one.
    pub(super) fn index(&'p self, index: usize) -> Self {
        Self::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => out.write_str(name),
            Self::Key(parent, key) => {
                write!(out, "{parent}.{}", key.chars().take(KEY_CHARS_MAX).collect::<String>().escape_debug())
            }
            Self::Index(parent, index) => write!(out, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_code() {
        let root = Path::Root("features");
        let feature = root.index(3);
        let strategies = feature.key("strategies");
        let strategy = strategies.index(0);
        let parameters = strategy.key("parameters");
        assert_eq!(parameters.key("rollout").to_string(), "features[3].strategies[0].parameters.rollout");
    }

    #[test]
    fn a_hostile_key_stays_on_one_short_line() {
        let root = Path::Root("meta");
        assert_eq!(root.key("a\nb").to_string(), "meta.a\\nb");
        assert!(root.key(&"k".repeat(10_000)).to_string().len() < 100);
    }
}
