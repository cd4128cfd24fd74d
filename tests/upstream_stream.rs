//! The real binary with `--streaming` and `--delta` against an upstream with deltas and streams, scripted.
//!
//! The promise under test (delta-and-streaming.md 13): whatever the stream does, what was loaded is served; a change is there at
//! once while the stream is up, within the refresh interval while it is not, and within 3 s after it is back.

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod brink;
#[path = "upstream_stream/delta.rs"]
mod delta;
#[path = "upstream_stream/down.rs"]
mod down;
#[path = "support/model_unleash.rs"]
mod model_unleash;
#[path = "upstream_stream/scene.rs"]
mod scene;
#[path = "support/scrape.rs"]
mod scrape;
#[path = "upstream_stream/silence.rs"]
mod silence;
#[path = "upstream_stream/start.rs"]
mod start;
#[path = "support/streaming_upstream.rs"]
mod streaming_upstream;
#[path = "upstream_stream/up.rs"]
mod up;
#[path = "support/upstream_settings.rs"]
mod upstream_settings;
