//! Bounds of answers made for one request, each with its derivation.

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
