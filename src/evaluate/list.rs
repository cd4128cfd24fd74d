//! Lists of features, written at once or in slices of bounded work.
//!
//! No clock is read: an evaluation counts its work in units of about a nanosecond, what it compares and hashes as
//! well as what it copies, and after each feature the count is compared with the budget. So a slice exceeds its budget
//! by one feature at most, and an answer within its budget costs a comparison per feature. Between two slices the
//! state is a [`Rest`], the [`Notes`](super::Notes) in the scratch, and the answer so far; whatever the budgets, the
//! bytes are the same.

use super::answer;
use super::ask::{Ask, Used};
use super::clock::ClockText;
use super::draws::Draws;
use super::engine::Engine;
use super::evaluation::Evaluation;
use super::scratch::Scratch;
use super::tables::{Linked, Outcome, Run};
use crate::tokens::scope::Projects;

/// Memory is copied at least this fast, in bytes per nanosecond.
const COPIED_BYTES_PER_UNIT: usize = 16;

/// Which features a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Those that are on.
    Enabled,
    /// All of the token's projects.
    All,
}

/// How far an answer is.
#[derive(Debug)]
pub enum Progress {
    /// It is complete, and depended on this.
    Done(Used),
    /// The budget is used up: [`Engine::go_on`] takes this.
    More(Rest),
}

/// Where an answer goes on. Only of use with the same engine and ask, and with scratch and answer as they were left.
#[derive(Debug)]
pub struct Rest {
    list: List,
    /// Where the answer begins in the output.
    start: usize,
    /// The first step or feature that is missing.
    next: usize,
    draws: Draws,
    used: Used,
}

impl Engine {
    /// Appends `{"toggles":[...]}` with the features that are on (evaluation.md 13).
    pub fn write_enabled(&self, ask: &Ask<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) -> Used {
        self.write(List::Enabled, ask, scratch, out)
    }

    /// Appends `{"toggles":[...]}` with all features of the token's projects.
    pub fn write_all(&self, ask: &Ask<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) -> Used {
        self.write(List::All, ask, scratch, out)
    }

    fn write(&self, list: List, ask: &Ask<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) -> Used {
        let mut progress = self.begin(list, ask, scratch, out, usize::MAX);
        loop {
            match progress {
                Progress::Done(used) => return used,
                Progress::More(rest) => progress = self.go_on(rest, ask, scratch, out, usize::MAX),
            }
        }
    }

    /// Begins a list and appends what `budget` units of work give of it.
    pub fn begin(
        &self,
        list: List,
        ask: &Ask<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
        budget: usize,
    ) -> Progress {
        let start = out.len();
        out.extend_from_slice(answer::OPEN);
        scratch.prepare(&self.tables, ask.context);
        if !self.shows_everything(ask.projects) {
            scratch.note_shown(self.tables.projects.iter().map(|project| ask.projects.sees(project)));
        }
        let rest = Rest { list, start, next: 0, draws: Draws::new(ask.seed), used: Used::default() };
        self.go_on(rest, ask, scratch, out, budget)
    }

    /// Appends more of a list, at least one feature.
    pub fn go_on(
        &self,
        rest: Rest,
        ask: &Ask<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
        budget: usize,
    ) -> Progress {
        let clock = ClockText::new(ask.now_unix_ms);
        let shows_everything = self.shows_everything(ask.projects);
        let shown = scratch.take_shown();
        let mut slice = Slice {
            engine: self,
            list: rest.list,
            limit: budget.saturating_add(out.len() / COPIED_BYTES_PER_UNIT),
            evaluation: Evaluation::resumed(&self.tables, ask, &clock, scratch, (rest.draws, rest.used)),
        };
        let next = if shows_everything {
            slice.write_runs(rest.next, out)
        } else {
            slice.write_shown(&shown, rest.next, out)
        };
        let (draws, used) = slice.evaluation.state();
        scratch.put_back_shown(shown);
        if let Some(next) = next {
            return Progress::More(Rest { next, draws, used, ..rest });
        }
        answer::close(rest.start, out);
        Progress::Done(used)
    }

    fn shows_everything(&self, projects: &Projects) -> bool {
        projects.is_everything() || self.tables.projects.iter().all(|project| projects.sees(project))
    }

    pub(super) fn write_feature<'a>(
        &'a self,
        list: List,
        linked: &'a Linked,
        evaluation: &mut Evaluation<'a>,
        out: &mut Vec<u8>,
    ) {
        let text = &self.tables.text;
        if let Some((outcome, object)) = linked.settled {
            if list == List::All || outcome != Outcome::Off {
                out.extend_from_slice(object.of(text));
            }
            return;
        }
        match evaluation.outcome(linked) {
            Outcome::Off if list == List::Enabled => {}
            Outcome::Off => out.extend_from_slice(linked.off.of(text)),
            Outcome::On => out.extend_from_slice(linked.on.whole.of(text)),
            Outcome::Variant(variant) => {
                let json =
                    self.tables.variants.get(variant as usize).map_or_else(Default::default, |it| it.json);
                linked.on.copy_with(json, text, out);
            }
        }
    }
}

/// One slice of a list. Its writing functions return where to go on, if they do not come to the end.
struct Slice<'a> {
    engine: &'a Engine,
    list: List,
    /// Of the work done and the whole output.
    limit: usize,
    evaluation: Evaluation<'a>,
}

impl Slice<'_> {
    fn is_over(&self, out: &[u8]) -> bool {
        self.evaluation.work() + out.len() / COPIED_BYTES_PER_UNIT > self.limit
    }

    /// All features: settled ones run by run.
    fn write_runs(&mut self, from: usize, out: &mut Vec<u8>) -> Option<usize> {
        let tables = &self.engine.tables;
        for (at, step) in tables.steps.iter().enumerate().skip(from) {
            if self.is_over(out) {
                return Some(at);
            }
            self.copy_run(step.run, out);
            if let Some(linked) = tables.features.get(step.feature as usize) {
                self.engine.write_feature(self.list, linked, &mut self.evaluation, out);
            }
        }
        self.copy_run(tables.last_run, out);
        None
    }

    fn copy_run(&self, run: Run, out: &mut Vec<u8>) {
        let part = match self.list {
            List::Enabled => run.enabled,
            List::All => run.all,
        };
        out.extend_from_slice(part.of(&self.engine.tables.text));
    }

    /// The features of some projects, one by one.
    fn write_shown(&mut self, shown: &[bool], from: usize, out: &mut Vec<u8>) -> Option<usize> {
        for (at, linked) in self.engine.tables.features.iter().enumerate().skip(from) {
            if !shown.get(linked.project).is_some_and(|is_shown| *is_shown) {
                continue;
            }
            if self.is_over(out) {
                return Some(at);
            }
            self.engine.write_feature(self.list, linked, &mut self.evaluation, out);
        }
        None
    }
}
