//! The differential test of brink's evaluator against the public engine `unleash-yggdrasil`.
//!
//! Random feature documents and contexts, made from a seed, go through both; the answers must be equal. What
//! is compared is in [`check`], what is generated in [`document`] and [`context`], and the points where brink
//! means to differ are excluded by name in [`document`]. A difference is made small by [`shrink`] and
//! printed so that it can be pasted into a unit test.
//!
//! ```text
//! seed -> Dice -> document, contexts -> Subject (brink)      \
//!                                    -> Oracle  (reference)   > check -> Difference -> shrink -> report
//! ```
//!
//! Nothing depends on this package, so neither does the program on the reference engine; a test holds that.
//! It is no test of Unleash Edge: HTTP, tokens and documents that both refuse are tested elsewhere.
#![forbid(unsafe_code)]

pub mod answer;
pub mod check;
pub mod context;
pub mod dice;
pub mod difference;
pub mod document;
pub mod oracle;
pub mod palette;
pub mod request;
pub mod run;
pub mod shrink;
pub mod subject;
pub mod tally;
