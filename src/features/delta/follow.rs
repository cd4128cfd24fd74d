//! Which is believed, the state folded from changes or a document that was polled meanwhile.
//!
//! A document that changes have overtaken while it was fetched, and that is not newer than they, counts for nothing. One that shows
//! the same as the fold does so, too. For others it matters whether changes come at present:
//!
//! - While they come they are the truth, and a polled document only compares: it is never taken. Lists and deltas are made by
//!   different parts of upstream; if these write one feature in two ways, taking both in turn would show SDKs a change where there
//!   is none. A difference is drift, for which the whole state is asked for. Only a newer document gets a second chance, as
//!   changes may be a moment behind lists: if the next one is newer still, and no change has come between, it is drift.
//! - While none come, an equal or newer document, or one without a revision, becomes the base that later changes are applied to.
//!   Of older ones the first is dropped: a replica of upstream may lag. The second in a row shows that upstream's history has
//!   changed. It is taken, and the fold forgets everything, as the ids of its changes mean nothing any more.
//!
//! Changes that are older than a base are still applied: each brings a whole feature, and those that follow bring the newer
//! state again, so that the end is right whatever the order.

use super::super::model::Document;
use super::{Changes, Fold, NotHydrated};

/// The fold of one refresh token, and what is remembered about polls.
#[derive(Debug, Default)]
pub struct Follow {
    fold: Fold,
    /// Lists applied so far.
    applied: u64,
    /// The last poll brought an older document, and nothing was applied since.
    behind: bool,
    /// The last poll brought something newer, and nothing was applied since.
    ahead: bool,
}

/// How far the fold was when a poll began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    applied: u64,
}

/// What becomes of a polled document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// It shows what is known: nothing to do.
    Same,
    /// To be applied.
    Take,
    /// To be dropped: the changes are newer. Nothing was compared: better look again soon.
    Late,
    /// To be dropped: changes may be on their way that bring the same. Better look again soon.
    Ahead,
    /// To be dropped; a hydration is needed.
    Drift,
    /// To be dropped; the next one counts.
    Behind,
    /// To be applied; upstream's history has changed, so that a hydration is needed.
    Restart,
}

impl Follow {
    /// The state.
    pub fn fold(&self) -> &Fold {
        &self.fold
    }

    /// A list has come; the document of the state after it, nothing if it is empty.
    ///
    /// # Errors
    /// If there is no state to apply it to.
    pub fn changed(&mut self, changes: Changes) -> Result<Option<Document>, NotHydrated> {
        if changes.list.is_empty() {
            return Ok(None);
        }
        let document = self.fold.apply(changes)?;
        self.applied += 1;
        (self.behind, self.ahead) = (false, false);
        Ok(Some(document))
    }

    /// A poll begins.
    pub fn asking(&self) -> Asked {
        Asked { applied: self.applied }
    }

    /// A poll has brought a document. `streams`: changes come by themselves at present.
    pub fn polled(&mut self, document: &Document, asked: Asked, streams: bool) -> Polled {
        if !self.fold.is_hydrated() {
            return Polled::Take;
        }
        if self.fold.shows(document) {
            (self.behind, self.ahead) = (false, false);
            return Polled::Same;
        }
        let (mine, theirs) = (self.fold.event_id(), document.revision());
        let is_newer = theirs > mine;
        if asked.applied != self.applied && !is_newer {
            return Polled::Late;
        }
        if streams {
            let waits = is_newer && !std::mem::replace(&mut self.ahead, true);
            return if waits { Polled::Ahead } else { Polled::Drift };
        }
        if mine.is_some_and(|mine| theirs.is_some_and(|theirs| theirs < mine)) {
            return self.older();
        }
        self.fold.rebase(document);
        (self.behind, self.ahead) = (false, false);
        Polled::Take
    }

    fn older(&mut self) -> Polled {
        if !std::mem::replace(&mut self.behind, true) {
            return Polled::Behind;
        }
        self.fold.forget();
        self.behind = false;
        Polled::Restart
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{document, nothing};
    use super::super::parse_changes;
    use super::*;
    use serde_json::json;

    fn hydrated(id: u64, name: &str) -> Changes {
        let event =
            json!({"type": "hydration", "eventId": id, "features": [{"name": name, "enabled": true}]});
        parse_changes(json!({"events": [event]}).to_string().as_bytes(), &nothing()).expect("good")
    }

    fn poll(revision: Option<u64>, name: &str) -> Document {
        let meta = revision.map_or_else(String::new, |id| format!(r#","meta":{{"revisionId":{id}}}"#));
        document(&format!(r#"{{"version":2,"features":[{{"name":"{name}","enabled":true}}]{meta}}}"#))
    }

    fn following() -> Follow {
        let mut follow = Follow::default();
        follow.changed(hydrated(10, "a")).expect("hydrated");
        follow
    }

    #[test]
    fn a_poll_against_a_quiet_fold() {
        for (revision, name, up, down) in [
            (Some(10), "a", Polled::Same, Polled::Same),
            (Some(3), "a", Polled::Same, Polled::Same),
            (None, "a", Polled::Same, Polled::Same),
            (Some(10), "b", Polled::Drift, Polled::Take),
            (None, "b", Polled::Drift, Polled::Take),
            (Some(11), "b", Polled::Ahead, Polled::Take),
            (Some(9), "b", Polled::Drift, Polled::Behind),
        ] {
            for (streams, expected) in [(true, up), (false, down)] {
                let mut follow = following();
                let document = poll(revision, name);
                let polled = follow.polled(&document, follow.asking(), streams);
                assert_eq!(polled, expected, "{revision:?} {name} {streams}");
                let is_taken = matches!(polled, Polled::Take | Polled::Same);
                assert_eq!(follow.fold().shows(&document), is_taken);
            }
        }
    }

    #[test]
    fn a_poll_that_a_change_overtook_counts_if_it_is_newer() {
        for (revision, up, down) in [
            (Some(10), Polled::Late, Polled::Late),
            (None, Polled::Late, Polled::Late),
            (Some(21), Polled::Ahead, Polled::Take),
        ] {
            for (streams, expected) in [(true, up), (false, down)] {
                let mut follow = following();
                let asked = follow.asking();
                follow.changed(hydrated(20, "c")).expect("hydrated");
                assert_eq!(follow.polled(&poll(revision, "b"), asked, streams), expected);
            }
        }
    }

    #[test]
    fn a_second_newer_document_without_a_change_between_is_drift() {
        for (between, expected) in [(None, Polled::Drift), (Some(11), Polled::Ahead)] {
            let mut follow = following();
            assert_eq!(follow.polled(&poll(Some(11), "b"), follow.asking(), true), Polled::Ahead);
            if let Some(id) = between {
                follow.changed(hydrated(id, "b")).expect("hydrated");
            }
            assert_eq!(follow.polled(&poll(Some(12), "c"), follow.asking(), true), expected);
        }
    }

    #[test]
    fn the_second_older_document_in_a_row_is_another_history() {
        let mut follow = following();
        assert_eq!(follow.polled(&poll(Some(2), "b"), follow.asking(), false), Polled::Behind);
        assert_eq!(follow.polled(&poll(Some(2), "b"), follow.asking(), false), Polled::Restart);
        assert!(!follow.fold().is_hydrated());
        assert_eq!(follow.polled(&poll(Some(3), "c"), follow.asking(), false), Polled::Take);
        // One that is not in a row.
        let mut follow = following();
        assert_eq!(follow.polled(&poll(Some(2), "b"), follow.asking(), false), Polled::Behind);
        assert_eq!(follow.polled(&poll(Some(10), "a"), follow.asking(), false), Polled::Same);
        assert_eq!(follow.polled(&poll(Some(2), "b"), follow.asking(), false), Polled::Behind);
    }
}
