//! The keyed hash under which a token is looked up, and maps by it.
//!
//! Look-ups never compare secrets: a presented text is hashed with a key of this process (SipHash-1-3,
//! 128 bits) and found by that. Nobody outside can aim at a collision or learn a secret from the time a
//! look-up takes, and what holds only keys (the negative cache) holds no secrets.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasherDefault, Hash, Hasher},
};

use siphasher::sip128::SipHasher13;

/// A token's text under the key of this process. Meaningless in another process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenKey(u128);

/// Hashes texts to [`TokenKey`]s. One key per process, drawn at start; shards hold copies.
#[derive(Clone, Copy)]
pub struct KeyHasher(SipHasher13);

/// A map by [`TokenKey`]; the key is a hash already and is not hashed again.
pub type KeyMap<V> = HashMap<TokenKey, V, PassThroughBuilder>;

/// Makes the hasher of [`KeyMap`].
pub type PassThroughBuilder = BuildHasherDefault<PassThrough>;

impl KeyHasher {
    /// `secret` must be random and must not leave the process.
    pub fn new(secret: [u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(&secret))
    }

    /// The key of a text as presented in a header or a list: blanks around it do not count.
    pub fn key(&self, presented: &[u8]) -> TokenKey {
        TokenKey(self.0.hash(presented.trim_ascii()).as_u128())
    }
}

impl fmt::Debug for KeyHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHasher(****)")
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({:06x})", self.0 & 0xff_ffff)
    }
}

impl Hash for TokenKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [low, high] = halves(self.0);
        state.write_u64(low ^ high);
    }
}

fn halves(key: u128) -> [u64; 2] {
    [key as u64, (key >> 64) as u64]
}

/// The hasher of [`KeyMap`]: hands the key through.
#[derive(Debug, Default, Clone, Copy)]
pub struct PassThrough(u64);

impl Hasher for PassThrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }

    /// Not reached by [`TokenKey`], which writes one `u64`.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_around_a_presented_text_do_not_count() {
        let hasher = KeyHasher::new([7; 16]);
        assert_eq!(hasher.key(b" \t*:dev.abc "), hasher.key(b"*:dev.abc"));
        assert_ne!(hasher.key(b"*:dev. abc"), hasher.key(b"*:dev.abc"));
    }

    #[test]
    fn another_secret_gives_other_keys() {
        assert_ne!(KeyHasher::new([1; 16]).key(b"x"), KeyHasher::new([2; 16]).key(b"x"));
    }

    #[test]
    fn a_map_by_key_finds_what_was_put_in() {
        let hasher = KeyHasher::new([7; 16]);
        let map: KeyMap<u32> = (0..1_000_u32).map(|i| (hasher.key(i.to_string().as_bytes()), i)).collect();
        assert_eq!(map.len(), 1_000);
        assert!((0..1_000_u32).all(|i| map.get(&hasher.key(i.to_string().as_bytes())) == Some(&i)));
    }

    #[test]
    fn debug_shows_no_secret() {
        let hasher = KeyHasher::new([7; 16]);
        assert_eq!(format!("{hasher:?}"), "KeyHasher(****)");
        assert_eq!(format!("{:?}", hasher.key(b"x")).len(), "TokenKey(123456)".len());
    }
}
