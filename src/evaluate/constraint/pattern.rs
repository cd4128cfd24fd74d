//! Regular expressions with the syntax, meaning and size limit of the crate `regex` (evaluation.md 6.6).
//!
//! The crate underneath is used directly because its searches borrow their memory: each shard has its own, where
//! `regex` keeps a pool that all threads share. Matching takes time linear in the value.

use regex_automata::Input;
use regex_automata::meta::{Cache, Config, Regex};
use regex_automata::util::syntax;

/// The default size limit of `regex`: a larger pattern does not compile.
const PATTERN_BYTES_MAX: usize = 10 << 20;
/// Memory of the lazily built automaton, per pattern and shard. Enough for all but the strangest patterns,
/// which then fall back to a slower, still linear way.
const AUTOMATON_BYTES_MAX: usize = 256 << 10;

/// A compiled pattern.
#[derive(Debug)]
pub(in super::super) struct Pattern {
    regex: Regex,
}

/// The memory one shard matches a pattern with.
pub(in super::super) type Matcher = Cache;

impl Pattern {
    /// `None` if the pattern does not compile or is too large.
    pub(super) fn compile(pattern: &str, case_insensitive: bool) -> Option<Self> {
        let config =
            Config::new().nfa_size_limit(Some(PATTERN_BYTES_MAX)).hybrid_cache_capacity(AUTOMATON_BYTES_MAX);
        let syntax = syntax::Config::new().case_insensitive(case_insensitive);
        let regex = Regex::builder().configure(config).syntax(syntax).build(pattern).ok()?;
        Some(Self { regex })
    }

    /// New memory for this pattern, and no other.
    pub(in super::super) fn matcher(&self) -> Matcher {
        self.regex.create_cache()
    }

    /// Whether the pattern matches anywhere in the value.
    pub(in super::super) fn is_match(&self, value: &str, matcher: &mut Matcher) -> bool {
        self.regex.search_half_with(matcher, &Input::new(value).earliest(true)).is_some()
    }
}
