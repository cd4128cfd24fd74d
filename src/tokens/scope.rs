//! What a token may see: one environment and a set of projects.
//!
//! Pure arithmetic on scopes (tokens.md 7.1 and http-api.md 7.3): which scope covers which, and which
//! feature a scope sees. Owned by nobody: scopes are values, shared as `Arc` inside snapshots.

use std::sync::Arc;

/// The projects of a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Projects {
    /// `["*"]`: every project.
    All,
    /// Named projects, sorted and without duplicates. Empty means that the list is known only to
    /// upstream (`[]:env.secret`) or that the token is opaque: lists then show every project.
    Named(Box<[Box<str>]>),
}

impl Projects {
    /// Reads a wire list: any `*` makes it [`Projects::All`], the rest is sorted and de-duplicated.
    pub fn from_names<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut named: Vec<Box<str>> = names.into_iter().map(|name| name.as_ref().into()).collect();
        if named.iter().any(|name| &**name == "*") {
            return Self::All;
        }
        named.sort_unstable();
        named.dedup();
        Self::Named(named.into())
    }

    /// The list as written on the wire: `["*"]`, `["a","b"]` or `[]`.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::All => vec!["*"],
            Self::Named(names) => names.iter().map(|name| &**name).collect(),
        }
    }

    /// True if every project is visible in lists: `*`, or an empty list.
    pub fn is_everything(&self) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.is_empty(),
        }
    }

    /// Whether a feature of `project` is in a list made for these projects.
    pub fn sees(&self, project: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => {
                names.is_empty() || names.binary_search_by(|name| (**name).cmp(project)).is_ok()
            }
        }
    }

    /// Whether a token with these projects covers one with `other` (tokens.md 7.1).
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Named(_), Self::All) => false,
            (Self::Named(mine), Self::Named(theirs)) => {
                theirs.iter().all(|name| mine.binary_search(name).is_ok())
            }
        }
    }
}

/// The key under which an environment's data is kept, and the projects seen of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// Environment name; `None` for opaque offline tokens, which see the file under any name.
    pub environment: Option<Arc<str>>,
    /// Projects visible in the environment.
    pub projects: Projects,
}

impl Scope {
    /// Same environment and projects that cover the other's.
    pub fn covers(&self, other: &Self) -> bool {
        self.environment == other.environment && self.projects.covers(&other.projects)
    }
}
