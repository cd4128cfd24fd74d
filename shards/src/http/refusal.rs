//! Requests that are refused before anybody looks at what they ask for.
//!
//! All are answered with `connection: close`, no body and no CORS headers, and end the connection: where the next
//! request would begin is not known.

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The request line, its version, a header line or the framing breaks the grammar.
    Malformed,
    /// The target is longer than [`super::limits::TARGET_BYTES_MAX`].
    TargetTooLong,
    /// The head is longer than [`super::limits::HEAD_BYTES_MAX`] or has too many lines.
    HeadTooLarge,
    /// An expectation other than `100-continue`.
    UnknownExpectation,
    /// A transfer coding other than `chunked`.
    UnknownCoding,
}

impl Refusal {
    /// The status to answer.
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::TargetTooLong => 414,
            Self::HeadTooLarge => 431,
            Self::UnknownExpectation => 417,
            Self::UnknownCoding => 501,
        }
    }
}
