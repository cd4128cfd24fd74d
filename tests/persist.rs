//! The real binary and its backups: a folder, a real Redis, a real S3 server, the bootstrap file, `offline prepare`.
//!
//! The promise under test: a restart serves what was served before, at once and without upstream, and no bad start, no
//! dead store and no kill -9 makes the backup worse than it was.
//!
//! Redis and moto come from `scripts/install`; without them these tests fail and say so.

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod brink;
#[path = "support/fake_upstream.rs"]
mod fake_upstream;
#[path = "persist/folder.rs"]
mod folder;
#[path = "persist/hybrid.rs"]
mod hybrid;
#[path = "persist/kill.rs"]
mod kill;
#[path = "persist/prepare.rs"]
mod prepare;
#[path = "persist/redis.rs"]
mod redis;
#[path = "persist/relay.rs"]
mod relay;
#[path = "persist/round_trip.rs"]
mod round_trip;
#[path = "persist/s3.rs"]
mod s3;
#[path = "edge/scene.rs"]
#[allow(dead_code, reason = "shared with the tests of edge mode")]
mod scene;
