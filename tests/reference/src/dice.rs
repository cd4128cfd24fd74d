//! Seeded chance for the generators. The same seed makes the same documents on every machine.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value};

/// A source of choices. Owned by one run; never seeded by anything but a number.
#[derive(Debug, Clone)]
pub struct Dice {
    source: SmallRng,
}

impl Dice {
    /// Dice that always fall alike for this seed.
    pub fn seeded(seed: u64) -> Self {
        Self { source: SmallRng::seed_from_u64(seed) }
    }

    /// A seed for other dice or for an engine.
    pub fn seed(&mut self) -> u64 {
        self.source.random()
    }

    /// A number from 0 to `end - 1`; 0 for `end` 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.source.random_range(0..end) }
    }

    /// A number from `first` to `last`.
    pub fn between(&mut self, first: i64, last: i64) -> i64 {
        self.source.random_range(first..=last)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, chance: u32) -> bool {
        self.source.random_range(0..100) < chance
    }

    /// One of a list that is not empty.
    pub fn one<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }

    /// One of `usual`, but in `chance` of a hundred cases one of `odd`.
    pub fn mostly<'a>(&mut self, usual: &[&'a str], odd: &[&'a str], chance: u32) -> &'a str {
        if self.percent(chance) { self.one(odd) } else { self.one(usual) }
    }

    /// The text with up to three characters inserted, removed or replaced, from this alphabet.
    pub fn misspelt(&mut self, text: &str, alphabet: &str) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        let mut characters: Vec<char> = text.chars().collect();
        for _ in 0..self.below(4) {
            let at = self.below(characters.len() + 1);
            match self.below(3) {
                0 => characters.insert(at, letters[self.below(letters.len())]),
                1 if at < characters.len() => drop(characters.remove(at)),
                _ if at < characters.len() => characters[at] = letters[self.below(letters.len())],
                _ => {}
            }
        }
        characters.into_iter().collect()
    }

    /// Puts the value under the key, or null, or leaves the key out.
    pub fn put(&mut self, object: &mut Map<String, Value>, key: &str, value: Value) {
        match self.below(100) {
            0..8 => {}
            8..12 => drop(object.insert(key.to_owned(), Value::Null)),
            _ => drop(object.insert(key.to_owned(), value)),
        }
    }
}
