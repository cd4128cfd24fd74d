//! Evaluation of feature flags for the frontend API: contract `evaluation.md`, as Unleash Edge 20.4 answers.
//! Pure: no clock, no randomness, no I/O; time and a seed come in with each [`Ask`].
//!
//! ```text
//! control side: EnvironmentData -> compile (per changed feature) -> link (all) -> Arc<Engine>
//! shard:        query or JSON -> Context \
//!               Arc<Engine>, Scratch      -> write_enabled | write_all | write_one -> bytes and Used
//! ```
//!
//! One [`Engine`] per environment is made by the thread that owns the catalog and shared by all shards. A shard
//! owns one [`Scratch`] (and a [`Context`] it reads each request into); with them, an evaluation allocates
//! nothing but what the answer needs to grow. A list can also be written in slices of bounded work
//! ([`Engine::begin`], [`Engine::go_on`]), so that a shard can answer others in between.

mod answer;
mod ask;
mod clock;
mod compile;
mod constraint;
mod context;
mod draws;
mod engine;
mod evaluation;
mod hash;
mod link;
mod list;
mod part;
mod reason;
mod scratch;
mod tables;

pub use ask::{Ask, Used};
pub use context::{BadContext, Context, Field, VALUE_BYTES_MAX};
pub use engine::{Engine, Malformed, Resolved, ResolvedVariant};
pub use list::{List, Progress, Rest};
pub use reason::Reason;
pub use scratch::{Notes, Scratch};

#[cfg(test)]
mod tests;
