//! A bounded map that forgets what was not used for long: two generations of half the bound each.
//!
//! New and met entries live in the young one; when it is full it becomes the old one, and the old one is dropped. So
//! at least half the bound of the latest entries is there, in constant time, without a list of uses. Its owner may
//! let a generation pass by time, too, so that memory is given back.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
};

/// See the module.
#[derive(Debug)]
pub struct Generations<K, V, S = RandomState> {
    young: HashMap<K, V, S>,
    old: HashMap<K, V, S>,
    generation_max: usize,
}

impl<K: Eq + Hash + Copy, V, S: BuildHasher + Default> Generations<K, V, S> {
    /// An empty map for at most so many entries.
    pub fn new(max: usize) -> Self {
        let (young, old) = (HashMap::default(), HashMap::default());
        Self { young, old, generation_max: (max / 2).max(1) }
    }

    /// Whether the key is there, without keeping it any longer.
    pub fn contains(&self, key: &K) -> bool {
        self.peek(key).is_some()
    }

    /// The value of a key, without keeping it any longer.
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// The value of a key.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if let Some(value) = self.old.remove(key) {
            self.insert(*key, value);
        }
        self.young.get_mut(key)
    }

    /// The value of a key, made if it is not there.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if !self.young.contains_key(&key) {
            let value = self.old.remove(&key).unwrap_or_default();
            self.insert(key, value);
        }
        self.young.entry(key).or_default()
    }

    /// Adds an entry, in place of one with the same key.
    pub fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        if self.young.len() >= self.generation_max && !self.young.contains_key(&key) {
            self.turn();
        }
        self.young.insert(key, value);
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    /// Forgets the old generation; the young one is the old one now.
    pub fn turn(&mut self) {
        self.old = std::mem::take(&mut self.young);
    }

    /// Number of entries.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_holds_and_the_latest_half_is_there() {
        let mut map: Generations<usize, usize> = Generations::new(10);
        for number in 0..1_000 {
            map.insert(number, number);
            assert!(map.len() <= 10);
            assert!((number.saturating_sub(4)..=number).all(|recent| map.peek(&recent) == Some(&recent)));
        }
        assert_eq!(map.peek(&0), None);
    }

    #[test]
    fn what_is_met_stays_and_has_one_value() {
        let mut map: Generations<usize, usize> = Generations::new(10);
        *map.get_or_default(0) = 7;
        for number in 1..1_000 {
            map.insert(number, number);
            assert_eq!(map.get_mut(&0), Some(&mut 7), "after {number}");
        }
        map.turn();
        map.insert(0, 8);
        assert_eq!((map.remove(&0), map.remove(&0)), (Some(8), None));
        map.insert(1, 1);
        map.turn();
        assert_eq!(*map.get_or_default(1), 1);
        map.turn();
        map.turn();
        assert_eq!((map.len(), map.contains(&1)), (0, false));
    }
}
