//! Deltas: lists of changes, and the state they add up to (delta-and-streaming.md 3). Pure.
//!
//! ```text
//!   bytes -> parse_changes -> Changes -> Fold -> Document (of shared fragments) -> Catalog
//!                                         ^
//!            a polled document -> Follow -/   (which of the two is believed)
//! ```
//!
//! The sync thread owns one [`Follow`] per refresh token. The catalog knows nothing of deltas: it gets whole documents, in
//! which everything that did not change is shared with what it has.

mod event;
mod fold;
mod follow;
mod parse;

pub use event::{Change, Changes};
pub use fold::{Fold, NotHydrated};
pub use follow::{Asked, Follow, Polled};
pub use parse::parse_changes;
