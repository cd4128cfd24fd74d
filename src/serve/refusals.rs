//! Tokens this shard knows to be refused for a while, by key: a repeated wrong token costs one look-up.
//!
//! Bounded by two generations, as the registry's own list is; forgetting one only means asking again.

use crate::tokens::key::{KeyMap, TokenKey};

/// Keys per generation. The registry remembers more; a shard only needs those that come back often.
const GENERATION_MAX: usize = 8_192;

/// Refused keys and when that ends, in milliseconds since the shard began.
#[derive(Debug, Default)]
pub struct Refusals {
    young: KeyMap<u64>,
    old: KeyMap<u64>,
}

impl Refusals {
    /// Remembers a refusal.
    pub fn insert(&mut self, key: TokenKey, until_ms: u64) {
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, until_ms);
    }

    /// Whether the key is refused at this time.
    pub fn contains(&self, key: TokenKey, now_ms: u64) -> bool {
        let until = self.young.get(&key).or_else(|| self.old.get(&key));
        until.is_some_and(|until_ms| now_ms < *until_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::key::KeyHasher;

    #[test]
    fn refusals_end_and_are_bounded() {
        let keys = KeyHasher::new([7; 16]);
        let key = |i: usize| keys.key(&i.to_le_bytes());
        let mut refusals = Refusals::default();
        refusals.insert(key(0), 1_000);
        assert!(refusals.contains(key(0), 999));
        assert!(!refusals.contains(key(0), 1_000));
        assert!(!refusals.contains(key(1), 0));
        (0..10 * GENERATION_MAX).for_each(|i| refusals.insert(key(i), 2_000));
        assert!(refusals.young.len() + refusals.old.len() <= 2 * GENERATION_MAX);
        assert!(refusals.contains(key(10 * GENERATION_MAX - 1), 0));
    }
}
