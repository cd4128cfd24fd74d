//! Everything that can stop a measurement, with what to do about it.

use std::fmt;
use std::io;

/// Why a command of the kit gave up.
#[derive(Debug)]
pub enum Failure {
    /// The system refused something.
    Io { action: String, source: io::Error },
    /// A program that the kit drives is not installed.
    MissingTool { tool: &'static str, remedy: &'static str },
    /// A server under test did not answer in time; `log` is the end of what it wrote.
    NotReady { server: &'static str, log: String },
    /// A server answered otherwise than the case expects.
    UnexpectedAnswer { server: &'static str, case: &'static str, wanted: u16, found: String },
    /// The load generator's output lacks a figure.
    UnreadableResult { tool: &'static str, output: String },
    /// The target is not a loopback address.
    NotLoopback { target: String },
    /// An argument is not usable as it stands.
    BadArgument { argument: &'static str, problem: String },
}

impl Failure {
    /// Wraps a system error with what was tried; for `map_err`.
    pub fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action: action.into(), source }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, source } => write!(out, "cannot {action}: {source}"),
            Self::MissingTool { tool, remedy } => write!(out, "{tool} is not installed; {remedy}"),
            Self::NotReady { server, log } => write!(out, "{server} did not get ready; it wrote:\n{log}"),
            Self::UnexpectedAnswer { server, case, wanted, found } => {
                write!(out, "{server} should answer case {case} with {wanted}, but answered {found}")
            }
            Self::UnreadableResult { tool, output } => {
                write!(out, "no result in the output of {tool}:\n{output}")
            }
            Self::NotLoopback { target } => {
                write!(out, "{target} is not a loopback address; load is sent to this machine only")
            }
            Self::BadArgument { argument, problem } => write!(out, "{argument}: {problem}"),
        }
    }
}

impl std::error::Error for Failure {}
