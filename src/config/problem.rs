//! What can be wrong with a command line, and what the program says about it before it ends.
//!
//! Two kinds (cli.md 1.1): usage errors end with 2 and `error: ...`, start-up errors with 1 and
//! `Error: ...`. All problems of a command line are reported together; when both kinds occur it ends with
//! 2. Texts are those of Unleash Edge 20.4 where it has one; secrets arrive here already masked.

use std::{fmt, io::Write, path::PathBuf, process::ExitCode};

use super::{
    option::{Kind, Opt},
    typed::Origin,
};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A value that its option does not take.
    InvalidValue {
        /// The option.
        option: &'static Opt,
        /// Where the value came from.
        origin: Origin,
        /// The value, masked if it may be secret.
        shown: String,
        /// Why not.
        reason: Reason,
    },
    /// An option that must be given and is not.
    Missing {
        /// The option.
        option: &'static Opt,
    },
    /// Two options that exclude each other.
    Conflict {
        /// One.
        option: &'static Opt,
        /// The other.
        other: &'static Opt,
    },
    /// A bind address that is no IP literal.
    Interface {
        /// As given.
        value: String,
        /// What the address parser says.
        reason: String,
    },
    /// An upstream URL that cannot be used; the text never holds the URL.
    UpstreamUrl {
        /// What the URL parser says, or why the URL is refused.
        reason: String,
    },
    /// HTTPS is wanted and a file for it is not named.
    ServerTls {
        /// What is missing, as Unleash Edge names it.
        what: &'static str,
        /// The option that is missing.
        option: &'static Opt,
    },
    /// A client identity of which one half is missing.
    Identity {
        /// The option that is given.
        option: &'static Opt,
        /// The option that is missing.
        missing: &'static Opt,
    },
    /// A passphrase or a key without any certificate.
    NoCertificateFiles,
    /// A secret file that cannot be read.
    SecretFile {
        /// The option that names it.
        option: &'static Opt,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// `edge --strict` without tokens.
    NoTokens,
    /// `offline` without tokens.
    NoTokensOffline,
    /// `offline` without a file.
    NoFeaturesFile,
    /// Several start-up tokens of one environment with `--delta` or `--streaming`.
    TokensPerEnvironment {
        /// Environment and its projects, sorted, or `*`.
        environments: Vec<(String, String)>,
    },
}

/// Why a value is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// What its parser says.
    Text(String),
    /// It is none of these words.
    NotOneOf(&'static [&'static str]),
    /// It is not UTF-8.
    NotUtf8,
}

impl Problem {
    /// True for the kind that ends with exit code 2.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::InvalidValue { .. } | Self::Missing { .. } | Self::Conflict { .. })
    }

    /// True if the usage line helps.
    fn wants_usage_line(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Conflict { .. })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidValue { option, origin, shown, reason } => {
                write!(f, "invalid value '{shown}' for '{}'{reason}", option.signature())?;
                match origin {
                    Origin::Variable(name) if option.kind != Kind::Variable => {
                        write!(f, "\n  [environment variable: {name}]")
                    }
                    _ => Ok(()),
                }
            }
            Self::Missing { option } => {
                write!(f, "the following required arguments were not provided:\n  {}", option.signature())
            }
            Self::Conflict { option, other } => {
                write!(f, "the argument '{}' cannot be used with '{}'", option.signature(), other.signature())
            }
            Self::Interface { value, reason } => {
                write!(f, "Failed to parse server url: [Invalid IP address '{value}': {reason}]")
            }
            Self::UpstreamUrl { reason } => write!(f, "Failed to parse server url: [{reason}]"),
            Self::ServerTls { what, option } => {
                write!(f, "Could not configure TLS: {what}, set {}", Named(option))
            }
            Self::Identity { option, missing } => {
                write!(f, "Failed to build cert: {} needs {}", Named(option), Named(missing))
            }
            Self::NoCertificateFiles => f.write_str("Failed to build cert NoCertificateFiles"),
            Self::SecretFile { option, path, reason } => {
                write!(f, "Could not read {} given with {}: {reason}", path.display(), Named(option))
            }
            Self::NoTokens => f.write_str("No tokens provided. Tokens must be specified"),
            Self::NoTokensOffline => {
                f.write_str("No tokens provided. Tokens must be specified when running in offline mode")
            }
            Self::NoFeaturesFile => f.write_str("No features file located"),
            Self::TokensPerEnvironment { environments } => {
                f.write_str("Only one token per environment is allowed in DELTA/STREAMING mode")?;
                environments.iter().try_for_each(|(environment, projects)| {
                    write!(f, "\n  environment {environment}: projects {projects}")
                })
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, ": {text}"),
            Self::NotOneOf(words) => write!(f, "\n  [possible values: {}]", words.join(", ")),
            Self::NotUtf8 => f.write_str(": invalid UTF-8"),
        }
    }
}

/// An option in a start-up error: the flag, and the variable that does the same.
struct Named<'a>(&'a Opt);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--{} ({})", self.0.long, self.0.variable_name())
    }
}

/// Why the program ends without running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// Something was asked for and is printed: help, version.
    Answer {
        /// For standard output.
        text: String,
    },
    /// The command line itself cannot be read; the text is complete.
    Unreadable {
        /// For standard error.
        text: String,
    },
    /// It can be read, and these things are wrong with it.
    Rejected {
        /// All of them, in the order of the options.
        problems: Vec<Problem>,
        /// `Usage: ...` of the command.
        usage: String,
    },
}

impl Exit {
    /// The exit code: 0, 1 or 2 (cli.md 1.1).
    pub fn code(&self) -> u8 {
        match self {
            Self::Answer { .. } => 0,
            Self::Unreadable { .. } => 2,
            Self::Rejected { problems, .. } => {
                if problems.iter().any(Problem::is_usage) {
                    2
                } else {
                    1
                }
            }
        }
    }

    /// What goes to standard output.
    pub fn stdout(&self) -> &str {
        match self {
            Self::Answer { text } => text,
            Self::Unreadable { .. } | Self::Rejected { .. } => "",
        }
    }

    /// What goes to standard error.
    pub fn stderr(&self) -> String {
        match self {
            Self::Answer { .. } => String::new(),
            Self::Unreadable { text } => text.clone(),
            Self::Rejected { problems, usage } => {
                if self.code() == 2 {
                    usage_text(problems, usage)
                } else {
                    problems.iter().map(|problem| format!("Error: {problem}\n")).collect()
                }
            }
        }
    }

    /// Prints both texts; a closed stream is no reason to fail differently.
    pub fn print(&self) -> ExitCode {
        let _ = std::io::stdout().write_all(self.stdout().as_bytes());
        let _ = std::io::stderr().write_all(self.stderr().as_bytes());
        ExitCode::from(self.code())
    }
}

fn usage_text(problems: &[Problem], usage: &str) -> String {
    let mut text: String = problems.iter().map(|problem| format!("error: {problem}\n")).collect();
    if problems.iter().any(Problem::wants_usage_line) {
        text.push_str(&format!("\n{usage}\n"));
    }
    text.push_str("\nFor more information, try '--help'.\n");
    text
}
