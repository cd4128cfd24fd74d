//! What an evaluation is asked, and what it depended on.
//!
//! An evaluation is a function of the engine and the [`Ask`]: the clock and the random draws are in there as
//! plain numbers. [`Used`] tells whether they had any influence, so that only lasting answers are remembered.

use super::context::Context;
use crate::tokens::scope::Projects;

/// One request to evaluate.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Who asks, as read from the request.
    pub context: &'a Context,
    /// The projects of the token: which features are shown (evaluation.md 13.4).
    pub projects: &'a Projects,
    /// Milliseconds since 1970 UTC. Stands in for a missing `currentTime`, cut to whole seconds.
    pub now_unix_ms: i64,
    /// Where all random draws of this evaluation come from. Take a new random number for each request.
    pub seed: u64,
}

/// What an answer depended on besides the features and the context (evaluation.md 15.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// A random draw had a say.
    pub draw: bool,
    /// The clock had a say.
    pub clock: bool,
}
