//! The server's side of TLS: certificate and key from their files, checked, served with, and replaced when the files
//! change.
//!
//! ```text
//!   files --read--> texts --Identity--> chain, key, validity --Terms--> ServerConfig --Broadcast--> shards
//!     ^                                                                                 |
//!     +---- watch: thread "certificates", every few seconds and on SIGHUP <-------------+
//! ```
//!
//! Nothing here runs on a shard. A shard takes a new configuration for the connections it accepts from then on; those
//! that are open keep what they began with. Tickets are good across a change, and on every shard.

mod error;
mod files;
mod identity;
mod terms;
mod validity;
mod watch;

pub use error::TlsError;
pub use watch::{Certificates, Checked};
