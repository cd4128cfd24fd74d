//! Counters of one shard: written by its thread alone, read by anyone.
//!
//! Each shard's counters stand on cache lines of their own, so a reader never slows a writer of another
//! shard. A single writer needs no read-modify-write: load, add, store.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter or gauge with one writer.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one. Only the owning shard may call this.
    pub fn increment(&self) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Replaces the value. Only the owning shard may call this.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The current value, from any thread.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one shard has done so far.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Stats {
    /// Connections accepted.
    pub accepted: Counter,
    /// Connections open now.
    pub open: Counter,
    /// Connections closed at once because a limit was reached.
    pub turned_away: Counter,
    /// Accept calls that failed.
    pub accept_errors: Counter,
    /// Requests answered, refused ones included.
    pub requests: Counter,
    /// Requests refused by the codec (400, 413, 414, 431 ...).
    pub refused: Counter,
    /// Connections closed by a deadline.
    pub timed_out: Counter,
    /// Streams open now.
    pub streams_open: Counter,
    /// Streams cut because their reader was too slow: too much queued for it, or nothing taken in time.
    pub streams_slow: Counter,
    /// TLS handshakes completed with certificate and key.
    pub tls_full: Counter,
    /// TLS handshakes completed by a ticket or an id of an earlier session.
    pub tls_resumed: Counter,
    /// TLS connections ended by an alert of ours or of the peer: no TLS at all, no common version, a certificate the
    /// peer does not trust, a record that is broken.
    pub tls_failed: Counter,
    /// Panics caught in handlers and sessions.
    pub panics: Counter,
    /// Published states applied.
    pub applied: Counter,
}
