//! Who waits for verdicts: requests with one unknown token, and requests that ask about many.
//!
//! Owned by the sync thread. Every claim ends: each token that is asked about comes back with a verdict or without one.

use std::collections::HashMap;

use crate::{
    messages::{Verdict, Waiter},
    tokens::key::TokenKey,
};

/// Who wants the verdict about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim<W = Waiter> {
    /// A request with this token; it is told the verdict itself.
    Request(W),
    /// A request that asks about this and other tokens, by the number of its group.
    Group(u64),
}

/// All claims. Who waits can be anything that is copied.
#[derive(Debug)]
pub struct Claims<W = Waiter> {
    by_token: HashMap<TokenKey, Vec<Claim<W>>>,
    groups: HashMap<u64, Group<W>>,
    /// Number of groups ever made.
    count: u64,
}

#[derive(Debug)]
struct Group<W> {
    waiter: W,
    /// Tokens without verdict.
    left: usize,
}

impl<W> Default for Claims<W> {
    fn default() -> Self {
        Self { by_token: HashMap::new(), groups: HashMap::new(), count: 0 }
    }
}

impl<W: Copy> Claims<W> {
    /// Opens a group of so many tokens; each is to be claimed or settled.
    pub fn group(&mut self, waiter: W, tokens: usize) -> Claim<W> {
        self.count += 1;
        self.groups.insert(self.count, Group { waiter, left: tokens });
        Claim::Group(self.count)
    }

    /// A claim waits for the verdict about a token.
    pub fn wait(&mut self, key: TokenKey, claim: Claim<W>) {
        self.by_token.entry(key).or_default().push(claim);
    }

    /// The verdict about a token, or that there is none: who is to be told what.
    pub fn decide(&mut self, key: TokenKey, verdict: &Verdict) -> Vec<(W, Verdict)> {
        let claims = self.by_token.remove(&key).unwrap_or_default();
        claims.into_iter().filter_map(|claim| self.settle(claim, verdict.clone())).collect()
    }

    /// Takes out everybody who waits, each once.
    pub fn take_all(&mut self) -> Vec<W> {
        let claims = self.by_token.drain().flat_map(|(_, claims)| claims);
        let requests = claims.filter_map(|claim| match claim {
            Claim::Request(waiter) => Some(waiter),
            Claim::Group(_) => None,
        });
        requests.chain(self.groups.drain().map(|(_, group)| group.waiter)).collect()
    }

    /// The verdict about one token of a claim: who is to be told what. A group is told once, that it may look when all
    /// its verdicts are there, or that one cannot be had.
    pub fn settle(&mut self, claim: Claim<W>, verdict: Verdict) -> Option<(W, Verdict)> {
        let number = match claim {
            Claim::Request(waiter) => return Some((waiter, verdict)),
            Claim::Group(number) => number,
        };
        let group = self.groups.get_mut(&number)?;
        group.left = group.left.saturating_sub(1);
        let is_lost = matches!(verdict, Verdict::Unavailable { .. });
        if group.left > 0 && !is_lost {
            return None;
        }
        let waiter = self.groups.remove(&number)?.waiter;
        Some((waiter, if is_lost { verdict } else { Verdict::Look }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tokens::key::KeyHasher;

    fn key(text: &str) -> TokenKey {
        KeyHasher::new([7; 16]).key(text.as_bytes())
    }

    fn refused(text: &str) -> Verdict {
        Verdict::Refused { key: key(text), remember: Duration::from_secs(60) }
    }

    #[test]
    fn every_request_is_told_once() {
        let ([one, two], mut claims) = ([1, 2], Claims::default());
        claims.wait(key("a"), Claim::Request(one));
        claims.wait(key("a"), Claim::Request(two));
        let told = claims.decide(key("a"), &refused("a"));
        assert_eq!(told, [(one, refused("a")), (two, refused("a"))]);
        assert_eq!(claims.decide(key("a"), &refused("a")), []);
    }

    #[test]
    fn everybody_is_taken_out_once() {
        let mut claims = Claims::default();
        let group = claims.group(2, 2);
        claims.wait(key("a"), Claim::Request(1));
        claims.wait(key("a"), group);
        claims.wait(key("b"), group);
        let mut taken = claims.take_all();
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
        assert!(claims.take_all().is_empty());
        assert_eq!(claims.settle(group, refused("a")), None);
    }

    #[test]
    fn a_group_looks_when_all_verdicts_are_there() {
        let (one, mut claims) = (1, Claims::default());
        let group = claims.group(one, 3);
        assert_eq!(claims.settle(group, refused("a")), None);
        claims.wait(key("b"), group);
        claims.wait(key("c"), group);
        assert_eq!(claims.decide(key("b"), &Verdict::Look), []);
        assert_eq!(claims.decide(key("c"), &refused("c")), [(one, Verdict::Look)]);
        assert!(claims.groups.is_empty() && claims.by_token.is_empty());
    }

    #[test]
    fn a_group_is_told_at_once_that_a_verdict_cannot_be_had() {
        let (one, mut claims) = (1, Claims::default());
        let group = claims.group(one, 2);
        claims.wait(key("a"), group);
        claims.wait(key("b"), group);
        let lost = Verdict::Unavailable { status: Some(500) };
        assert_eq!(claims.decide(key("a"), &lost), [(one, lost.clone())]);
        assert_eq!(claims.decide(key("b"), &lost), []);
        assert!(claims.groups.is_empty());
    }
}
