//! One answered request, as a shard hands it over: plain values, no text of its own but a short copy of the path.
//!
//! Made on a shard and read by the thread `access`. A record may hold a secret (a token in the path or in a header of
//! [`Overheard`]), so it cannot be printed; the masks are applied when lines are made of it.

use std::{net::IpAddr, time::Duration};

use brink_shards::{Request, http::head::Method};

use super::{mask, traceparent::Parent};

/// Longer paths are cut. The longest of this program with a feature name of usual length is about half of it.
const PATH_BYTES_MAX: usize = 128;

/// What a route is, for those who talk about requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The route with its parameters as `{name}`, without the base path.
    pub pattern: &'static str,
    /// To whom it belongs.
    pub surface: Surface,
}

/// To whom a route belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// SDKs: below `/api`.
    Api,
    /// Probes, whose 503 is an answer and no failure.
    Probe,
    /// Everything else.
    Other,
}

/// See the module.
pub struct Record {
    /// What was asked for.
    pub place: Place,
    /// Address of the TCP peer.
    pub peer: IpAddr,
    /// As in the request, or `other`.
    pub method: &'static str,
    /// The path as received, without the query.
    pub path: PathText,
    /// Status code.
    pub status: u16,
    /// Length of the body as sent.
    pub body_bytes: usize,
    /// From the end of the head to the end of the answer in our buffer.
    pub took: Duration,
    /// Makes a line of the access log.
    pub makes_line: bool,
    /// Makes a span.
    pub makes_span: bool,
    /// The span of the caller, for a span.
    pub parent: Option<Parent>,
    /// At trace: all of the head.
    pub overheard: Option<Box<Overheard>>,
}

/// A head, for a line at trace.
pub struct Overheard {
    /// Path and query as received.
    pub target: String,
    /// Names and values; the values of headers known to hold secrets stay behind.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// The beginning of a path, kept in place so that a record allocates nothing.
#[derive(Clone, Copy)]
pub struct PathText {
    bytes: [u8; PATH_BYTES_MAX],
    length: usize,
    is_cut: bool,
}

impl Record {
    /// The path as it may be printed.
    pub fn masked_path(&self) -> String {
        mask::path(self.path.text(), self.path.is_cut())
    }
}

impl PathText {
    /// Copies a path, or as much of it as there is room for.
    pub fn new(path: &str) -> Self {
        let length = path.floor_char_boundary(PATH_BYTES_MAX);
        let mut bytes = [0; PATH_BYTES_MAX];
        for (to, from) in bytes.iter_mut().zip(path.bytes().take(length)) {
            *to = from;
        }
        Self { bytes, length, is_cut: length < path.len() }
    }

    /// What there was room for.
    pub fn text(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Whether there is more.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl Overheard {
    /// Copies the head of a request. `is_secret` says by their names which headers stay behind.
    pub fn new(request: &Request<'_>, is_secret: impl Fn(&str) -> bool) -> Self {
        let target = request.head.target;
        let query = target.query.map(|query| format!("?{query}"));
        let headers = request.head.headers.iter().map(|header| {
            let value = (!is_secret(header.name)).then(|| header.value.to_vec());
            (header.name.to_owned(), value)
        });
        Self { target: target.path.to_owned() + &query.unwrap_or_default(), headers: headers.collect() }
    }
}

/// The name of a method that lives for ever; those that clients make up are all one.
pub fn verb(method: &Method<'_>) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Patch => "PATCH",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Connect => "CONNECT",
        Method::Other(_) => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_kept_up_to_a_whole_character() {
        let check = |path: &str, kept: usize, is_cut: bool| {
            let text = PathText::new(path);
            assert_eq!(
                (text.text(), text.is_cut()),
                (path.get(..kept).unwrap_or_default(), is_cut),
                "{path}"
            );
        };
        check("", 0, false);
        check("/api/client/features", 20, false);
        check(&"x".repeat(PATH_BYTES_MAX), PATH_BYTES_MAX, false);
        check(&"x".repeat(PATH_BYTES_MAX + 1), PATH_BYTES_MAX, true);
        check(&format!("{}ü", "x".repeat(PATH_BYTES_MAX - 1)), PATH_BYTES_MAX - 1, true);
    }
}
