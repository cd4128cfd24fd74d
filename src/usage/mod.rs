//! What applications report about themselves: evaluations, registrations, impact metrics, tokens in use, and documents
//! about edges below us.
//!
//! ```text
//!   posts -> Bucket (one per shard, about a second's worth)  ==moved==>  Ledger (report thread)
//!              Ledger -> take -> Batch -> split -> upstream, or back by put_back
//! ```
//!
//! Pure: nothing here sends, waits or reads a clock. Everything is bounded, and what is left out is counted by
//! reason. A shard owns its bucket until it hands it over whole; nothing is deleted by key, so nothing that is added
//! meanwhile is lost.

mod application;
mod batch;
mod bucket;
mod child;
mod drops;
mod entry;
mod hours;
mod impact;
mod ledger;
pub mod limits;
mod metadata;
mod moment;
mod page;
pub mod post;
mod room;
mod tables;
#[cfg(test)]
mod tests;
mod text;
mod wire;

pub use self::{
    application::Hop,
    batch::Batch,
    bucket::{Bucket, Increment},
    child::Child,
    drops::{Dropped, Drops, Reason},
    ledger::Ledger,
    metadata::SdkType,
    moment::Moment,
};
