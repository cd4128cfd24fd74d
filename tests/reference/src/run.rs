//! Runs of many states: settings from the environment, a seed for each state, the report of a failure.
//!
//! `BRINK_REFERENCE_STATES` sets how many states are tried, `BRINK_REFERENCE_SEED` the seed of the first; the
//! next have the numbers after it, so a failing state can be run alone.

use crate::check::{Request, bytes_of, check_request, check_state};
use crate::context;
use crate::dice::Dice;
use crate::difference::{Compared, Difference, same};
use crate::document::{self, PROJECTS, Plan, State};
use crate::oracle::Oracle;
use crate::shrink::{Case, is_fair, shrink};
use crate::subject::Subject;
use crate::tally::Tally;
use brink::tokens::scope::Projects;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};

const SEED: u64 = 20_260_721;
/// Contexts tried on each state.
pub const CONTEXTS: usize = 20;
const MISSPELT_FEATURES: usize = 40;

/// How long to run, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// States to try.
    pub states: u64,
    /// Seed of the first.
    pub seed: u64,
}

impl Settings {
    /// So many states, unless the environment says otherwise.
    pub fn from_environment(states: u64) -> Self {
        Self { states: number("BRINK_REFERENCE_STATES", states), seed: number("BRINK_REFERENCE_SEED", SEED) }
    }

    /// The seed of each state.
    pub fn seeds(self) -> impl Iterator<Item = u64> {
        (0..self.states).map(move |at| self.seed.wrapping_add(at))
    }
}

/// A number of the environment; a text that is none is a mistake worth a panic.
fn number(name: &str, otherwise: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return otherwise };
    text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text:?}"))
}

/// Random requests for a state.
pub fn requests(dice: &mut Dice, plan: &Plan, count: usize) -> Vec<Request> {
    let request = |_| Request {
        context: context::context(dice, plan.palette()),
        projects: projects(dice),
        seed: dice.seed(),
    };
    (0..count).map(request).collect()
}

fn projects(dice: &mut Dice) -> Projects {
    let count = 1 + dice.below(2);
    Projects::from_names((0..count).map(|_| dice.one(PROJECTS)))
}

/// Makes one state from a seed and compares both sides; panics with a small case if they differ.
pub fn run_state(seed: u64, tally: &mut Tally) {
    let mut dice = Dice::seeded(seed);
    let state = document::state(&mut dice);
    let requests = requests(&mut dice, &state.plan, CONTEXTS);
    compare_or_report(seed, &state, &requests, tally);
}

/// The same for a state and contexts whose values are nearly right.
pub fn run_misspelt(seed: u64, tally: &mut Tally) {
    let mut dice = Dice::seeded(seed);
    let state = document::misspelt_state(&mut dice, MISSPELT_FEATURES);
    let request = |_| Request {
        context: context::misspelt_context(&mut dice),
        projects: Projects::All,
        seed: dice.seed(),
    };
    let requests: Vec<Request> = (0..CONTEXTS).map(request).collect();
    compare_or_report(seed, &state, &requests, tally);
}

fn compare_or_report(seed: u64, state: &State, requests: &[Request], tally: &mut Tally) {
    if let Err((difference, request)) = compare(&state.document, requests, tally) {
        panic!("{}", report(seed, &state.document, request, &difference));
    }
}

/// A difference and the request that showed it, or the first one if none did.
type Found<'a> = (Box<Difference>, &'a Request);

fn compare<'a>(document: &Value, requests: &'a [Request], tally: &mut Tally) -> Result<(), Found<'a>> {
    let Some(first) = requests.first() else { return Ok(()) };
    let oracle = Oracle::compile(document).unwrap_or_else(|error| panic!("generated, but refused: {error}"));
    let mut subject = guarded(|| Subject::compile(document).map_err(|error| refused(&error)))
        .map_err(|difference| (difference, first))?;
    check_state(&subject, &oracle, tally).map_err(|difference| (difference, first))?;
    let mut before: Option<(&Request, Option<Vec<u8>>)> = None;
    for request in requests {
        guarded(|| check_request(&mut subject, &oracle, request, tally))
            .map_err(|difference| (difference, request))?;
        // An evaluation leaves nothing behind for the next: the request before gets the same as before.
        if let Some((request, bytes)) = before {
            let again = bytes_of(&mut subject, request);
            same("list after another context", &again, &bytes).map_err(|difference| (difference, request))?;
        }
        before = Some((request, bytes_of(&mut subject, request)));
    }
    Ok(())
}

fn refused(error: &str) -> Box<Difference> {
    Difference::new("document", &error, &"accepted")
}

/// A panic is a difference too.
fn guarded<T>(ask: impl FnOnce() -> Compared<T>) -> Compared<T> {
    catch_unwind(AssertUnwindSafe(ask))
        .unwrap_or_else(|_| Err(Difference::new("panic", &"panicked", &"an answer")))
}

fn report(seed: u64, document: &Value, request: &Request, difference: &Difference) -> String {
    let case = Case { document: document.clone(), context: request.context.clone() };
    let small =
        shrink(case, |case| fails(case, request).is_some_and(|found| found.point == difference.point));
    let difference = fails(&small, request).unwrap_or_else(|| Box::new(difference.clone()));
    format!(
        "the engines differ\n\
         again:    BRINK_REFERENCE_SEED={seed} BRINK_REFERENCE_STATES=1\n\
         point:    {} {}\n\
         document: {}\n\
         context:  {}\n\
         projects: {:?}\n\
         ours:     {}\n\
         theirs:   {}\n",
        difference.point,
        difference.feature.as_deref().unwrap_or_default(),
        small.document,
        small.context,
        request.projects.names(),
        difference.ours,
        difference.theirs,
    )
}

/// The difference that a case shows, if both sides accept it and may be compared.
fn fails(case: &Case, request: &Request) -> Option<Box<Difference>> {
    if !is_fair(case) {
        return None;
    }
    Oracle::compile(&case.document).ok()?;
    let request = [Request { context: case.context.clone(), ..request.clone() }];
    compare(&case.document, &request, &mut Tally::default()).err().map(|(difference, _)| difference)
}
