//! Every bound of the upstream side, with its reason.

use std::time::Duration;

/// Largest body read from upstream, counted as sent and, if compressed, again as decoded.
///
/// security.md 3.8. A feature set of 5 MB is large; this leaves an order of magnitude.
pub const BODY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How much of an error body is read at all: enough to keep the connection for ordinary error pages.
pub const ERROR_BODY_BYTES_MAX: u64 = 16 * 1024;

/// Largest answer to a heartbeat that is relayed. The known ones have 30 bytes.
pub const RELAYED_BODY_BYTES_MAX: u64 = 64 * 1024;

/// How many characters of an error body travel in a `CallError`.
pub const DETAIL_CHARS_MAX: usize = 300;

/// Head of an upstream answer.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Redirects followed for one GET, as Unleash Edge 20.4 does.
pub const REDIRECTS_MAX: usize = 10;

/// Idle connections kept to the upstream: one for each fetch that may run at a time.
pub const IDLE_CONNECTIONS_MAX: usize = FETCHES_IN_FLIGHT_MAX;

/// How long an idle connection is kept, as Unleash Edge 20.4 does.
pub const IDLE_CONNECTION_AGE: Duration = Duration::from_secs(60);

/// Fetches running at a time (upstream.md 8.2).
pub const FETCHES_IN_FLIGHT_MAX: usize = 8;

/// Shortest polling interval (upstream.md 8.2).
pub const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Failures in a row that lengthen the wait: with ten, the cap is 11 intervals (upstream.md 8.3).
pub const FAILURES_COUNTED_MAX: u32 = 10;

/// Streams at a time; refresh tokens beyond that are polled. Each is a thread and a connection.
pub const STREAMS_MAX: usize = 256;

/// What stream workers have told and the sync thread has not taken: beyond that they wait, and their connections with them.
pub const STREAM_NEWS_MAX: usize = 64;

/// Longest time over which first fetches are spread when there are more than may run at a time.
pub const STAGGER_MAX: Duration = Duration::from_secs(1);

const _: () = assert!(ERROR_BODY_BYTES_MAX <= BODY_BYTES_MAX);
const _: () = assert!(DETAIL_CHARS_MAX as u64 <= ERROR_BODY_BYTES_MAX);
