//! What a fault is made of: what happens to connections, and what is answered to requests.

/// One fault of upstream, or of what lies on the way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Before a request is read.
    pub line: Line,
    /// To requests for features.
    pub features: Act,
    /// To questions about tokens.
    pub validate: Act,
    /// To all other requests.
    pub others: Act,
}

impl Fault {
    /// Nothing is wrong.
    pub const NONE: Self = Self::everywhere(Act::Good);

    /// All requests are answered like this.
    pub const fn everywhere(act: Act) -> Self {
        Self { line: Line::Good, features: act, validate: act, others: act }
    }

    /// Requests for features are answered like this, questions about tokens like that.
    pub const fn of(features: Act, validate: Act) -> Self {
        Self { line: Line::Good, features, validate, others: Act::Good }
    }

    /// Connections are treated like this.
    pub const fn line(line: Line) -> Self {
        Self { line, ..Self::NONE }
    }
}

/// What happens to a connection before a request on it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Nothing bad.
    Good,
    /// Nobody listens.
    Refused,
    /// All connections are cut, and the port is closed for a moment.
    Restarted,
    /// Accepted and reset.
    Reset,
    /// Accepted and closed in an orderly way.
    Closed,
    /// Accepted and closed in one direction: nothing will ever be answered.
    HalfClosed,
    /// Accepted, and not a byte comes.
    Silent,
    /// TLS: this certificate is shown.
    Shows(Shown),
    /// TLS: cut after the client's first message.
    CutInHandshake,
    /// TLS: the client's first message is never answered.
    SilentInHandshake,
    /// TLS: the port speaks plain HTTP.
    Plaintext,
    /// Tunnel: the proxy answers this instead of opening the tunnel.
    NoTunnel(&'static str),
}

/// A certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shown {
    /// Valid from 2024 to 2050.
    Good,
    /// Valid until 2001.
    Expired,
    /// Valid from 2099 on.
    NotYetValid,
    /// Of another host.
    OfAnotherHost,
    /// Signed by an authority that is not trusted.
    OfAStranger,
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// As Unleash does.
    Good,
    /// The first request of the fault like this, all others as Unleash does.
    Once(u16),
    /// A status with a small JSON body.
    Status(u16),
    /// A status with `Retry-After`.
    RetryAfter(u16, &'static str),
    /// A status with this body and these header lines.
    Answer(u16, &'static str, &'static str),
    /// A redirect.
    Redirect(u16, Place),
    /// 304, whatever was asked.
    NotModified,
    /// A good answer without tag, and then 304 although no tag was sent.
    NotModifiedUnasked,
    /// These bytes, then the connection is closed.
    Raw(&'static [u8]),
    /// The request is read and the connection reset.
    Resets,
    /// Half of the body, then a reset.
    ResetsInBody,
    /// Half of the body, then the end of the connection.
    ClosesInBody,
    /// Nothing, and our direction of the connection is closed.
    HalfCloses,
    /// Half of the body, and our direction of the connection is closed.
    HalfClosesInBody,
    /// Nothing.
    Silent,
    /// A good answer, but the head comes so slowly that it is too late.
    SlowHead,
    /// A good answer, but the body comes so slowly that it is too late.
    SlowBody,
    /// A good answer, byte by byte, in time.
    SlowInTime,
    /// The announced length is that of a longer body.
    LengthTooLong,
    /// The announced length is that of a shorter body.
    LengthTooShort,
    /// `chunked`, but the sizes of chunks are none.
    BadChunks,
    /// `chunked` without end.
    EndlessChunks,
    /// Compressed, and cut within.
    CutGzip,
    /// Compressed, and spoilt within.
    DamagedGzip,
    /// Compressed, 64 MiB and more when decompressed.
    GzipBomb,
    /// More bytes announced than are taken.
    HugeLength,
    /// A head that never ends.
    EndlessHead,
    /// A header line of 1 MB.
    HugeHead,
    /// 300 interim answers before the good one.
    Interim,
    /// Interim answers without end.
    EndlessInterim,
    /// A good answer, and behind it one that nobody has asked for, with old data.
    AnswersTwice,
    /// Validation: all that are asked about, but for the start-up token.
    ForgetsStartup,
    /// Features: there are none.
    NoFeatures,
    /// Features: revisions begin at 1 again.
    SmallerRevision,
}

/// Where a redirect leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Another origin, which must never see a token.
    Elsewhere,
    /// Another path here, which answers well.
    Here,
    /// To itself.
    Itself,
    /// Nowhere: not a URL.
    Nowhere,
}
