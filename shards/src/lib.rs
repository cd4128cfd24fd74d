//! The runtime under brink: executors pinned per core, listeners, connections, timers, mailboxes, HTTP/1.1.
//!
//! ```text
//!   plain threads                                   shard thread i (one executor, one core)
//!   Broadcast::publish(state) --latest only-->  Mailbox --apply--> Service (core-local, no lock)
//!   Broadcast::answer(ticket) --channel+bell->     |                  ^ handle(request) -> Outcome
//!                                                  v                  |
//!   ShardPool::drain/abort ------------------>  Shard { slots, wheel, tickets, scratch } -- Session -- socket
//! ```
//!
//! This package knows no word of feature flags. A [`Service`] is made once per shard, on the shard's own
//! thread, and answers each request by an ordinary function: no await, no lock, no shared write. What needs the
//! outside world returns [`Outcome::Wait`] with a [`TicketId`] and is asked again when the ticket is answered; what
//! takes long is done in pieces by [`Outcome::Yield`]. An answer without an end is [`Outcome::Stream`]: the service keeps a
//! [`Feed`] and pushes [`Frame`]s to it, from whatever calls it.
//!
//! Connection logic (`connection`) is sans-io: bytes in, bytes and steps out. glommio is named in
//! `driver/glommio.rs` only.
#![forbid(unsafe_code)]

mod bell;
mod connection;
pub mod cpu;
mod driver;
mod fan_out;
mod feed;
#[cfg(test)]
mod feed_tests;
mod frame;
pub mod http;
mod limits;
mod link;
mod listener;
pub mod loopback;
mod mailbox;
mod output;
mod pool;
pub mod preflight;
mod service;
mod session;
mod shard;
mod slots;
mod stats;
mod ticket;
mod tls;
#[cfg(test)]
mod tls_tests;
mod turns;
mod wheel;

pub use feed::Feed;
pub use frame::{Frame, Part};
pub use limits::STREAM_BYTES_MAX;
pub use link::Transport;
pub use listener::{ListenError, bind};
pub use mailbox::Broadcast;
pub use output::Shared;
pub use pool::{Ended, PoolConfig, Port, ShardPool, StartError};
pub use service::{
    Answered, Attempt, Body, Call, Now, Opened, Origin, Outcome, Reply, Request, RequestBody, Service,
    StreamReply, Unfinished,
};
pub use session::Timeouts;
pub use stats::{Counter, Stats};
pub use ticket::TicketId;

/// How many executors of this process run with the io_uring set-up flag that saves a quarter of the CPU.
pub fn rings_flagged() -> usize {
    brink_sys::ring::rings_flagged()
}
