//! Compressed answers of one shard, by the entity tag of what was compressed: equal answers, as clients without an
//! identity get them, are compressed once.
//!
//! Bounded in number and bytes, without a clock: there are two generations, finds move to the younger one, and when that
//! is half full the older one is forgotten. A find allocates nothing once the maps have grown.

use std::{collections::HashMap, mem, rc::Rc};

use brink_shards::Shared;

use super::limits::{KEPT_ANSWER_BYTES_MAX, KEPT_ANSWERS_MAX, KEPT_BYTES_MAX};

/// See the module.
#[derive(Default)]
pub struct KeptAnswers {
    young: HashMap<Box<str>, Shared>,
    /// Bytes of the young ones.
    young_bytes: usize,
    old: HashMap<Box<str>, Shared>,
}

impl KeptAnswers {
    /// The compressed form of the answer with this tag.
    pub fn find(&mut self, tag: &str) -> Option<Shared> {
        if let Some(found) = self.young.get(tag) {
            return Some(Rc::clone(found));
        }
        let (tag, found) = self.old.remove_entry(tag)?;
        self.insert(tag, Rc::clone(&found));
        Some(found)
    }

    /// Keeps a compressed form; `None` if it is too large for that.
    pub fn keep(&mut self, tag: &str, bytes: &[u8]) -> Option<Shared> {
        if bytes.len() > KEPT_ANSWER_BYTES_MAX {
            return None;
        }
        let kept = Rc::new(bytes.into());
        self.insert(tag.into(), Rc::clone(&kept));
        Some(kept)
    }

    fn insert(&mut self, tag: Box<str>, answer: Shared) {
        let is_full = self.young.len() >= KEPT_ANSWERS_MAX / 2;
        if is_full || self.young_bytes + answer.len() > KEPT_BYTES_MAX / 2 {
            self.old = mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += answer.len();
        if let Some(replaced) = self.young.insert(tag, answer) {
            self.young_bytes -= replaced.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_bounds(kept: &KeptAnswers) {
        let bytes = |answers: &HashMap<_, Shared>| answers.values().map(|one| one.len()).sum::<usize>();
        assert_eq!(bytes(&kept.young), kept.young_bytes);
        assert!(bytes(&kept.young) + bytes(&kept.old) <= KEPT_BYTES_MAX);
        assert!(kept.young.len() + kept.old.len() <= KEPT_ANSWERS_MAX);
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_forgotten() {
        for (count, bytes) in [(5 * KEPT_ANSWERS_MAX, 10), (100, KEPT_ANSWER_BYTES_MAX)] {
            let mut kept = KeptAnswers::default();
            kept.keep("popular", b"first");
            for at in 0..count {
                assert!(kept.keep(&at.to_string(), &vec![0; bytes]).is_some());
                assert_eq!(kept.find("popular").as_deref().map(|one| &**one), Some(&b"first"[..]), "{at}");
                check_bounds(&kept);
            }
            assert!(kept.find("0").is_none());
            assert!(kept.find(&(count - 1).to_string()).is_some());
        }
    }

    #[test]
    fn the_same_tag_is_counted_once_and_giants_are_not_kept() {
        let mut kept = KeptAnswers::default();
        kept.keep("a", b"12345");
        kept.keep("a", b"12345");
        assert_eq!(kept.young_bytes, 5);
        assert!(kept.keep("giant", &vec![0; KEPT_ANSWER_BYTES_MAX + 1]).is_none());
        assert!(kept.find("giant").is_none());
        check_bounds(&kept);
    }
}
