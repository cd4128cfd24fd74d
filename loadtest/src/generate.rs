//! Reproducible documents in the shape of `GET /api/client/features`.
//!
//! Three documents with fixed measures ([`plan`]) serve every measurement and many tests. They are
//! generated where they are needed and never committed. One seed gives the same bytes everywhere.
//! [`census`] counts a finished document, independently of the plan.

pub mod census;
mod constraint;
mod dice;
mod document;
pub mod plan;
mod strategy;
mod variant;
mod words;

pub use document::document;

/// The seed of every published figure.
pub const DEFAULT_SEED: u64 = 20_260_601;
