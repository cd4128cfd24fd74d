//! What a shard evaluates with, and what it keeps of a request that is left unfinished. Deltas, which are not evaluated,
//! come in at the answer.
//!
//! ```text
//!   context -> begin --Done--> answer -> pressed in pieces -> sent
//!                \--More--> Unfinished ... its turn ... go_on --More--> Unfinished ...
//! ```
//!
//! The request at hand always uses the shard's own memory; an unfinished one takes its [`Sheet`] along and leaves another
//! in its place, so nothing is copied and nothing is allocated unless a request is left. An unfinished request goes on
//! with the snapshot it began with, whatever is published meanwhile. It belongs to its connection and ends with it.

use std::{cell::Cell, mem, rc::Rc, sync::Arc};

use brink_shards::http::path;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{
    entity::Entity,
    frontend::Wanted,
    gzip::Gzip,
    kept::KeptAnswers,
    limits::{SLICE_WORK, UNFINISHED_MAX},
};
use crate::{
    evaluate::{Ask, Context, Engine, List, Notes, Progress, Rest, Scratch},
    snapshot::{FrontendState, Snapshot},
    tokens::scope::Scope,
};

/// What evaluations of one shard reuse.
pub struct Evaluator {
    pub sheet: Sheet,
    pub kept: KeptAnswers,
    scratch: Scratch,
    /// Seeds the draws of each request.
    random: SmallRng,
    /// Made when it is first needed; away while an unfinished request has it.
    gzip: Option<Box<Gzip>>,
    unfinished: Rc<Cell<usize>>,
}

/// What one request reads and writes.
#[derive(Default)]
pub struct Sheet {
    pub context: Context,
    pub answer: Vec<u8>,
}

/// How far an answer is.
pub enum Evaluated<More> {
    /// It stands in the sheet.
    Done,
    /// There is no such feature.
    NotFound,
    /// Others are to have their turn first.
    More(More),
}

/// What the draws and the clock of one request are.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    now_unix_ms: i64,
    seed: u64,
}

/// A request that others have their turn before.
pub struct Unfinished {
    /// Its own while it is left, the shard's while it is worked on.
    sheet: Sheet,
    notes: Notes,
    /// `None` only while it is worked on.
    pub stage: Option<Stage>,
    _seat: Seat,
}

/// What is to be done next.
pub enum Stage {
    /// To evaluate the rest.
    Evaluate(Left),
    /// To compress the rest of the answer, which is known by this.
    Press(Entity, Box<Gzip>),
}

/// Where an evaluation goes on.
pub struct Left {
    pub snapshot: Arc<Snapshot>,
    /// Index of the scope in the snapshot.
    pub scope: usize,
    pub asked: Asked,
    pub rest: Rest,
}

/// Counts one unfinished request.
struct Seat(Rc<Cell<usize>>);

impl Seat {
    fn take(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Evaluator {
    /// Fresh memory; `seed` must differ from shard to shard.
    pub fn new(seed: u64) -> Self {
        Self {
            sheet: Sheet::default(),
            kept: KeptAnswers::default(),
            scratch: Scratch::default(),
            random: SmallRng::seed_from_u64(seed),
            gzip: None,
            unfinished: Rc::default(),
        }
    }

    /// Writes the answer to the context in the sheet, or as much of it as one slice gives.
    pub fn begin(
        &mut self,
        engine: &Engine,
        wanted: &Wanted<'_>,
        scope: &Scope,
        now_unix_ms: i64,
    ) -> Evaluated<(Asked, Rest)> {
        let asked = Asked { now_unix_ms, seed: self.random.random() };
        let Self { sheet: Sheet { context, answer }, scratch, .. } = self;
        answer.clear();
        let ask = asked.ask(context, scope);
        let list = match wanted {
            Wanted::Enabled => List::Enabled,
            Wanted::All => List::All,
            Wanted::One(name) => {
                let used = path::percent_decode(name)
                    .and_then(|name| engine.write_one(&name, &ask, scratch, answer));
                return used.map_or(Evaluated::NotFound, |_| Evaluated::Done);
            }
        };
        match engine.begin(list, &ask, scratch, answer, SLICE_WORK) {
            Progress::Done(_) => Evaluated::Done,
            Progress::More(rest) => Evaluated::More((asked, rest)),
        }
    }

    /// Goes on with a slice of about this much work.
    pub fn go_on(&mut self, left: Left, budget: usize) -> Evaluated<Left> {
        let Left { snapshot, scope, asked, rest } = left;
        // Both were there when it was left, and a snapshot does not change.
        let Some((engine, described)) = place(&snapshot, scope) else { return Evaluated::NotFound };
        let Self { sheet: Sheet { context, answer }, scratch, .. } = self;
        match engine.go_on(rest, &asked.ask(context, described), scratch, answer, budget) {
            Progress::Done(_) => Evaluated::Done,
            Progress::More(rest) => Evaluated::More(Left { snapshot, scope, asked, rest }),
        }
    }

    /// A compressor with nothing in it.
    pub fn take_gzip(&mut self) -> Box<Gzip> {
        let mut gzip = self.gzip.take().unwrap_or_default();
        gzip.restart();
        gzip
    }

    /// Gives a compressor back for the next one.
    pub fn put_back_gzip(&mut self, gzip: Box<Gzip>) {
        self.gzip = Some(gzip);
    }

    /// Leaves the request at hand, which `held` is, if it was left before. The stage comes back if too many are left
    /// already: then there is no turn for others.
    pub fn leave(&mut self, held: Option<Box<Unfinished>>, stage: Stage) -> Result<Box<Unfinished>, Stage> {
        let mut unfinished = match held {
            Some(unfinished) => unfinished,
            None if self.unfinished.get() >= UNFINISHED_MAX => return Err(stage),
            None => Box::new(Unfinished {
                sheet: Sheet::default(),
                notes: Notes::default(),
                stage: None,
                _seat: Seat::take(&self.unfinished),
            }),
        };
        unfinished.stage = Some(stage);
        self.exchange(&mut unfinished);
        Ok(unfinished)
    }

    /// Requests that are left.
    #[cfg(test)]
    pub fn unfinished(&self) -> usize {
        self.unfinished.get()
    }

    /// Puts an unfinished request's memory in the place of the shard's, and back.
    pub fn exchange(&mut self, unfinished: &mut Unfinished) {
        mem::swap(&mut self.sheet, &mut unfinished.sheet);
        self.scratch.exchange(&mut unfinished.notes);
    }
}

impl Asked {
    fn ask<'a>(&self, context: &'a Context, scope: &'a Scope) -> Ask<'a> {
        Ask { context, projects: &scope.projects, now_unix_ms: self.now_unix_ms, seed: self.seed }
    }
}

/// Engine and scope of an unfinished evaluation.
fn place(snapshot: &Snapshot, scope: usize) -> Option<(&Engine, &Scope)> {
    let FrontendState::Serving(engine) = snapshot.frontends.get(scope)? else { return None };
    Some((engine, snapshot.tokens.scopes().get(scope)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::etag::Etag;

    #[test]
    fn so_many_are_left_and_no_more() {
        let mut evaluator = Evaluator::new(1);
        let stage = || Stage::Press(Entity::of(Etag::of(b"")), Box::default());
        let mut left: Vec<_> = (0..UNFINISHED_MAX).map(|_| evaluator.leave(None, stage()).ok()).collect();
        assert!(left.iter().all(Option::is_some));
        assert_eq!(evaluator.unfinished(), UNFINISHED_MAX);
        assert!(evaluator.leave(None, stage()).is_err());
        let held = left.pop().flatten();
        assert!(
            evaluator.leave(held, stage()).is_ok_and(|again| again.stage.is_some()),
            "one that was left before"
        );
        assert_eq!(evaluator.unfinished(), UNFINISHED_MAX - 1);
        drop(left);
        assert_eq!(evaluator.unfinished(), 0);
    }
}
