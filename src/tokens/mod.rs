//! Tokens: grammar, scopes, the registry (truth) and the table (look-up). Pure: no clock, no I/O.
//!
//! ```text
//!   header bytes --KeyHasher--> TokenKey --TokenTable::find--> Entry {kind, standing, scope}   (shard)
//!        unknown key: TokenRegistry::ask -> next_batch -> upstream -> answered -> table        (sync thread)
//! ```
//! The [`registry::TokenRegistry`] is owned by the sync thread and is the only place where the state of
//! a token changes; shards see the immutable [`table::TokenTable`] of their snapshot. Time comes in as
//! `Instant` arguments, randomness as a seed.

pub mod key;
pub mod limits;
pub mod mask;
pub mod pretrusted;
pub mod record;
pub mod refresh;
pub mod registry;
pub mod reporter;
pub mod scope;
pub mod table;
pub mod token;
pub mod validation;
pub mod verdicts;

mod agenda;
mod asked;
mod known;
mod negative;
mod pace;
mod reload;
mod revalidation;

#[cfg(test)]
mod tests;
