//! Why a document was refused.
//!
//! One bad value refuses the whole document, as Unleash Edge 20.4 does: the old data stays in use. Odd but
//! legal values are not errors, see [`super::warning`]. A document comes from upstream or from an operator's
//! file; it holds no secrets, but texts of it are still not repeated here, only numbers and names of keys.

use std::fmt;

/// Why a features document was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentError {
    /// The bytes are not UTF-8.
    NotUtf8 {
        /// Number of good bytes before the first bad one.
        good_bytes: usize,
    },
    /// Not JSON, or the outermost object lacks a key or has a key of the wrong type.
    Json {
        /// The parser's text, which ends with line and column.
        message: Box<str>,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault in bytes.
        column: usize,
    },
    /// A value of the wrong shape.
    Shape {
        /// Where, as in `features[3].strategies[0].parameters.rollout`.
        path: Box<str>,
        /// What belongs there.
        expected: &'static str,
        /// What was there, as in `number 50`.
        found: Box<str>,
    },
    /// Lists and objects are nested deeper than 128 levels, serde_json's bound.
    TooDeep {
        /// The feature, segment or meta object that is too deep.
        path: Box<str>,
    },
}

impl From<serde_json::Error> for DocumentError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json { message: error.to_string().into(), line: error.line(), column: error.column() }
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 { good_bytes } => write!(out, "invalid UTF-8 after {good_bytes} bytes"),
            Self::Json { message, .. } => out.write_str(message),
            Self::Shape { path, expected, found } => {
                write!(out, "{path}: expected {expected}, found {found}")
            }
            Self::TooDeep { path } => write!(out, "{path}: nested too deeply"),
        }
    }
}

impl std::error::Error for DocumentError {}
