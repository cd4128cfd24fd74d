//! Which answers of upstream an environment was merged of, and which revision of upstream that makes.
//!
//! Each token of upstream has a revision of its own ([`super::fragment::MetaFragment::revision_id`]), so an environment that
//! is fetched by several tokens has several. The largest of them says how far we are. It names the content only
//! if there is no other: two edges that fetched the same answers in another order have different data at the same largest
//! revision. Kept by the catalog, read by [`super::changes`].

use crate::tokens::scope::Projects;

/// The answers that are part of an environment. One per list of projects; an answer takes the place of those it covers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lineage {
    answers: Box<[Answer]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    /// What it was an answer for; `None` is older data, of a backup or a bootstrap file.
    projects: Option<Projects>,
    revision: Option<u64>,
}

impl Lineage {
    /// After an answer for these projects.
    pub(super) fn after_answer(&self, projects: &Projects, revision: Option<u64>) -> Self {
        let everything = projects.is_everything();
        let is_covered = |older: &Answer| match &older.projects {
            Some(covered) => everything || projects.covers(covered),
            None => everything,
        };
        self.with(is_covered, Answer { projects: Some(projects.clone()), revision })
    }

    /// After older data was added.
    pub(super) fn after_older(&self, revision: Option<u64>) -> Self {
        self.with(|answer| answer.projects.is_none(), Answer { projects: None, revision })
    }

    /// After older data was dropped.
    pub(super) fn without_older(&self) -> Self {
        let answers = self.answers.iter().filter(|answer| answer.projects.is_some());
        Self { answers: answers.cloned().collect() }
    }

    fn with(&self, is_replaced: impl Fn(&Answer) -> bool, answer: Answer) -> Self {
        let kept = self.answers.iter().filter(|answer| !is_replaced(answer)).cloned();
        let mut answers: Vec<_> = kept.chain([answer]).collect();
        // So that the order in which tokens are fetched for the first time makes no difference.
        answers.sort_by(|a, b| a.projects.cmp(&b.projects));
        Self { answers: answers.into() }
    }

    /// The largest revision; `None` if no answer had one.
    pub fn revision(&self) -> Option<u64> {
        self.answers.iter().filter_map(|answer| answer.revision).max()
    }

    /// Whether that revision alone names what these projects see: there is one answer, and it is about all of them. Older
    /// data is taken for that, too.
    pub fn is_one_answer_for(&self, projects: &Projects) -> bool {
        let is_about = |about: &Projects| about.is_everything() || about.covers(projects);
        match &*self.answers {
            [answer] => answer.projects.as_ref().is_none_or(is_about),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_take_the_place_of_what_they_cover() {
        #[track_caller]
        fn check(answers: &[(&[&str], Option<u64>)], revision: Option<u64>, of_one: bool) {
            let mut lineage = Lineage::default();
            for (projects, revision) in answers {
                lineage = lineage.after_answer(&Projects::from_names(*projects), *revision);
            }
            let found = (lineage.revision(), lineage.is_one_answer_for(&Projects::from_names(["a"])));
            assert_eq!(found, (revision, of_one), "{answers:?}");
        }
        check(&[], None, false);
        check(&[(&["*"], Some(5))], Some(5), true);
        check(&[(&["*"], Some(5)), (&["*"], Some(4))], Some(4), true);
        check(&[(&["*"], Some(5)), (&["*"], None)], None, true);
        check(&[(&["a"], Some(5)), (&["b"], Some(4))], Some(5), false);
        check(&[(&["a"], Some(5)), (&["b"], Some(4)), (&["a"], Some(3))], Some(4), false);
        check(&[(&["a"], Some(5)), (&["a", "b"], Some(4))], Some(4), true);
        check(&[(&["a"], Some(5)), (&["b"], None), (&["*"], Some(6))], Some(6), true);
        check(&[(&["a"], Some(5)), (&[], Some(2))], Some(2), true);
        check(&[(&["*"], Some(5)), (&["a"], Some(6))], Some(6), false);
        check(&[(&["a", "b"], Some(5))], Some(5), true);
        check(&[(&["b"], Some(5))], Some(5), false);
    }

    #[test]
    fn older_data_counts_until_it_is_dropped_or_replaced() {
        let named = Projects::from_names(["a"]);
        let older = Lineage::default().after_older(Some(9));
        assert_eq!((older.revision(), older.is_one_answer_for(&Projects::All)), (Some(9), true));
        let both = older.after_answer(&named, Some(7));
        assert_eq!((both.revision(), both.is_one_answer_for(&named)), (Some(9), false));
        assert_eq!(both.without_older(), Lineage::default().after_answer(&named, Some(7)));
        assert_eq!(both.after_older(None).revision(), Some(7));
        assert_eq!(both.after_answer(&Projects::All, Some(1)).revision(), Some(1));
    }
}
