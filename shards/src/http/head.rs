//! head
use std::mem::MaybeUninit;
use super::limits::*;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method<'b> { Get, Head, Post, Put, Delete, Patch, Options, Trace, Connect, Other(&'b str) }
impl<'b> Method<'b> {
    pub fn as_str(&self) -> &'b str { match self { Self::Get=>"GET",Self::Head=>"HEAD",Self::Post=>"POST",Self::Put=>"PUT",Self::Delete=>"DELETE",Self::Patch=>"PATCH",Self::Options=>"OPTIONS",Self::Trace=>"TRACE",Self::Connect=>"CONNECT",Self::Other(o)=>o } }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version { Http10, Http11 }
#[derive(Debug, Clone, Copy)]
pub struct Target<'b> { pub path: &'b str, pub query: Option<&'b str> }
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing { None, Length(u64), Chunked }
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal { Bad }
impl Refusal { pub fn status(&self) -> u16 { 400 } }
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'b> { pub origin: Option<&'b [u8]>, pub accept_encoding: Option<&'b [u8]>, pub access_control_request_headers: Option<&'b [u8]> }
pub struct Head<'b> { pub method: Method<'b>, pub target: Target<'b>, pub version: Version, pub headers: &'b [httparse::Header<'b>], pub known: Known<'b>, pub framing: Framing, pub keep_alive: bool, pub expect_continue: bool }
impl<'b> Head<'b> {
    pub fn find(&self, name: &str) -> Option<&'b [u8]> { self.headers.iter().find(|h| h.name.len()==name.len() && h.name.eq_ignore_ascii_case(name)).map(|h| h.value) }
    pub fn lines<'a>(&self, name: &'a str) -> impl Iterator<Item=&'b [u8]> + use<'a,'b> { self.headers.iter().filter(move |h| h.name.len()==name.len() && h.name.eq_ignore_ascii_case(name)).map(|h| h.value) }
}
pub enum HeadProgress<'b> { Partial, Complete { consumed: usize, head: Head<'b> }, Refused(Refusal) }
pub fn parse_head<'b>(input: &'b [u8], slots: &'b mut [MaybeUninit<httparse::Header<'b>>; HEADERS_MAX]) -> HeadProgress<'b> {
    let mut req = httparse::Request::new(&mut []);
    let consumed = match req.parse_with_uninit_headers(input, slots) { Ok(httparse::Status::Complete(n)) => n, Ok(_) => return HeadProgress::Partial, Err(_) => return HeadProgress::Refused(Refusal::Bad) };
    let headers: &'b [httparse::Header<'b>] = req.headers;
    let t = req.path.unwrap_or("/"); let (path, query) = match t.split_once('?') { Some((p,q)) => (p, Some(q)), None => (t, None) };
    let version = if req.version == Some(0) { Version::Http10 } else { Version::Http11 };
    let method = match req.method.unwrap_or("") { "GET"=>Method::Get,"POST"=>Method::Post,"HEAD"=>Method::Head,"OPTIONS"=>Method::Options, o=>Method::Other(o) };
    let mut known = Known::default(); let mut framing = Framing::None; let mut keep_alive = version==Version::Http11;
    for h in headers { match h.name.len() { 6 if h.name.eq_ignore_ascii_case("origin") => known.origin = Some(h.value), 15 if h.name.eq_ignore_ascii_case("accept-encoding") => known.accept_encoding = Some(h.value), 14 if h.name.eq_ignore_ascii_case("content-length") => framing = Framing::Length(std::str::from_utf8(h.value).ok().and_then(|v| v.parse().ok()).unwrap_or(0)), 10 if h.name.eq_ignore_ascii_case("connection") => { keep_alive = !h.value.eq_ignore_ascii_case(b"close") }, _=>{} } }
    HeadProgress::Complete { consumed, head: Head { method, target: Target{path,query}, version, headers, known, framing, keep_alive, expect_continue: false } }
}
