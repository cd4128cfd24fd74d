//! Persistence: what survives a restart, and where it is kept (`--backup-folder`, `--redis-…`, `--s3-…`).
//!
//! One thread owns the store, and blocks on it alone. It reads the backup at the start and reports it to the sync thread;
//! later it writes what sync offers. Serving knows nothing of it, and start and end wait for it only so long. The
//! documents are those of Unleash Edge 20.4, so either program starts from what the other has left.

pub mod document;
pub mod exchange;
pub mod file;
pub mod format;
mod reading;
mod redis;
mod rhythm;
mod s3;
pub mod store;
mod worker;

use std::{io, thread, time::Duration};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded, unbounded};

use self::{
    exchange::{Link, link},
    file::Folder,
    redis::Redis,
    s3::S3,
    store::Store,
    worker::{Order, Worker},
};
use crate::{config::settings, control::unless_it_panics};

/// How long the first snapshot waits for the backup. A store that is not done by then delays nothing more: what it has
/// is taken in when it comes.
const START_WAIT_MAX: Duration = Duration::from_secs(1);

/// Why a store cannot even be tried. The text names option and variable, and no secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The URLs of Redis.
    #[error("Redis cannot be used with this --redis-url (REDIS_URL) or --redis-host (REDIS_HOST): {reason}")]
    Redis {
        /// What the client says; without the URL.
        reason: String,
    },
    /// Nobody says in which region the bucket is.
    #[error("S3 needs a region: set AWS_REGION, or a region in the profile, or AWS_ENDPOINT_URL")]
    S3Region,
    /// The bucket has no address.
    #[error(
        "the S3 bucket of --s3-bucket-name (S3_BUCKET_NAME) cannot be addressed, check AWS_ENDPOINT_URL: {reason}"
    )]
    S3Place {
        /// Why not.
        reason: String,
    },
}

/// The running thread. Dropped, it is left to itself.
pub struct Persist {
    orders: Sender<Order>,
    writing: Duration,
}

/// Makes a store of its settings; connects to nothing yet.
///
/// # Errors
/// If the settings cannot be used.
pub fn open(settings: &settings::Backup) -> Result<Box<dyn Store>, OpenError> {
    match settings {
        settings::Backup::Folder(path) => Ok(Box::new(Folder::new(path.clone()))),
        settings::Backup::Redis(redis) => Ok(Box::new(Redis::open(redis)?)),
        settings::Backup::S3 { bucket, force_path_style } => {
            Ok(Box::new(S3::open(bucket, *force_path_style)?))
        }
    }
}

/// Starts the thread, which begins to read at once.
///
/// # Errors
/// If the system has no thread left.
pub fn start(store: Box<dyn Store>, seed: u64) -> io::Result<(Persist, Start)> {
    let limits = store.limits();
    let (near, far) = link();
    // One order to flush and one to stop, in the life of a process.
    let (order, orders) = unbounded();
    let mut worker = Worker::new(store, far, orders, seed);
    thread::Builder::new().name("persist".to_owned()).spawn(move || {
        unless_it_panics("Nothing is backed up any more until brink is started again", || worker.run());
    })?;
    let start = Start { link: near, wait: limits.reading.min(START_WAIT_MAX) };
    Ok((Persist { orders: order, writing: limits.writing }, start))
}

/// What sync starts with.
#[derive(Debug)]
pub struct Start {
    /// The way to the thread.
    pub link: Link,
    /// How long the first snapshot waits for the first report.
    pub wait: Duration,
}

impl Persist {
    /// The process will end soon: write what there is now, without waiting for it.
    pub fn flush(&self) {
        // The thread may have ended; it has said so.
        let _ = self.orders.send(Order::Flush);
    }

    /// Writes what there is a last time; true if that was done in time.
    pub fn stop(&self) -> bool {
        let (done, end) = bounded(0);
        if self.orders.send(Order::Stop(done)).is_err() {
            return false;
        }
        end.recv_timeout(self.writing) == Err(RecvTimeoutError::Disconnected)
    }
}
