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

use std::fs;
use std::path::{Path, PathBuf};

pub use document::document;
use plan::Plan;

use crate::failure::Failure;

/// The seed of every published figure.
pub const DEFAULT_SEED: u64 = 20_260_601;

/// Writes the document of a plan into a folder, as `small.json` and so on.
pub fn write_into(folder: &Path, plan: &Plan, seed: u64) -> Result<PathBuf, Failure> {
    let path = folder.join(format!("{}.json", plan.name));
    fs::write(&path, document(plan, seed)).map_err(Failure::io(format!("write {}", path.display())))?;
    Ok(path)
}
