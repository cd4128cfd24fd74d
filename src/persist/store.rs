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
    /// There was no time left.
    #[error("no answer in time")]
    TimedOut,
}

/// Of stores with a time limit of their own.
const SLOW: &str = "check the store and the way to it, or give it more time (--redis-read-connection-timeout-milliseconds, \
     --redis-write-connection-timeout-milliseconds)";

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
            Self::TimedOut => SLOW,
        }
    }
}
