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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope(environment: &str, projects: &[&str]) -> Scope {
        Scope { environment: Some(environment.into()), projects: Projects::from_names(projects) }
    }

    #[test]
    fn reading_sorts_and_drops_duplicates() {
        assert_eq!(Projects::from_names(["b", "a", "b"]).names(), ["a", "b"]);
        assert_eq!(Projects::from_names(["b", "*"]), Projects::All);
        assert_eq!(Projects::from_names::<&str>([]).names(), [""; 0]);
    }

    #[test]
    fn covers_as_the_contract_says() {
        #[track_caller]
        fn check(mine: &[&str], theirs: &[&str], expected: bool) {
            let (mine, theirs) = (scope("dev", mine), scope("dev", theirs));
            assert_eq!(mine.covers(&theirs), expected, "{mine:?} covers {theirs:?}");
        }
        check(&["*"], &["*"], true);
        check(&["*"], &["p1"], true);
        check(&["p1"], &["*"], false);
        check(&["p1"], &["p1"], true);
        check(&["p1"], &["p2"], false);
        check(&["p1", "p2"], &["p2"], true);
        check(&["p2"], &["p1", "p2"], false);
        check(&["p1"], &[], true);
        check(&[], &["p1"], false);
        check(&[], &[], true);
    }

    #[test]
    fn another_environment_is_never_covered() {
        let opaque = Scope { environment: None, projects: Projects::All };
        assert!(!scope("dev", &["*"]).covers(&scope("prod", &["*"])));
        assert!(!scope("dev", &["*"]).covers(&opaque) && !opaque.covers(&scope("dev", &["*"])));
    }

    #[test]
    fn lists_show_everything_to_star_and_to_unknown_projects() {
        #[track_caller]
        fn check(projects: &[&str], everything: bool, sees_p1: bool) {
            let projects = Projects::from_names(projects);
            assert_eq!((projects.is_everything(), projects.sees("p1")), (everything, sees_p1));
        }
        check(&["*"], true, true);
        check(&[], true, true);
        check(&["p1", "p2"], false, true);
        check(&["p2"], false, false);
    }

    proptest! {
        #[test]
        fn covering_is_a_partial_order(
            sets in proptest::collection::vec(proptest::collection::vec("[ab*]", 0..3), 3)
        ) {
            let of: Vec<Projects> = sets.iter().map(Projects::from_names).collect();
            let [a, b, c] = [&of[0], &of[1], &of[2]];
            prop_assert!(a.covers(a));
            prop_assert!(!(a.covers(b) && b.covers(a)) || a == b);
            prop_assert!(!(a.covers(b) && b.covers(c)) || a.covers(c));
        }
    }
}
