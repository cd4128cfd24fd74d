//! Every bound of the report thread and its helpers, with its derivation.

use std::time::Duration;

/// Posts of one environment under way at a time, as metrics.md 1.5.2 wants it; Unleash Edge 20.4 sends 16.
pub const POSTS_IN_FLIGHT_MAX: usize = 4;

/// Threads that post usage, for all environments: one that hangs holds up others by one time limit at most.
pub const UPLOAD_THREADS: usize = POSTS_IN_FLIGHT_MAX;

/// Threads for heartbeats and instance data, so that neither waits behind uploads.
pub const RELAY_THREADS: usize = 2;

/// How often a post is tried again in one round when upstream cannot be reached.
pub const RETRIES_MAX: u32 = 3;

/// Ceiling of the pause before the first of these retries; it doubles.
pub const RETRY_PAUSE_MIN: Duration = Duration::from_millis(100);

/// No pause before a retry is longer.
pub const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Posts spent on finding the elements that upstream rejects with 400, per piece (metrics.md 1.7): three halvings of
/// the bad half, then what is left of it, about an eighth, is dropped.
pub const BISECTION_POSTS_MAX: u32 = 8;

/// Posts spent in one round on pieces that are too large for upstream; what is left stays for the next round. Enough to
/// take a piece of 97,280 bytes apart into elements of 200 bytes.
pub const HALVING_POSTS_MAX: u32 = 1_024;

/// Failed rounds in a row stretch the interval by up to this many intervals (metrics.md 1.7).
pub const STRETCH_MAX: u32 = 10;

/// Tokens that were seen are reported at most this often if nothing else is to be sent (upstream.md 12.1).
pub const SEEN_TOKENS_PAUSE: Duration = Duration::from_secs(300);

/// Between two posts of instance data (metrics.md 2.1).
pub const INSTANCE_INTERVAL: Duration = Duration::from_secs(60);

/// For one post of instance data, and for any post while the process stops (metrics.md 1.8, 2.1).
pub const SHORT_CALL: Duration = Duration::from_secs(3);

/// Usage kept for upstream, batches under way included (metrics.md 1.9).
pub const USAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Buckets handed over and not absorbed yet, per shard. A shard hands over one per second at most; one that finds no
/// room keeps its bucket.
pub const BUCKETS_PER_SHARD: usize = 4;

/// Heartbeats that wait for a thread; beyond it the request is answered 503. An edge sends one every minute or two.
pub const RELAYS_MAX: usize = 64;

/// Questions of the pages thread that were not picked up.
pub const INQUIRIES_MAX: usize = 16;

/// For delivering what is left when the process stops (metrics.md 1.8), from the moment the shards drain.
pub const FLUSH_BUDGET: Duration = Duration::from_secs(9);

/// What delivering gets at least, if open requests have used up the budget: one attempt.
pub const FLUSH_MIN: Duration = Duration::from_millis(3_500);

const _: () = assert!(FLUSH_MIN.as_millis() > SHORT_CALL.as_millis());
const _: () = assert!(FLUSH_BUDGET.as_millis() > FLUSH_MIN.as_millis());
