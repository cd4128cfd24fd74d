//! The side that talks to upstream: blocking, on its own threads, never on a shard.
//!
//! ```text
//!   Schedule (pure: what is due when)      Client (one agent: headers, TLS, proxy, limits)
//!        ^ owned by the sync thread             ^ cloned into every worker thread
//! ```
//!
//! [`client`] makes the calls and reports a [`error::CallError`]; [`schedule`] decides when the next one is
//! due. Neither keeps features or tokens: the Catalog and the TokenRegistry do.

pub mod backoff;
pub mod client;
pub mod error;
pub mod guarded;
pub mod limits;
pub mod schedule;
pub mod stream;
pub mod wire;

mod answer;
mod forward;
mod headers;
mod issue;
mod mask;
mod pkcs12;
mod proxy;
mod reporting;
mod socket;
mod tls;
mod url;

pub use client::{Client, Fetched, Registered};
pub use error::{CallError, ClientError};
pub use issue::TokenRequest;
pub use reporting::Relayed;
