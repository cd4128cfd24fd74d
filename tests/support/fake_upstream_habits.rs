//! The bad habits of the fake upstream.

use std::time::Duration;

/// How the upstream treats a request that it has read and recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Habit {
    /// Like Unleash.
    Normal,
    /// This status and a small JSON body: 401 for ever, 403 once, 500.
    Status(u16),
    /// A status with `Retry-After` in seconds.
    RetryAfter(u16, u64),
    /// Exactly this status, these headers and this body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// 304, whether or not a tag was sent.
    NotModified,
    /// Reads and says nothing.
    NeverAnswers,
    /// The normal answer, after a while.
    SlowFirstByte(Duration),
    /// The normal answer, one byte at a time with this pause between two.
    SlowByByte(Duration),
    /// Announces the whole body, sends half of it and closes.
    Truncates,
    /// Announces more than it sends, and keeps the connection open.
    LengthTooLong,
    /// Announces less than it sends.
    LengthTooShort,
    /// Closes the connection without an answer.
    Closes,
    /// Resets the connection without an answer.
    Resets,
    /// Answers with something that is not HTTP.
    NotHttp,
    /// 200 with a login page.
    Html,
    /// 200 with JSON of another shape.
    WrongShape,
    /// 200 with this many bytes, announced.
    HugeBody(u64),
    /// 200 with this many bytes, in chunks, not announced.
    HugeChunkedBody(u64),
    /// 200 with this many zero bytes, compressed to almost nothing.
    GzipBomb(u64),
    /// 200 with a gzip body that is damaged in the middle.
    DamagedGzip,
    /// 200 with a coding that nobody asked for.
    UnknownCoding,
    /// A redirect with this status to this place.
    Redirect(u16, String),
    /// 413 to a body with more bytes than this, else the normal answer.
    TakesUpTo(usize),
    /// 400 to a body that contains this text, else the normal answer.
    Rejects(&'static str),
}

impl Habit {
    /// What it comes to for this body.
    pub(super) fn towards(self, body: &[u8]) -> Self {
        let contains = |text: &str| body.windows(text.len()).any(|part| part == text.as_bytes());
        match self {
            Self::TakesUpTo(bytes) if body.len() > bytes => Self::Status(413),
            Self::Rejects(text) if contains(text) => Self::Status(400),
            Self::TakesUpTo(_) | Self::Rejects(_) => Self::Normal,
            other => other,
        }
    }
}
