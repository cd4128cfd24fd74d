//! The command line and the environment, read once at start.

pub mod settings;
