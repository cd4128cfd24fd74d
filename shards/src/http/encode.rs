//! encode
use super::{date::DateCache, head::Version};
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionHeader { None, Close, KeepAlive }
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
pub struct HeadWriter<'o> { out: &'o mut Vec<u8> }
impl<'o> HeadWriter<'o> {
    pub fn start(out: &'o mut Vec<u8>, version: Version, status: u16) -> Self { out.extend_from_slice(if version==Version::Http10 {b"HTTP/1.0 "} else {b"HTTP/1.1 "}); out.extend_from_slice(match status {200=>b"200 OK\r\n", 304=>b"304 Not Modified\r\n", 403=>b"403 Forbidden\r\n", _=>b"500 X\r\n"}); Self { out } }
    pub fn resume(out: &'o mut Vec<u8>) -> Self { Self { out } }
    pub fn header(&mut self, n: &str, v: &[u8]) { self.out.extend_from_slice(n.as_bytes()); self.out.extend_from_slice(b": "); self.out.extend_from_slice(v); self.out.extend_from_slice(b"\r\n"); }
    pub fn raw(&mut self, v: &[u8]) { self.out.extend_from_slice(v); }
    pub fn content_length(&mut self, n: usize) { use std::io::Write; let _ = write!(self.out, "content-length: {n}\r\n"); }
    pub fn finish(self, d: &DateCache, c: ConnectionHeader) -> &'o mut Vec<u8> { self.out.extend_from_slice(d.line()); match c { ConnectionHeader::None=>{}, ConnectionHeader::Close=>self.out.extend_from_slice(b"connection: close\r\n"), ConnectionHeader::KeepAlive=>self.out.extend_from_slice(b"connection: keep-alive\r\n") } self.out.extend_from_slice(b"\r\n"); self.out }
}
pub fn refusal(out: &mut Vec<u8>, status: u16, d: &DateCache) { let mut w = HeadWriter::start(out, Version::Http11, status); w.content_length(0); w.finish(d, ConnectionHeader::Close); }
