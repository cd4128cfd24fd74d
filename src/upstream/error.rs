//! What can go wrong towards upstream: data, comparable, without secrets.
//!
//! [`ClientError`] stops the start (exit 1): each names the flag, its variable and a remedy. [`CallError`] is
//! one failed call; the sync thread decides what follows from it. What SDKs see is decided elsewhere.

use std::{borrow::Cow, fmt, path::PathBuf, time::Duration};

use thiserror::Error;

/// Why no client could be built from the settings.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClientError {
    /// A file named by a flag cannot serve its purpose.
    #[error("Failed to build cert: {flag} {}: {problem}", file.display())]
    File {
        /// The flag that named the file, with its variable.
        flag: Flag,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: FileProblem,
    },
    /// No certificate authority is known, so that every call would fail.
    #[error(
        "Failed to build cert: no trusted certificate authorities found{}; install the system's CA bundle, \
         set SSL_CERT_FILE, or name a PEM file with --upstream-certificate-file (UPSTREAM_CERTIFICATE_FILE)",
        listed(problems)
    )]
    NoRoots {
        /// What the search of the system's store ran into.
        problems: Vec<String>,
    },
    /// A header given by the operator cannot be sent.
    #[error("{flag}: header `{name}` {problem}")]
    Header {
        /// The flag that named the header.
        flag: Flag,
        /// Name as given.
        name: String,
        /// Why it cannot be sent; never the value.
        problem: &'static str,
    },
    /// The base URL cannot be used.
    #[error("--upstream-url (UPSTREAM_URL): {problem}; give http://host[:port] or https://host[:port]")]
    Url {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The secret for requesting tokens is none; it is not shown.
    #[error(
        "--unleash-client-secret (UNLEASH_CLIENT_SECRET): the secret is not base64url without padding; copy it again \
         from where Unleash shows it"
    )]
    ClientSecret,
    /// A proxy variable cannot be understood. Its value may hold a password and is not shown.
    #[error(
        "the variable {variable} does not hold a proxy URL; give scheme://[user:password@]host[:port] with \
         http, https, socks4, socks4a, socks5 or socks5h, or list the upstream's host in NO_PROXY"
    )]
    Proxy {
        /// The variable.
        variable: &'static str,
    },
}

/// A flag and the variable that means the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// With its dashes.
    pub flag: &'static str,
    /// Environment variable.
    pub variable: &'static str,
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.flag, self.variable)
    }
}

/// What is wrong with a certificate or key file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FileProblem {
    /// It cannot be opened or read.
    #[error("cannot be read: {0}; name a PEM file that this user may read")]
    Unreadable(String),
    /// It is not PEM.
    #[error("is not valid PEM: {0}; give base64 text between BEGIN and END lines")]
    NotPem(String),
    /// No `CERTIFICATE` block.
    #[error("holds no certificate; give a PEM file with at least one BEGIN CERTIFICATE block")]
    NoCertificate,
    /// A certificate is not an X.509 certificate.
    #[error("certificate {number} cannot be used: {cause}; export it again as PEM")]
    BadCertificate {
        /// Counted from 1.
        number: usize,
        /// The parser's words.
        cause: String,
    },
    /// No key block.
    #[error("holds no private key; give PKCS#8, PKCS#1 or SEC1 in PEM form")]
    NoKey,
    /// The key needs a passphrase.
    #[error("holds an encrypted private key; decrypt it, for example with `openssl pkey -in <file>`")]
    EncryptedKey,
    /// The PKCS#12 archive cannot be opened or read.
    #[error("cannot be read: {0}; name a PKCS#12 archive that this user may read")]
    NoArchive(String),
    /// The passphrase does not open the archive, or somebody has changed it.
    #[error(
        "cannot be opened: the passphrase is wrong, or the archive is damaged; check --pkcs12-passphrase \
         (PKCS12_PASSPHRASE)"
    )]
    WrongPassphrase,
    /// It is no PKCS#12 archive, or of a kind that is not understood.
    #[error(
        "is no PKCS#12 archive that can be read: {0}; convert it with `openssl pkcs12 -in <archive> -nodes -out \
         identity.pem` and name the result with --pem-cert-file (PEM_CERT_FILE)"
    )]
    NotPkcs12(String),
    /// The archive opens, but nobody is in it.
    #[error("holds no private key together with its certificate; export it again with both")]
    EmptyArchive,
    /// The key is unusable or belongs to another certificate.
    #[error("certificate and key cannot be used together: {0}; name the key made for this certificate")]
    BadIdentity(String),
}

fn listed(problems: &[String]) -> String {
    if problems.is_empty() { String::new() } else { format!(" ({})", problems.join("; ")) }
}

/// Why one call brought nothing. No variant holds a token or a header value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// Upstream answered, but not with success.
    Status {
        /// The HTTP status.
        status: u16,
        /// `Retry-After` in seconds form; not yet bounded.
        retry_after: Option<Duration>,
        /// Start of the body, or why a redirect was not followed; tokens masked, may be empty.
        detail: String,
    },
    /// No answer, because no usable connection came about or it broke before the answer.
    Unreachable {
        /// The kind of failure.
        cause: Unreachable,
    },
    /// A limit passed before the answer was complete.
    TimedOut {
        /// Which limit.
        limit: TimeLimit,
    },
    /// Upstream answered with success, but the body cannot be used.
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// What is wrong with the body.
        cause: Unreadable,
    },
    /// The body is larger than allowed, as sent or as decoded.
    TooLarge {
        /// The HTTP status.
        status: u16,
        /// The bound it broke.
        limit_bytes: u64,
    },
    /// 304 although no tag was sent. Unleash Edge 20.4 crashes on it.
    UnexpectedNotModified,
    /// The request cannot be written as HTTP.
    Unsendable {
        /// The part that holds forbidden characters.
        part: &'static str,
    },
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreachable {
    /// Nobody listens there.
    Refused,
    /// The name has no address.
    HostNotFound,
    /// The connection was closed or reset before the answer was complete.
    Closed,
    /// Certificate, host name, protocol version or client identity.
    Tls(String),
    /// The proxy refused or failed.
    Proxy(String),
    /// Something answered, but not in HTTP.
    NotHttp(String),
    /// Anything else, in the system's words.
    Other(String),
}

/// Why a body cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It ended early.
    Truncated,
    /// Its coding is unknown or its compressed form damaged.
    Encoding(String),
    /// It is not the expected JSON.
    Json(String),
    /// It is no event stream, but of this type.
    NotAStream(String),
}

/// Which time limit passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// `--upstream-request-timeout`: name look-up and connection.
    Connect,
    /// `--upstream-socket-timeout`: from the start to the last byte of the body.
    Request,
}

impl CallError {
    /// 401 or 403: upstream may not know the token any more. Only validation can confirm it (tokens.md 6).
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status: 401 | 403, .. })
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::Unreadable { status, .. } | Self::TooLarge { status, .. } => {
                Some(*status)
            }
            Self::UnexpectedNotModified => Some(304),
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Unsendable { .. } => None,
        }
    }

    /// The `status_code` label of failure counters: the status, `0` if there was none (upstream.md 13).
    pub fn status_label(&self) -> Cow<'static, str> {
        self.status().map_or(Cow::Borrowed("0"), |status| Cow::Owned(status.to_string()))
    }

    /// How long upstream asked us to stay away. Honoured on 429 and 503 only (upstream.md 3.3).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { status: 429 | 503, retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether two failures are of one kind, so that the second need not be logged (upstream.md 13).
    pub fn same_kind(&self, other: &Self) -> bool {
        use std::mem::discriminant;
        match (self, other) {
            (Self::Unreachable { cause: mine }, Self::Unreachable { cause: theirs }) => {
                discriminant(mine) == discriminant(theirs)
            }
            _ => discriminant(self) == discriminant(other) && self.status() == other.status(),
        }
    }
}

impl std::error::Error for CallError {}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, detail, .. } if detail.is_empty() => {
                write!(f, "upstream answered {status}")
            }
            Self::Status { status, detail, .. } => write!(f, "upstream answered {status}: {detail}"),
            Self::Unreachable { cause } => write!(f, "upstream is unreachable: {cause}"),
            Self::TimedOut { limit } => write!(f, "upstream took too long: {limit}"),
            Self::Unreadable { status, cause } => {
                write!(f, "upstream answered {status} with an unreadable body: {cause}")
            }
            Self::TooLarge { status, limit_bytes } => {
                write!(f, "upstream answered {status} with more than {limit_bytes} bytes")
            }
            Self::UnexpectedNotModified => f.write_str("upstream answered 304 although no tag was sent"),
            Self::Unsendable { part } => write!(f, "the {part} holds characters that HTTP forbids"),
        }
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::HostNotFound => f.write_str("host name not found"),
            Self::Closed => f.write_str("connection closed before the answer was complete"),
            Self::Tls(cause) => write!(f, "TLS: {cause}"),
            Self::Proxy(cause) => write!(f, "proxy: {cause}"),
            Self::NotHttp(cause) => write!(f, "not an HTTP answer: {cause}"),
            Self::Other(cause) => f.write_str(cause),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("it ended early"),
            Self::Encoding(cause) => write!(f, "content coding: {cause}"),
            Self::Json(cause) => write!(f, "not the expected JSON: {cause}"),
            Self::NotAStream(kind) => write!(f, "no event stream, but {kind}"),
        }
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection within --upstream-request-timeout (UPSTREAM_REQUEST_TIMEOUT)",
            Self::Request => "no complete answer within --upstream-socket-timeout (UPSTREAM_SOCKET_TIMEOUT)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> CallError {
        CallError::Status { status, retry_after: Some(Duration::from_secs(3)), detail: String::new() }
    }

    #[test]
    fn only_401_and_403_are_refusals() {
        for code in [400, 401, 402, 403, 404, 429, 500, 503] {
            assert_eq!(status(code).is_refusal(), matches!(code, 401 | 403), "{code}");
        }
        assert!(!CallError::UnexpectedNotModified.is_refusal());
    }

    #[test]
    fn labels_are_the_status_or_zero() {
        let closed = CallError::Unreachable { cause: Unreachable::Closed };
        let slow = CallError::TimedOut { limit: TimeLimit::Request };
        let cut = CallError::Unreadable { status: 200, cause: Unreadable::Truncated };
        let labels = [closed, slow, cut, CallError::UnexpectedNotModified, status(520)]
            .map(|error| error.status_label().into_owned());
        assert_eq!(labels, ["0", "0", "200", "304", "520"]);
    }

    #[test]
    fn retry_after_counts_on_429_and_503() {
        for code in [401, 404, 429, 500, 503] {
            assert_eq!(status(code).retry_after().is_some(), matches!(code, 429 | 503), "{code}");
        }
    }

    #[test]
    fn kinds_differ_by_status_and_cause() {
        let refused = CallError::Unreachable { cause: Unreachable::Refused };
        let other = |text: &str| CallError::Unreachable { cause: Unreachable::Tls(text.into()) };
        assert!(status(500).same_kind(&status(500)));
        assert!(!status(500).same_kind(&status(502)));
        assert!(!refused.same_kind(&other("x")));
        assert!(other("x").same_kind(&other("y")));
    }

    #[test]
    fn a_file_error_names_flag_variable_and_remedy() {
        let flag = Flag { flag: "--upstream-certificate-file", variable: "UPSTREAM_CERTIFICATE_FILE" };
        let error = ClientError::File { flag, file: "/x.pem".into(), problem: FileProblem::NoCertificate };
        assert_eq!(
            error.to_string(),
            "Failed to build cert: --upstream-certificate-file (UPSTREAM_CERTIFICATE_FILE) /x.pem: holds no \
             certificate; give a PEM file with at least one BEGIN CERTIFICATE block"
        );
    }
}
