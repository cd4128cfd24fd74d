//! Memory of one shard that evaluations reuse. It holds nothing between two of them that an answer could
//! depend on.

/// Owned by a shard, lent to each evaluation.
#[derive(Debug, Default)]
pub struct Scratch {}
