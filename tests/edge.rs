//! The real binary in edge mode against fake upstreams.
//!
//! The promise under test: one 403, 500, time-out or piece of garbage from upstream never takes data away and
//! never needs a restart; the port opens at once; a change reaches every shard within the refresh interval.

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod brink;
#[path = "edge/deferred.rs"]
mod deferred;
#[path = "edge/dynamic.rs"]
mod dynamic;
#[path = "support/fake_upstream.rs"]
mod fake_upstream;
#[path = "edge/features.rs"]
mod features;
#[path = "edge/habits.rs"]
mod habits;
#[path = "edge/issued.rs"]
mod issued;
#[path = "edge/loss.rs"]
mod loss;
#[path = "edge/pretrusted.rs"]
mod pretrusted;
#[path = "edge/process.rs"]
mod process;
#[path = "edge/reload.rs"]
mod reload;
#[path = "edge/scene.rs"]
mod scene;
#[path = "edge/start.rs"]
mod start;
#[path = "edge/storm.rs"]
mod storm;
#[path = "edge/tokens.rs"]
mod tokens;
#[path = "edge/unknown.rs"]
mod unknown;
#[path = "edge/validate.rs"]
mod validate;
