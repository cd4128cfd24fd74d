//! Logs and, later, metrics.

pub mod log;
