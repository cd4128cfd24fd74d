//! Bounds of the request path, each with its derivation.

use crate::{
    limits::ASKS_MAX,
    tokens::limits::{BATCH_TOKENS_MAX, NEGATIVE_TTL_MAX},
};

/// Units of work, about a nanosecond each, that an evaluation does before others have their turn. Well below the
/// 500 µs that a request may keep others waiting: units are rough, and a slice ends after the feature that exceeds it.
/// 5,000 features for a context of ordinary size are one slice.
pub const SLICE_WORK: usize = 200_000;

/// Bytes that are compressed before others have their turn: 0.12 ms at the level of [`super::gzip`].
pub const SLICE_GZIP_BYTES: usize = 256 << 10;

/// Requests of one shard that are left unfinished at the same time, each with its context (2 MiB at most), answer
/// and perhaps compressor (0.3 MB). One more is not left but worked off at once.
pub const UNFINISHED_MAX: usize = 32;

/// Evaluated answers below this go out as they are: with their head they fit the one packet that a compressed one
/// takes, too. Unleash Edge 20.4 starts at 32 bytes.
pub const GZIP_BYTES_MIN: usize = 1_200;

/// Compressed answers that a shard keeps. Half of them are forgotten when there are too many.
pub const KEPT_ANSWERS_MAX: usize = 1_024;

/// Bytes of all of them.
pub const KEPT_BYTES_MAX: usize = 8 << 20;

/// Bytes of one of them; a larger one is not kept, as it would push out many.
pub const KEPT_ANSWER_BYTES_MAX: usize = 512 << 10;

const _: () = assert!(KEPT_ANSWER_BYTES_MAX * 4 <= KEPT_BYTES_MAX);
const _: () = assert!(GZIP_BYTES_MIN < SLICE_GZIP_BYTES);

/// Refused keys that a shard remembers. The registry remembers more; a shard only needs those that come back often.
pub const REFUSALS_MAX: usize = 16_384;

/// A refusal that was not made for this long is forgotten: the longest of them is over then.
pub const REFUSALS_AGE_MS: u64 = NEGATIVE_TTL_MAX.as_millis() as u64;

/// Where validation is deferred: how long a token that was handed in is not handed in again. A verdict takes a second or
/// two; a question that was lost on a full queue is asked again after this.
pub const DEFERRED_MS: u64 = 10_000;

/// Refused tokens that close a peer. A shard behind 20 of them has seen no single mistyped or outdated token, and with
/// eight shards it is still a flood of 150 connections within the first second of it.
pub const STRIKES_MAX: u32 = 20;

/// How long a strike counts, and the time between two probes of a closed peer: at 150 made-up tokens per second, two
/// shards let one of 300 wait.
pub const STRIKE_MS: u64 = 4_000;

/// Tokens of a shard that were asked about and have no verdict: as many as the control thread takes questions.
pub const STRANGERS_MAX: usize = 8_192;

/// Addresses that a shard remembers for refused tokens or calls to `/edge/validate`: 100 bytes each.
pub const PEERS_MAX: usize = 4_096;

/// Questions of a shard per [`HINT_WINDOW_MS`] that nobody waits for. Eight shards fill 1,600 tokens per second into the
/// 8,000 that upstream is asked about at most.
pub const HINTS_PER_WINDOW: u32 = 100;

/// See [`HINTS_PER_WINDOW`]. The time of a shard moves in steps of about this.
pub const HINT_WINDOW_MS: u64 = 500;

/// Calls with unknown tokens to `/edge/validate` that a peer may make per second. An edge below us makes ten at most.
pub const CALLS_PER_SECOND: u64 = 20;

/// The same at once.
pub const CALLS_BURST: u64 = 40;

/// Tokens of one call to `/edge/validate`; more is 413. Edges of other makes send all their tokens in one call, and what
/// an answer leaves out counts as revoked, so no answer is ever cut. 4,096 texts of average length are 0.4 MB, and
/// take about 2 ms.
pub const TOKENS_PER_CALL_MAX: usize = 4_096;

/// Streams of one shard: 3 kB each, connection and all.
pub const STREAMS_MAX: usize = 50_000;

/// Streams of one shard with the same token: whoever floods us with streams leaves room for the rest.
pub const STREAMS_PER_TOKEN_MAX: usize = 40_000;

/// A stream hears from us at least this often: half the read timeout of the Python SDK, which is the period of Unleash
/// Edge 20.4 and too close to it.
pub const KEEP_ALIVE_MS: u64 = 15_000;

/// Parts into which streams are divided to be kept alive, one after the other: as many as there are ticks.
pub const KEEP_ALIVE_PHASES: usize = 30;

const _: () = assert!(STREAMS_PER_TOKEN_MAX < STREAMS_MAX);
const _: () = assert!(KEEP_ALIVE_MS.is_multiple_of(KEEP_ALIVE_PHASES as u64));
const _: () = assert!(STRANGERS_MAX >= ASKS_MAX);
const _: () = assert!(TOKENS_PER_CALL_MAX >= BATCH_TOKENS_MAX, "what brink itself sends fits");
