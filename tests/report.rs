//! The real binary in edge mode, and what it tells a fake upstream of what was used.
//!
//! The promise under test: a count that was answered 202 reaches upstream exactly once as long as upstream answers at
//! all, whatever it answers in between, and also if the process is stopped in the middle.

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod brink;
#[path = "report/chain.rs"]
mod chain;
#[path = "report/delivery.rs"]
mod delivery;
#[path = "support/fake_upstream.rs"]
mod fake_upstream;
#[path = "report/heartbeat.rs"]
mod heartbeat;
#[path = "report/instance.rs"]
mod instance;
#[path = "report/merging.rs"]
mod merging;
#[path = "report/refusals.rs"]
mod refusals;
#[path = "edge/scene.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod scene;
#[path = "report/stop.rs"]
mod stop;
#[path = "report/usage.rs"]
mod usage;
