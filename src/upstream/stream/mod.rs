//! A stream of changes from upstream: one connection per refresh token, opened again for ever.
//!
//! ```text
//!   Worker (thread): wait -> connect -> bytes -> sse -> Position -> News, bounded --> sync thread
//!                     ^ Pace                                        Handle <--------- ends it, or asks for a hydration
//! ```
//!
//! [`sse`], [`pace`] and [`position`] are pure. The worker keeps no features: what it reads it hands on.

pub mod pace;
pub mod position;
pub mod sse;
pub mod worker;

mod line;

pub use worker::{Down, Handle, Known, News, Setup, start};
