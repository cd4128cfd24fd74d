//! Where a backup is kept: the few things a store can do, and what may go wrong with it.
//!
//! Stores block, and belong to the persist thread alone. They know nothing of what is in a document.

use std::{
    io,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use super::document::Document;

/// A document as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its text.
    pub bytes: Vec<u8>,
    /// When it was written, if the store knows.
    pub written: Option<SystemTime>,
}

/// How long a store may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For reading all documents at the start.
    pub reading: Duration,
    /// For writing one document; also for everything that is written at the end.
    pub writing: Duration,
}

/// A folder, a Redis, a bucket. A call should end by `deadline`; one that does not holds up nothing but the
/// persist thread.
pub trait Store: Send {
    /// For log lines; no secrets.
    fn name(&self) -> String;

    /// How long it may take.
    fn limits(&self) -> Limits;

    /// Reads a document; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be known whether there is one.
    fn load(&mut self, document: Document, deadline: Instant) -> Result<Option<Found>, StoreError>;

    /// Replaces a document in one step.
    ///
    /// # Errors
    /// If it may not have been replaced.
    fn save(&mut self, document: Document, bytes: &[u8], deadline: Instant) -> Result<(), StoreError>;

    /// Puts away a document that cannot be understood before another takes its place; only the first one is kept.
    /// Returns where it is now, if it was put away.
    ///
    /// # Errors
    /// If the store fails; the document is then written over.
    fn keep_bad(
        &mut self,
        document: Document,
        bytes: &[u8],
        deadline: Instant,
    ) -> Result<Option<String>, StoreError>;
}

/// Why a store did not do as told. Texts hold no secrets.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Redis, or the way to it.
    #[error("{cause}")]
    Redis {
        /// What it says.
        #[from]
        cause: ::redis::RedisError,
    },
    /// S3 said no.
    #[error("S3 answered {status} {code}")]
    S3 {
        /// HTTP status.
        status: u16,
        /// S3's word for it; may be empty.
        code: String,
    },
    /// No complete answer came.
    #[error("{reason}")]
    Http {
        /// Why not; nothing of the request.
        reason: String,
    },
    /// Whoever has the credentials did not give them.
    #[error("no credentials: {reason}")]
    Credentials {
        /// Why not.
        reason: String,
    },
    /// Nobody has credentials.
    #[error("no credentials")]
    NoCredentials,
    /// There was no time left.
    #[error("no answer in time")]
    TimedOut,
}

/// Of stores over a network.
const SLOW: &str = "check the way to the store; Redis gets more time by --redis-read-connection-timeout-milliseconds and \
     --redis-write-connection-timeout-milliseconds";

impl StoreError {
    /// What an operator can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::File { cause, .. } => match cause.kind() {
                io::ErrorKind::PermissionDenied => {
                    "let brink write to the folder of --backup-folder (BACKUP_FOLDER)"
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk",
                io::ErrorKind::ReadOnlyFilesystem => {
                    "mount the folder of --backup-folder (BACKUP_FOLDER) writable"
                }
                _ => "check the folder of --backup-folder (BACKUP_FOLDER)",
            },
            Self::Redis { cause } if cause.is_timeout() => SLOW,
            Self::Redis { .. } => "check Redis and the --redis-… options",
            Self::S3 { .. } => {
                "check --s3-bucket-name (S3_BUCKET_NAME), AWS_REGION and the policy of the bucket"
            }
            Self::Http { .. } => "check AWS_REGION, AWS_ENDPOINT_URL and the way to S3",
            Self::Credentials { .. } | Self::NoCredentials => {
                "give credentials by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role"
            }
            Self::TimedOut => SLOW,
        }
    }
}
