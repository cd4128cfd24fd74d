//! Deltas and streams of the real binary: what clients that follow changes are told, and that they always end with what
//! `/api/client/features` says.

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod brink;
#[path = "streaming/chain.rs"]
mod chain;
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
#[path = "support/model_unleash.rs"]
mod model_unleash;
#[path = "support/relay.rs"]
mod relay;
#[path = "streaming/scene.rs"]
mod scene;
#[path = "support/scrape.rs"]
mod scrape;
#[path = "support/streaming_upstream.rs"]
mod streaming_upstream;
