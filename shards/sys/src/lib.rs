//! The few lines of brink that need `unsafe`, and nothing else.
//!
//! - [`ring`]: the set-up flag that keeps the kernel from interrupting a shard's core, and the probe that
//!   asks whether io_uring may be used at all.
//! - [`socket`]: glommio sockets from owned descriptors, and one gathered, non-blocking send.
//!
//! Every `unsafe` block carries its argument; every function here is safe to call with any input.

#![deny(unsafe_op_in_unsafe_fn)]
#![warn(clippy::undocumented_unsafe_blocks)]

pub mod ring;
pub mod socket;
