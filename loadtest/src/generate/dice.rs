//! A small reproducible random number generator (xorshift64*).
//!
//! Documents must come out byte for byte the same on every machine and with every version of
//! every dependency, so the generator is written out here rather than taken from a crate whose
//! algorithm may change. It is not meant for anything else.

/// A stream of reproducible random numbers.
pub struct Dice {
    /// Never zero: xorshift would stay there.
    state: u64,
}

impl Dice {
    /// A stream that depends on the seed and on a label, so that two documents of one seed differ.
    pub fn new(seed: u64, label: &str) -> Self {
        let mixed = label.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut dice = Self { state: mixed | 1 };
        // Neighbouring seeds start with similar states; a few rounds part them.
        for _ in 0..8 {
            dice.next();
        }
        dice
    }

    /// A number from 0 to `bound - 1`. A bound of 0 counts as 1.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from((self.next() >> 16) % bound).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of the items. The tables of this package are never empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Up to `count` different items, in random order.
    pub fn sample<T: Clone>(&mut self, items: &[T], count: usize) -> Vec<T> {
        let mut pool = items.to_vec();
        self.shuffle(&mut pool);
        pool.truncate(count);
        pool
    }

    /// Puts the items into random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// Splits `total` into `parts` random shares of at most `cap` each. What does not fit is lost.
    pub fn spread(&mut self, total: usize, parts: usize, cap: usize) -> Vec<usize> {
        let mut shares = vec![0; parts];
        let mut open: Vec<usize> = (0..parts).collect();
        for _ in 0..total.min(parts * cap) {
            let at = self.below(open.len());
            let part = open[at];
            shares[part] += 1;
            if shares[part] == cap {
                open.swap_remove(at);
            }
        }
        shares
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_label_decide_the_stream() {
        let draw = |seed, label| {
            let mut dice = Dice::new(seed, label);
            (0..20).map(|_| dice.below(1_000_000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
    }

    #[test]
    fn spread_keeps_the_total_and_the_cap() {
        for (total, parts, cap) in [(10, 4, 3), (12, 4, 3), (0, 5, 1), (6200, 6000, 3)] {
            let shares = Dice::new(9, "spread").spread(total, parts, cap);
            assert_eq!(shares.iter().sum::<usize>(), total);
            assert!(shares.iter().all(|&share| share <= cap), "{shares:?}");
        }
    }
}
