//! Which tokens fetch features: the smallest set of scopes that covers all (tokens.md 7.2).
//!
//! Pure arithmetic; the registry decides who is a candidate and calls this whenever that changes.

use super::{key::TokenKey, scope::Scope, token::Token};

/// A token to fetch features with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its key.
    pub key: TokenKey,
    /// Sent to upstream.
    pub token: Token,
    /// What its answers cover.
    pub scope: Scope,
}

/// Reduces candidates to a minimal cover, ordered by scope. Of several with one scope the first stays.
///
/// The scopes that result do not depend on the order of the candidates.
pub fn minimal_cover<T>(mut candidates: Vec<T>, scope: impl Fn(&T) -> &Scope) -> Vec<T> {
    // Stable: candidates of one scope keep their order. `*` sorts before named projects.
    candidates.sort_by(|a, b| scope(a).cmp(scope(b)));
    candidates.dedup_by(|later, earlier| scope(later) == scope(earlier));
    let essential: Vec<bool> =
        (0..candidates.len()).map(|at| is_essential(&candidates, at, &scope)).collect();
    let mut essential = essential.into_iter();
    candidates.retain(|_| essential.next().unwrap_or(true));
    candidates
}

/// Whether no other of these distinct scopes, sorted, covers the one at this place.
fn is_essential<T>(candidates: &[T], at: usize, scope: &impl Fn(&T) -> &Scope) -> bool {
    let Some(mine) = candidates.get(at).map(scope) else { return true };
    let first = candidates.partition_point(|other| scope(other).environment < mine.environment);
    let siblings = candidates.iter().enumerate().skip(first);
    !siblings
        .take_while(|(_, other)| scope(other).environment == mine.environment)
        .any(|(place, other)| place != at && scope(other).covers(mine))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tokens::scope::Projects;

    fn scope(environment: &str, projects: &[impl AsRef<str>]) -> Scope {
        Scope { environment: Some(environment.into()), projects: Projects::from_names(projects) }
    }

    #[track_caller]
    fn check(registered: &[(&str, &[&str])], refreshed: &[(&str, &[&str])]) {
        let scopes = |pairs: &[(&str, &[&str])]| -> Vec<Scope> {
            pairs.iter().map(|(environment, projects)| scope(environment, projects)).collect()
        };
        assert_eq!(minimal_cover(scopes(registered), |scope| scope), scopes(refreshed));
    }

    #[test]
    fn reduces_as_the_contract_says() {
        check(&[("dev", &["*"]), ("dev", &["p1"]), ("dev", &["p1", "p2"])], &[("dev", &["*"])]);
        check(&[("dev", &["p1"]), ("dev", &["p1", "p2"])], &[("dev", &["p1", "p2"])]);
        check(&[("dev", &["p1"]), ("dev", &["p2"])], &[("dev", &["p1"]), ("dev", &["p2"])]);
        check(&[("prod", &["*"]), ("dev", &["*"])], &[("dev", &["*"]), ("prod", &["*"])]);
        check(&[("dev", &["p2", "p1"]), ("dev", &["p1", "p2"])], &[("dev", &["p1", "p2"])]);
        check(&[("dev", &[]), ("dev", &["p1"])], &[("dev", &["p1"])]);
        check(&[], &[]);
    }

    #[test]
    fn of_equal_scopes_the_first_stays() {
        let candidates = [("later-env", 1), ("dev", 2), ("dev", 3), ("dev", 4)];
        let candidates: Vec<(Scope, u32)> =
            candidates.into_iter().map(|(environment, rank)| (scope(environment, &["p1"]), rank)).collect();
        let ranks = minimal_cover(candidates, |(scope, _)| scope).into_iter().map(|(_, rank)| rank);
        assert_eq!(ranks.collect::<Vec<u32>>(), [2, 1]);
    }

    fn any_scope() -> impl Strategy<Value = Scope> {
        ("[ab]", proptest::collection::vec("[a-d*]", 0..4))
            .prop_map(|(environment, projects)| scope(&environment, &projects))
    }

    proptest! {
        #[test]
        fn the_cover_covers_all_and_nothing_twice(
            (scopes, shuffled) in proptest::collection::vec(any_scope(), 0..12)
                .prop_flat_map(|scopes| (Just(scopes.clone()), Just(scopes).prop_shuffle()))
        ) {
            let cover = minimal_cover(scopes.clone(), |scope| scope);
            prop_assert!(scopes.iter().all(|scope| cover.iter().any(|member| member.covers(scope))));
            prop_assert!(cover.iter().all(|member| scopes.contains(member)));
            for (place, member) in cover.iter().enumerate() {
                let others = cover.iter().enumerate().filter(|(other, _)| *other != place);
                prop_assert!(others.into_iter().all(|(_, other)| !other.covers(member)));
            }
            prop_assert_eq!(cover, minimal_cover(shuffled, |scope| scope));
        }
    }
}
