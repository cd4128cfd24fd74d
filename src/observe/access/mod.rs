//! What is said about single requests: the access log, lines at trace, answers that failed, and spans.
//!
//! A shard only copies what it knows of a request into a [`Record`], without allocating, and leaves it in a bounded
//! channel; the thread `access` masks, formats and says it. What does not fit is dropped and counted. The thread looks
//! at the channel every few milliseconds instead of sleeping in it, so that a shard never has to wake it.
//!
//! ```text
//!   shard i: Witness --try_send--> [records] --> thread access -+-> log lines   (target brink::access)
//!                                                               +-> Outages     (response failed, once per change)
//!                                                               +-> spans       (otlp)
//! ```
//!
//! Requests that the HTTP codec refuses (400, 408, 431 ...) are counted by the shards and not seen here.

mod failing;
mod lines;
mod mask;
mod outages;
mod record;
mod thread;
mod traceparent;
mod witness;

pub use self::{
    failing::Failing,
    record::{Overheard, PathText, Place, Record, Surface},
    thread::{Access, Setup, SpanSink, start},
    traceparent::Parent,
    witness::{Hearing, Interest, Message, Witness},
};

/// Target of all lines about single requests.
pub const TARGET: &str = "brink::access";
