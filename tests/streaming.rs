//! Deltas and streams of the real binary: what clients that follow changes are told, and that they always end with what
//! `/api/client/features` says.

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod brink;
#[path = "streaming/changes.rs"]
mod changes;
#[path = "streaming/client.rs"]
mod client;
#[path = "streaming/delta.rs"]
mod delta;
#[path = "support/fake_upstream.rs"]
mod fake_upstream;
#[path = "streaming/lives.rs"]
mod lives;
#[path = "streaming/scene.rs"]
mod scene;
#[path = "support/scrape.rs"]
mod scrape;
