//! Changes of a scope: what is told to clients that follow it by streaming or delta instead of fetching all of it.
//!
//! ```text
//! view before, view after -> Difference -> Change -> window of the latest changes -> replayed from a resume token on
//!                                body of the view -> Hydration, where the window does not reach
//! ```
//!
//! Whatever brings the data, polling, delta, stream or a file, changes are found by comparing what the scope sees
//! before and after. Owned by the publisher, part of [`super::view::ScopeView`], immutable. Invariants:
//! - A token names one content of the scope, as long as upstream's revisions do. It is upstream's revision alone only if
//!   that has grown beyond all that were there before and is that of the one answer the environment was made of.
//! - Whoever holds a token and applies the changes after it holds what the scope's body says.
//! - When upstream's revision falls, its history is another one: no token from before is in the window any more.

mod change;
mod difference;
mod hydration;
mod limits;
mod message;
mod resume;
#[cfg(test)]
mod tests;

pub use change::Change;
pub use hydration::Hydration;
pub use message::{KEEP_ALIVE, Kind};
pub use resume::ResumeToken;

use difference::Difference;
use limits::{EVENTS_MAX, change_bytes_max, window_bytes_max};
use message::{Separator, tail, write_head};
use std::sync::Arc;

use super::environment::EnvironmentData;
use super::etag::Etag;
use super::view::ScopeView;
use crate::tokens::scope::Projects;

/// Where a scope stands, and how it got there.
#[derive(Debug, Clone)]
pub struct History {
    newest: ResumeToken,
    /// Where a client stands that needs all changes.
    oldest: ResumeToken,
    /// The latest, in order.
    latest: Vec<Arc<Change>>,
    /// Upstream's revision when we last looked; `newest` may be older, if the scope has not changed since.
    revision: u64,
    /// The largest there was.
    highest: u64,
}

/// From one state of a scope to the next.
pub(super) struct Step<'s> {
    pub(super) before: &'s EnvironmentData,
    pub(super) after: &'s EnvironmentData,
    pub(super) projects: &'s Projects,
    /// Of the body after.
    pub(super) etag: &'s Etag,
    /// Of the body after.
    pub(super) body_bytes: usize,
}

impl History {
    /// Of a scope that was not served before.
    pub(super) fn begin(environment: &EnvironmentData, projects: &Projects, etag: &Etag) -> Self {
        let start = ResumeToken { revision: 0, mark: None };
        let nothing = Self { newest: start, oldest: start, latest: Vec::new(), revision: 0, highest: 0 };
        let mut begun = nothing.look(environment);
        begun.restart(begun.name(environment, projects, &nothing, etag));
        begun
    }

    /// After a step.
    pub(super) fn after(&self, step: &Step<'_>) -> Self {
        let mut next = self.look(step.after);
        let difference = Difference::between(step.before, step.after, step.projects);
        let token = next.name(step.after, step.projects, self, step.etag);
        if next.revision < self.revision || difference.events() > EVENTS_MAX {
            next.restart(token);
        } else if difference.events() > 0 {
            next.push(Change::write(token, &difference), step.body_bytes);
        }
        next
    }

    /// Notes the revision.
    fn look(&self, environment: &EnvironmentData) -> Self {
        let revision = environment.lineage.revision().unwrap_or(self.revision);
        Self { revision, highest: self.highest.max(revision), ..self.clone() }
    }

    /// The token for content that is new now.
    fn name(
        &self,
        environment: &EnvironmentData,
        projects: &Projects,
        before: &Self,
        etag: &Etag,
    ) -> ResumeToken {
        let is_enough = environment.lineage.is_one_answer_for(projects) && self.revision > before.highest;
        ResumeToken { revision: self.revision, mark: (!is_enough).then(|| etag.mark()) }
    }

    fn restart(&mut self, token: ResumeToken) {
        (self.newest, self.oldest) = (token, token);
        self.latest.clear();
    }

    fn push(&mut self, change: Change, body_bytes: usize) {
        if change.message().len() > change_bytes_max(body_bytes) {
            self.restart(change.token());
            return;
        }
        self.newest = change.token();
        self.latest.push(Arc::new(change));
        let sum = |of: fn(&Change) -> usize| self.latest.iter().map(|change| of(change)).sum::<usize>();
        let mut events = sum(Change::events);
        let mut bytes = sum(|change| change.message().len());
        let is_too_much = |change: &&Arc<Change>| {
            let is_too_much = events > EVENTS_MAX || bytes > window_bytes_max(body_bytes);
            events -= change.events();
            bytes -= change.message().len();
            is_too_much
        };
        let leaving = self.latest.iter().take_while(is_too_much).count();
        if let Some(last) = self.latest.drain(..leaving).next_back() {
            self.oldest = last.token();
        }
    }

    /// Where a client stands that has everything.
    pub fn token(&self) -> ResumeToken {
        self.newest
    }

    /// The changes that a client with this token has not got; none if it has everything. `None` if it needs a
    /// hydration.
    pub fn since(&self, token: ResumeToken) -> Option<&[Arc<Change>]> {
        // From the end: content that was there before, under the same revision, has the same token.
        let got = match self.latest.iter().rposition(|change| change.token() == token) {
            Some(last) => last + 1,
            None if token == self.oldest => 0,
            None => return None,
        };
        self.latest.get(got..)
    }
}

/// Writes the events of several changes as one, for a client with this prefix (empty: all). False if that left none: then
/// the client stands where the last change leads all the same.
pub fn write_missed(kind: Kind, changes: &[Arc<Change>], prefix: &str, out: &mut Vec<u8>) -> bool {
    let mut separator = Separator::default();
    write_head(kind, changes.last().map(|change| change.token()), out);
    for event in changes.iter().flat_map(|change| change.select(prefix)) {
        separator.push(out);
        out.extend_from_slice(event);
    }
    out.extend_from_slice(tail(kind));
    separator.has_first()
}

impl ScopeView {
    /// Everything a client with this prefix (empty: all) needs, as one event, around the lists of the body: its features, and
    /// all segments of the scope, as later changes have them.
    pub fn hydration(&self, kind: Kind, prefix: &str) -> Hydration {
        Hydration::new(kind, self.history.token(), self.place_of(prefix), self.lists.segments.clone())
    }
}
