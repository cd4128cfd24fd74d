//! The side that talks to upstream: blocking, on its own threads, never on a shard.
