//! brink: a drop-in replacement for Unleash Edge, thread per core. See `docs/ARCHITECTURE.md`.
#![forbid(unsafe_code)]

pub mod app;
pub mod config;
pub mod features;
pub mod observe;
pub mod probe;
pub mod tokens;
pub mod upstream;

pub use app::run;
