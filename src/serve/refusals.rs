//! Tokens this shard knows to be refused for a while, by key: a repeated wrong token costs one look-up.
//!
//! Bounded by two generations, as the registry's own list is; forgetting one only means asking again. Where validation
//! is deferred (tokens.md 4.4), a token that was handed in is here too: not accepted until a snapshot lists it.

use super::{
    generations::Generations,
    limits::{DEFERRED_MS, REFUSALS_AGE_MS, REFUSALS_MAX},
};
use crate::tokens::key::{PassThroughBuilder, TokenKey};

/// Refused keys and when that ends, in milliseconds since the shard began.
#[derive(Debug)]
pub struct Refusals {
    keys: Generations<TokenKey, u64, PassThroughBuilder>,
    /// When the older generation is forgotten, full or not.
    turns_at_ms: u64,
}

/// Where an unknown token stands when nobody waits for verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deferred {
    /// Never met, or forgotten: to be handed in.
    New,
    /// Met, not confirmed, and its verdict may be out of date: to be handed in again.
    Stale,
    /// Met and not confirmed.
    Waiting,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { keys: Generations::new(REFUSALS_MAX), turns_at_ms: REFUSALS_AGE_MS }
    }
}

impl Refusals {
    /// Remembers a refusal.
    pub fn insert(&mut self, key: TokenKey, until_ms: u64) {
        self.keys.insert(key, until_ms);
    }

    /// Whether the key is refused at this time.
    pub fn contains(&self, key: TokenKey, now_ms: u64) -> bool {
        self.keys.peek(&key).is_some_and(|until_ms| now_ms < *until_ms)
    }

    /// Where a key stands that is not in the snapshot.
    pub fn deferred(&self, key: TokenKey, now_ms: u64) -> Deferred {
        match self.keys.peek(&key) {
            None => Deferred::New,
            Some(until_ms) if now_ms >= *until_ms => Deferred::Stale,
            Some(_) => Deferred::Waiting,
        }
    }

    /// The key was handed in to be validated some time.
    pub fn defer(&mut self, key: TokenKey, now_ms: u64) {
        self.insert(key, now_ms + DEFERRED_MS);
    }

    /// Time passes: gives back the memory of what was not met for long.
    pub fn age(&mut self, now_ms: u64) {
        if now_ms >= self.turns_at_ms {
            self.turns_at_ms = now_ms + REFUSALS_AGE_MS;
            self.keys.turn();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::key::KeyHasher;

    fn key(number: usize) -> TokenKey {
        KeyHasher::new([7; 16]).key(number.to_string().as_bytes())
    }

    #[test]
    fn refusals_end_and_are_bounded() {
        let mut refusals = Refusals::default();
        refusals.insert(key(0), 1_000);
        assert!(refusals.contains(key(0), 999));
        assert!(!refusals.contains(key(0), 1_000));
        assert!(!refusals.contains(key(1), 0));
        (0..5 * REFUSALS_MAX).for_each(|i| refusals.insert(key(i), 2_000));
        assert!(refusals.keys.len() <= REFUSALS_MAX);
        assert!(refusals.contains(key(5 * REFUSALS_MAX - 1), 0));
    }

    #[test]
    fn what_is_over_gives_its_memory_back() {
        let mut refusals = Refusals::default();
        (0..1_000).for_each(|i| refusals.insert(key(i), 60_000));
        refusals.age(REFUSALS_AGE_MS - 1);
        refusals.age(REFUSALS_AGE_MS);
        assert_eq!(refusals.keys.len(), 1_000);
        refusals.age(2 * REFUSALS_AGE_MS);
        assert_eq!(refusals.keys.len(), 0);
    }

    #[test]
    fn a_deferred_token_is_handed_in_now_and_then() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.deferred(key(0), 5), Deferred::New);
        refusals.defer(key(0), 5);
        assert_eq!(refusals.deferred(key(0), 5 + DEFERRED_MS - 1), Deferred::Waiting);
        assert_eq!(refusals.deferred(key(0), 5 + DEFERRED_MS), Deferred::Stale);
    }
}
