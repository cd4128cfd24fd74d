//! Bounds of the program that belong to no smaller part, each with its derivation. Others stand beside what they
//! bound: `shards::limits`, `shards::http::limits`, `tokens::limits`, `upstream::limits`.

use std::time::Duration;

/// Asks of shards that the control thread has not picked up. Each is a waiting request or a demand for a
/// coding; the thread empties thousands per second, so a full channel means it is stuck, and shards answer 503.
pub const ASKS_MAX: usize = 4_096;

/// From accept to the first byte, and from there to the end of the head, as Unleash Edge 20.4 allows.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// From the end of the head to the end of the body, where `--edge-request-timeout 0` sets no limit of its own. A body
/// of 2 MiB at 35 kB per second.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// For sending an answer, before its size is counted in.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(30);
