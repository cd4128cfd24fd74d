//! What the program says about itself: logs, what is said about single requests, and the export of both.

pub mod access;
pub mod log;
pub mod otlp;
