//! The client side of HTTP/1.1, as far as load tests need it: requests, and a
//! reader that finds the end of an answer however the bytes arrive.
//!
//! Pure: no socket and no clock. Bodies are counted and dropped, never kept. One reader serves one
//! connection, answer after answer.

mod answer;
mod request;

pub use answer::{AnswerReader, Progress};
pub use request::{Header, Request};
