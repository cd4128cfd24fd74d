//! What the program says about itself: logs, what is said about single requests, measurements, and the export of all.
//!
//! ```text
//!   shard i: Meter (plain, its own) --copy, by value--> Gatherer --merge--> Requests --+
//!   control threads: Tally (counters of the prometheus crate) -------------------------+--> Exposition --> scrape, push
//!   shard i: brink_shards::Stats (relaxed loads) --------------------------------------+
//! ```
//!
//! Shards measure without sharing: a copy of a meter leaves its shard only when somebody asks. No label value is ever a
//! client's text: see `endpoint`, `clients` and `tally::toggles` for what closes each set.

pub mod access;
pub mod clients;
mod collector;
pub mod consumption;
pub mod endpoint;
pub mod exposition;
mod family;
pub mod gather;
pub mod log;
pub mod meter;
pub mod observed;
pub mod otlp;
pub mod remote_write;
pub mod tally;
pub mod timing;
