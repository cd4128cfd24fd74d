//! A coarse timer wheel: which connections to look at, at which tick.
//!
//! Time is a count of ticks. The wheel holds keys, not deadlines: whoever owns a deadline may move it later
//! without telling the wheel, and puts the key back when it comes up too early. So a request costs no timer
//! work at all; each connection passes the wheel once per round of its deadline.

/// Slots of the wheel; deadlines further away come up early and are put back.
const SLOTS: usize = 64;

pub struct Wheel {
    slots: [Vec<usize>; SLOTS],
    /// The last tick whose slot was emptied.
    tick: u64,
}

impl Default for Wheel {
    fn default() -> Self {
        Self { slots: std::array::from_fn(|_| Vec::new()), tick: 0 }
    }
}

impl Wheel {
    /// Puts a key where it comes up at `tick`, or earlier if that is more than a round away. Returns the tick
    /// at which it will come up.
    pub fn insert(&mut self, key: usize, tick: u64) -> u64 {
        let at = tick.clamp(self.tick + 1, self.tick + SLOTS as u64);
        self.slot(at).push(key);
        at
    }

    /// Moves on to `tick` and takes out every key that came up, with the tick it stood at.
    pub fn advance(&mut self, tick: u64, due: &mut Vec<(usize, u64)>) {
        while self.tick < tick {
            self.tick += 1;
            let at = self.tick;
            due.extend(self.slot(at).drain(..).map(|key| (key, at)));
        }
    }

    fn slot(&mut self, tick: u64) -> &mut Vec<usize> {
        // The modulus is below SLOTS, which fits any usize.
        let index = usize::try_from(tick % SLOTS as u64).unwrap_or(0);
        &mut self.slots[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_up_at_their_tick_and_never_in_the_past() {
        let mut wheel = Wheel::default();
        assert_eq!(wheel.insert(1, 3), 3);
        assert_eq!(wheel.insert(2, 0), 1, "the past comes up at the next tick");
        assert_eq!(wheel.insert(3, 1_000), SLOTS as u64, "far deadlines come up after one round");
        let mut due = Vec::new();
        wheel.advance(2, &mut due);
        assert_eq!(due, [(2, 1)]);
        due.clear();
        wheel.advance(SLOTS as u64, &mut due);
        assert_eq!(due, [(1, 3), (3, SLOTS as u64)]);
        assert_eq!(wheel.insert(4, 0), SLOTS as u64 + 1);
    }
}
