//! Features: documents, fragments, the catalog and the bodies made of them. Pure: no clock, no I/O.
//!
//! ```text
//! upstream bytes -> parse -> Document -> Catalog -> EnvironmentData -> ScopeView -> response body
//!                     \-> normalise (per feature, only where its text changed) -> Fragment
//! ```
//!
//! Everything left of `ScopeView` runs once per change on the sync thread or a worker; a shard only reads
//! [`view::ScopeView`], which costs it a copy at most. Evaluation is not here: `evaluate` compiles its engine
//! from the fragments of an [`environment::EnvironmentData`].

pub mod body;
pub mod bootstrap;
pub mod catalog;
pub mod changes;
pub mod compress;
pub mod delta;
pub mod environment;
pub mod error;
pub mod etag;
pub mod fragment;
pub mod lineage;
pub mod model;
pub mod parse;
pub mod view;
pub mod warning;

mod date;
mod facts;
mod json;
mod merge;
mod normalise;
mod path;
mod shape;

#[cfg(test)]
mod samples;
