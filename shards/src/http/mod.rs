//! HTTP/1.1 codec, sans-io.
#![expect(missing_docs, reason = "placeholder")]
pub mod accept_encoding;
pub mod chunked;
pub mod date;
pub mod encode;
pub mod etag;
pub mod head;
pub mod limits;
pub mod path;
