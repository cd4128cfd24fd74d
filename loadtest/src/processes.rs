//! Server processes under test: started on chosen cores, watched through /proc, ended on drop.
//!
//! Everything is seen from outside. The kit ends only processes that it started itself.

mod affinity;
mod launch;
mod proc;
mod server;

pub use affinity::spawn_on;
pub use launch::{EdgeLaunch, Launch, Program, TOKEN_CLIENT, TOKEN_FRONTEND, TOKEN_UNKNOWN};
pub use proc::{Memory, memory};
pub use server::Server;
