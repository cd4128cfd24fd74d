//! MurmurHash3, the 32-bit x86 form, over `group:value` (evaluation.md 8).
//!
//! The group is known when a feature is compiled, so the state after its whole four-byte blocks is kept, with
//! the one to three bytes left over; a request hashes the value only.

/// Seed of rollouts.
pub(super) const ROLLOUT_SEED: u32 = 0;
/// Seed of variants.
pub(super) const VARIANT_SEED: u32 = 86_028_157;

const C1: u32 = 0xcc9e_2d51;
const C2: u32 = 0x1b87_3593;
const BLOCK_BYTES: usize = 4;

/// The hash of `group:`, ready to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix {
    state: u32,
    /// Bytes after the last whole block, the first one lowest.
    carry: u32,
    /// How many bits of `carry` count: 0, 8, 16 or 24.
    carry_bits: u32,
    /// Bytes of `group:`, modulo 2^32 as the hash wants it.
    length: u32,
}

impl Prefix {
    /// Hashes `group:`.
    pub(super) fn new(group: &str, seed: u32) -> Self {
        Self { state: seed, carry: 0, carry_bits: 0, length: 0 }.then(group.as_bytes()).then(b":")
    }

    /// The number from 1 to `modulus` for a value. `modulus` must not be 0; then the answer is 1.
    pub(super) fn normalised(&self, value: &[u8], modulus: u64) -> u64 {
        u64::from(self.finish(value)).checked_rem(modulus).unwrap_or(0) + 1
    }

    /// The state after more bytes.
    fn then(mut self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<BLOCK_BYTES>();
        for word in words {
            let both = self.append(u32::from_le_bytes(*word));
            self.take_block(both);
        }
        let both = self.append(little_endian(rest));
        let bits = self.carry_bits + bits_of(rest);
        if bits >= u32::BITS {
            self.take_block(both);
            self.carry_bits = bits - u32::BITS;
        } else {
            self.carry = low(both);
            self.carry_bits = bits;
        }
        self.length = self.length.wrapping_add(bytes.len() as u32);
        self
    }

    /// The carry with a word after it.
    fn append(&self, word: u32) -> u64 {
        u64::from(self.carry) | u64::from(word) << self.carry_bits
    }

    /// Mixes in the lower word and carries the upper one.
    fn take_block(&mut self, both: u64) {
        self.state =
            (self.state ^ scrambled(low(both))).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
        self.carry = low(both >> u32::BITS);
    }

    /// The hash of `group:value`.
    fn finish(&self, value: &[u8]) -> u32 {
        let end = self.then(value);
        let hash = end.state ^ scrambled(end.carry) ^ end.length;
        let hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
        let hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
        hash ^ hash >> 16
    }
}

fn scrambled(block: u32) -> u32 {
    block.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2)
}

fn low(both: u64) -> u32 {
    both as u32
}

/// Up to three bytes as a number.
fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

fn bits_of(bytes: &[u8]) -> u32 {
    bytes.len() as u32 * u8::BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw(bytes: &[u8], seed: u32) -> u32 {
        Prefix { state: seed, carry: 0, carry_bits: 0, length: 0 }.finish(bytes)
    }

    #[test]
    fn hashes_as_the_contract_says() {
        for (bytes, rollout, variant) in [
            ("", 0, 0xee93_c64c),
            ("a", 0x3c25_69b2, 0x69fd_c48b),
            ("g:1", 0x4a3c_373c, 0x761e_fa97),
            ("g:2", 0x7b89_7e93, 0x7d0a_9582),
            ("g:3", 0xbf9a_6e6a, 0x1396_bcc6),
            ("checkout.new-banner:12345", 0x803a_8f86, 0xd174_6030),
        ] {
            assert_eq!(raw(bytes.as_bytes(), ROLLOUT_SEED), rollout, "{bytes}");
            assert_eq!(raw(bytes.as_bytes(), VARIANT_SEED), variant, "{bytes}");
        }
    }

    #[test]
    fn normalises_as_the_contract_says() {
        for (group, value, hundred, thousand, three) in [
            ("g", "1", 85, 720, 1),
            ("g", "2", 4, 635, 1),
            ("g", "3", 67, 831, 1),
            ("g", "", 64, 779, 3),
            ("", "1", 60, 285, 1),
            ("checkout.new-banner", "12345", 79, 945, 2),
            ("group with space", "user@example.com", 49, 701, 1),
            ("s\u{f8}k", "\u{e6}rlig", 37, 902, 3),
            ("a:b", "c", 98, 248, 2),
            ("a", "b:c", 98, 248, 2),
        ] {
            let value = value.as_bytes();
            assert_eq!(Prefix::new(group, ROLLOUT_SEED).normalised(value, 100), hundred, "{group}");
            assert_eq!(Prefix::new(group, VARIANT_SEED).normalised(value, 1000), thousand, "{group}");
            assert_eq!(Prefix::new(group, VARIANT_SEED).normalised(value, 3), three, "{group}");
        }
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_split_does_not_matter(bytes in prop::collection::vec(any::<u8>(), 0..40), at in 0..40_usize) {
            let (head, tail) = bytes.split_at(at.min(bytes.len()));
            let split = Prefix { state: 7, carry: 0, carry_bits: 0, length: 0 }.then(head).finish(tail);
            prop_assert_eq!(split, raw(&bytes, 7));
        }
    }
}
