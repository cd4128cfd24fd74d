//! Tokens that shards asked about and upstream has not judged yet.
//!
//! Owned by the registry. Coalesces: a token is here once, waiting or in flight. Bounded by
//! [`QUEUE_MAX`] waiting and by the batches in flight. The text is dropped with the verdict.

use std::collections::VecDeque;

use super::{
    key::{KeyMap, TokenKey},
    limits::QUEUE_MAX,
    token::Token,
};

/// The queue and what was taken from it.
#[derive(Debug, Default)]
pub(super) struct AskedTokens {
    /// Waiting and in flight.
    tokens: KeyMap<Token>,
    /// Waiting only, in order of arrival; each key is in `tokens`.
    waiting: VecDeque<TokenKey>,
}

impl AskedTokens {
    pub(super) fn contains(&self, key: TokenKey) -> bool {
        self.tokens.contains_key(&key)
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= QUEUE_MAX
    }

    pub(super) fn any_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Appends a token; the caller has checked that it is neither here nor too much.
    pub(super) fn push(&mut self, key: TokenKey, token: Token) {
        debug_assert!(!self.contains(key) && !self.is_full());
        self.tokens.insert(key, token);
        self.waiting.push_back(key);
    }

    /// Takes the oldest waiting ones into flight.
    pub(super) fn take(&mut self, max: usize) -> Vec<(TokenKey, Token)> {
        let count = max.min(self.waiting.len());
        let keys = self.waiting.drain(..count);
        keys.filter_map(|key| self.tokens.get(&key).map(|token| (key, token.clone()))).collect()
    }

    /// Forgets a token: it is asked about in another way. One in flight stays in its batch.
    pub(super) fn withdraw(&mut self, key: TokenKey) {
        if self.tokens.remove(&key).is_some() {
            self.waiting.retain(|waiting| *waiting != key);
        }
    }

    /// Puts a token in flight back into the queue, behind the others; false if it is not here or there is no room.
    pub(super) fn put_back(&mut self, key: TokenKey) -> bool {
        let fits = self.contains(key) && !self.is_full();
        if fits {
            self.waiting.push_back(key);
        }
        fits
    }

    /// Ends the flight of a token, judged or not; true if it was here.
    pub(super) fn land(&mut self, key: TokenKey) -> bool {
        self.tokens.remove(&key).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::key::KeyHasher;

    fn token(number: usize) -> (TokenKey, Token) {
        let token = Token::parse(&format!("*:dev.{number}")).expect("grammar");
        (KeyHasher::new([7; 16]).key(token.text().as_bytes()), token)
    }

    #[test]
    fn a_token_in_flight_is_still_here_until_it_lands() {
        let mut asked = AskedTokens::default();
        for number in 0..3 {
            let (key, token) = token(number);
            asked.push(key, token);
        }
        assert_eq!(asked.take(2), [token(0), token(1)]);
        assert!(asked.contains(token(0).0) && asked.any_waiting());
        assert!(asked.land(token(0).0) && !asked.land(token(0).0));
        assert_eq!((asked.len(), asked.take(9)), (2, vec![token(2)]));
        assert!(!asked.any_waiting());
    }

    #[test]
    fn a_token_put_back_is_taken_again() {
        let mut asked = AskedTokens::default();
        let (key, one) = token(0);
        asked.push(key, one);
        assert_eq!(asked.take(9).len(), 1);
        assert!(asked.put_back(key) && !asked.put_back(token(1).0));
        assert_eq!((asked.len(), asked.take(9)), (1, vec![token(0)]));
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut asked = AskedTokens::default();
        for number in 0..QUEUE_MAX {
            assert!(!asked.is_full());
            let (key, token) = token(number);
            asked.push(key, token);
        }
        assert!(asked.is_full());
        asked.take(1);
        assert!(!asked.is_full());
    }
}
