//! brink: a drop-in replacement for Unleash Edge, thread per core. See `docs/ARCHITECTURE.md`.
#![forbid(unsafe_code)]

pub mod config;
pub mod features;
pub mod observe;
pub mod tokens;
pub mod upstream;
