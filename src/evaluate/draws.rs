//! Random draws of one evaluation, all from the seed it was given. Fair enough for rollouts, not for secrets.

/// SplitMix64: every seed, also a small one, gives well mixed numbers from the first on.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    state: u64,
}

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A whole number from 1 to `max`, evenly; 1 if `max` is 0.
    pub(super) fn one_to(&mut self, max: u64) -> u64 {
        // The upper half of the product; the unevenness is below one in 2^40 for the sizes used here.
        ((u128::from(self.next()) * u128::from(max)) >> u64::BITS) as u64 + 1
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_within_bounds() {
        const DRAWS: u64 = 60_000;
        let mut draws = Draws::new(1);
        let mut counts = [0_u64; 6];
        for _ in 0..DRAWS {
            let drawn = draws.one_to(6);
            assert!((1..=6).contains(&drawn));
            counts[drawn as usize - 1] += 1;
        }
        assert!(counts.iter().all(|count| count.abs_diff(DRAWS / 6) < 500), "{counts:?}");
        assert_eq!(draws.one_to(1), 1);
        assert_eq!(draws.one_to(0), 1);
    }
}
