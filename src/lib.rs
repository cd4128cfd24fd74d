//! brink: a drop-in replacement for Unleash Edge, thread per core. See `docs/ARCHITECTURE.md`.
#![forbid(unsafe_code)]

pub mod app;
pub mod clock;
pub mod config;
pub mod control;
pub mod described;
pub mod evaluate;
pub mod features;
pub mod limits;
pub mod messages;
pub mod observe;
pub mod offline;
pub mod pages;
pub mod pem;
pub mod persist;
pub mod prepare;
pub mod probe;
pub mod publish;
pub mod reload;
pub mod report;
pub mod serve;
pub mod signals;
pub mod snapshot;
pub mod sync;
pub mod tls;
pub mod tokens;
pub mod upstream;
pub mod usage;

/// The version of Unleash Edge that others take this for: a plain semantic version, which some parse and compare.
pub const COMPATIBLE_VERSION: &str = "20.4.1";
