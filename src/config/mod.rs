//! The command line and the environment, read once at start (cli.md 1 to 4, 7 and 11).
//!
//! ```text
//! args -> cli (clap: words)  -> typed (what was given) -> lower (values, groups) -> Config
//! env  --------------------------^                            |
//!                                                             +-> Exit (all problems, exit code, texts)
//! ```
//! Nothing here starts a thread or opens a socket; the only files read are those that hold secrets. The
//! result is immutable and shared as `Arc<Config>`.

mod cli;
pub mod lists;
mod lower;
pub mod option;
mod options;
pub mod problem;
pub mod secret;
pub mod settings;
mod typed;

#[cfg(test)]
mod tests;

use std::ffi::OsString;

pub use self::{
    problem::{Exit, Problem},
    settings::Config,
    typed::Environment,
};

/// Reads and checks the command line. `args` starts with the name of the program; `environment` looks a
/// variable up.
pub fn parse(args: impl Iterator<Item = OsString>, environment: Environment<'_>) -> Result<Config, Exit> {
    let mut line = cli::read(args)?;
    line.typed.fill_from(options::program::ALL, environment);
    line.typed.fill_from(options::of(line.command), environment);
    lower::lower(&line)
}
