//! Bounds of the connection machinery, each with its derivation. HTTP's own bounds are in `http::limits`.

use std::time::Duration;

/// One read takes at most this much; shared by all connections of a shard, so an idle one has no buffer.
/// Larger reads gain nothing: a request head is 16 KiB at most and bodies are appended as they come.
pub const SCRATCH_BYTES: usize = 64 << 10;

/// One receive of records, shared like [`SCRATCH_BYTES`]. What it completes must fit in there: itself, and the record
/// that was incomplete before.
pub const TLS_SCRATCH_BYTES: usize = 32 << 10;

/// The longest record as received (RFC 8446 section 5.2, RFC 5246 section 6.2.3).
const TLS_RECORD_BYTES_MAX: usize = (16 << 10) + (2 << 10) + 5;

/// Sealed and not taken by the socket, per connection: four full records, so that one gathered send is worth its
/// price, while a slow reader of a large answer ties down no more than that. The rest stays the shared body.
pub const TLS_SEND_BYTES_MAX: usize = 64 << 10;

/// Receives without any content before the shard's other work runs: a handshake takes one or two.
pub const TLS_RECEIVES_MAX: usize = 4;

/// Receives, each of up to [`SCRATCH_BYTES`], that are dropped when a connection is closed; see `Tls::part`.
pub const TLS_DISCARDS_MAX: usize = 2;

/// Answers of pipelined requests are gathered up to this size before they are sent.
pub const COALESCE_BYTES_MAX: usize = 64 << 10;

/// A shared body up to this size is copied behind its head, so that pipelined answers stay one send; above it
/// the copy would cost more than the second element of a gathered send.
pub const COPY_BODY_BYTES_MAX: usize = 8 << 10;

/// The output buffer of a shard keeps at most this capacity between requests.
pub const OUTPUT_KEPT_BYTES_MAX: usize = 256 << 10;

/// Rounds of one session before it lets the shard's other work run, so that a client that pipelines without
/// end cannot starve its neighbours.
pub const ROUNDS_PER_POLL_MAX: u32 = 16;

/// Period of the shard's one timer: date header, deadlines. Deadlines are late by up to twice this, and never early.
pub const TICK: Duration = Duration::from_millis(500);

/// After a refused request: how long and how much of what the client still sends is read and dropped, so that
/// the answer is not lost to a reset.
pub const LINGER: Duration = Duration::from_secs(2);
/// See [`LINGER`]. Twice the body limit, so that one whole refused body fits.
pub const LINGER_BYTES_MAX: usize = 4 << 20;

/// Long work of one request, from its first piece to its last, others' pieces in between included; then its
/// connection ends. What evaluates for seconds all by itself is not worth an answer after a minute.
pub const WORK: Duration = Duration::from_secs(60);

/// Pause after a failed accept. Without descriptors accept fails at once and for ever.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Kernel's queue of connections not yet accepted, per listener.
pub const BACKLOG: i32 = 4096;

/// Connections taken from that queue once a shard drains: all of it, and an end even if more keep coming.
pub const LATE_CONNECTIONS_MAX: usize = 4096;

/// One peer may hold this share of a shard's connections, in percent: the rest stays free for others. A load
/// balancer in front is one peer, hence the generous value.
pub const PEER_SHARE_PERCENT: usize = 90;

/// Descriptors kept free for the executor (4 per shard), channels, logs and upstream calls.
pub const DESCRIPTORS_RESERVED: u64 = 256;

/// A response may take [`Timeouts::send`](crate::Timeouts) plus one second for each of these bytes: a slower
/// reader than 64 KiB per second is cut off.
pub const SEND_BYTES_PER_SECOND_MIN: usize = 64 << 10;

/// Default of [`PoolConfig::stream_bytes_max`](crate::PoolConfig): what waits for a stream's reader behind the frame
/// that is being sent. Frames are shared, so this bounds what one reader keeps alive more than what it costs.
pub const STREAM_BYTES_MAX: usize = 4 << 20;

/// What a queued frame counts beside its payload, so that a bound in bytes is one in frames, too: pointers, size
/// line, allocations.
pub const FRAME_OVERHEAD_BYTES: usize = 128;

/// A stream's queue keeps at most this capacity once it is empty; 8 bytes each.
pub const QUEUE_KEPT_FRAMES_MAX: usize = 8;

/// Pieces of frames in one gathered send. A frame has three or more; several that were pushed together leave together.
pub const SEND_PARTS_MAX: usize = 32;

/// What a client may send on a stream, where nobody reads it: the end of a body, or a request or two that will not
/// be answered. Who sends more is cut.
pub const STREAM_INPUT_BYTES_MAX: usize = 64 << 10;

/// Sessions of streams that are woken before others have their turn: about half a millisecond of sending.
pub const GROUP_STREAMS_MAX: usize = 64;

/// A group ends earlier once it has so much to send; a megabyte takes about as long.
pub const GROUP_BYTES_MAX: usize = 1 << 20;

/// Streams that end when the process stops are spread over this time: within a second of the signal, and not all
/// clients at once.
pub const PARTING: Duration = Duration::from_millis(800);

/// Between two looks at who is to part.
pub const PARTING_PAUSE: Duration = Duration::from_millis(10);

/// Sent and not acknowledged for so long, a stream's peer is taken for gone; the kernel alone would take a quarter of
/// an hour.
pub const STREAM_ACK: Duration = Duration::from_secs(60);

const _: () = assert!(TLS_SCRATCH_BYTES + TLS_RECORD_BYTES_MAX <= SCRATCH_BYTES);
const _: () = assert!(COPY_BODY_BYTES_MAX < COALESCE_BYTES_MAX);
const _: () = assert!(LATE_CONNECTIONS_MAX >= BACKLOG as usize);
const _: () = assert!(OUTPUT_KEPT_BYTES_MAX > 2 * COALESCE_BYTES_MAX);
const _: () = assert!(SCRATCH_BYTES >= crate::http::limits::HEAD_BYTES_MAX);
