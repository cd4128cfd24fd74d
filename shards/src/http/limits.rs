//! Bounds of the codec, each with its derivation (security.md 4.9 and 4.10).

/// Request line and headers together. SDKs send well under 2 KiB; nginx takes 8 KiB per line.
pub const HEAD_BYTES_MAX: usize = 16 << 10;

/// The request target. A context in a query string is the longest there is.
pub const TARGET_BYTES_MAX: usize = 8 << 10;

/// Header lines, as in Unleash Edge 20.4.
pub const HEADERS_MAX: usize = 100;

/// A request body, decoded. As in Unleash Edge 20.4: bulk metrics of downstream edges reach 100 KiB, and the
/// limit is public behaviour.
pub const BODY_BYTES_MAX: u64 = 2 << 20;

/// The size line of one chunk, extensions included.
pub const CHUNK_LINE_BYTES_MAX: usize = 256;

/// All chunk extensions of a body. Without this bound a body of tiny chunks could cost hundreds of times its size.
pub const EXTENSION_BYTES_MAX: usize = 16 << 10;

/// All trailers of a chunked body.
pub const TRAILER_BYTES_MAX: usize = 8 << 10;

/// Empty lines before a request line (RFC 9112 2.2 asks for at least one).
pub const LEADING_EMPTY_LINES_MAX: usize = 2;

const _: () = assert!(TARGET_BYTES_MAX < HEAD_BYTES_MAX);
