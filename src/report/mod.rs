//! The side that tells upstream what was used: blocking, on its own threads, never on a shard.
//!
//! ```text
//!   shards --Bucket--> report thread (Ledger, Rounds) --piece--> upload-0..3 --post--> upstream
//!                         ^   ^--------- answer ------------------/
//!   sync: tokens, revisions
//! ```

pub mod answer;
pub mod instance;
pub mod limits;
pub mod minute;
pub mod pace;
pub mod relay;
pub mod round;
pub mod rounds;
pub mod standing;
