//! The plain port of an HTTPS server: every request is led to the same path on the other port (http-api.md 1.4).
//!
//! The host is that of the request, and is looked at closely: what is not a host name or an address leads nowhere. Who
//! else may name a host is narrower than in Unleash Edge 20.4, which believes any client's `X-Forwarded-Host`: only a
//! peer listed by `--proxy-trusted-servers`, and only with `--trust-proxy`.

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv6Addr},
};

use brink_shards::{Body, Call, Outcome, Request, http::head::Head};
use ipnet::IpNet;

use super::failure::Failure;
use crate::{config::settings::ProxyTrust, messages::Verdict};

/// The longest name of DNS (RFC 1035 section 2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// Where to, and whom to believe.
#[derive(Debug)]
pub struct Redirect {
    port: u16,
    trusted: Box<[IpNet]>,
}

impl Redirect {
    /// Without `--trust-proxy`, or without a list of proxies, nobody is believed.
    pub fn new(trust: &ProxyTrust) -> Self {
        let trusted = if trust.enabled { trust.servers.clone().into() } else { Box::default() };
        Self { port: 0, trusted }
    }

    /// The port that is led to.
    pub fn set_port(&mut self, port: u16) {
        self.port = port;
    }

    /// Leads the client away, or says that it has named no host.
    pub fn reply(&self, request: &Request<'_>, call: &mut Call<'_, Verdict>) -> Result<Outcome, Failure> {
        let host = self.host(request.head, request.origin.peer).ok_or(Failure::NoHost)?;
        let target = &request.head.target;
        // `*` and the like have no place behind a host.
        let path = if target.path.starts_with('/') { target.path } else { "/" };
        let mut location = format!("https://{host}:{}{path}", self.port);
        if let Some(query) = target.query {
            location.push('?');
            location.push_str(query);
        }
        Ok(call.reply(308).header("location", location.as_bytes()).send(Body::Empty))
    }

    fn host<'h>(&self, head: &Head<'h>, peer: IpAddr) -> Option<Cow<'h, str>> {
        let line = |name| head.find(name).and_then(|value| std::str::from_utf8(value).ok());
        if self.trusted.iter().any(|net| net.contains(&peer)) {
            // The last element is the one that our own proxy has written.
            let forwarded = line("forwarded").and_then(last).and_then(forwarded_host);
            let named = forwarded.or_else(|| line("x-forwarded-host").and_then(last).and_then(host));
            if named.is_some() {
                return named;
            }
        }
        // The codec has refused a request with two of them.
        line("host").and_then(host)
    }
}

fn last(list: &str) -> Option<&str> {
    list.rsplit(',').next()
}

/// The `host` of one element of `Forwarded` (RFC 7239 section 5.3).
fn forwarded_host(element: &str) -> Option<Cow<'_, str>> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("host").then(|| host(value.trim().trim_matches('"')))?
    })
}

/// The host of `host[:port]`, as it stands in a URL; `None` if it is none.
fn host(authority: &str) -> Option<Cow<'_, str>> {
    let authority = authority.trim();
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        let address = address.parse::<Ipv6Addr>().ok()?;
        return is_port(port).then(|| Cow::Owned(format!("[{address}]")));
    }
    // Some clients leave the brackets away.
    if let Ok(address) = authority.parse::<Ipv6Addr>() {
        return Some(Cow::Owned(format!("[{address}]")));
    }
    let (name, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
    (is_name(name) && is_port(port)).then_some(Cow::Borrowed(name))
}

/// Letters, digits, `-`, `.` and the `_` of internal names; this covers IPv4 addresses.
fn is_name(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (1..=HOST_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_fit) && !name.starts_with('.')
}

/// Nothing, or a colon and perhaps a port (RFC 3986 section 3.2.3).
fn is_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        Some(digits) => digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => text.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_told_from_what_is_none() {
        let check = |authority: &str, expected: Option<&str>| {
            assert_eq!(host(authority).as_deref(), expected, "{authority}");
        };
        check("example.com", Some("example.com"));
        check("example.com:3063", Some("example.com"));
        check("example.com:", Some("example.com"));
        check("my_service.ns.svc:80", Some("my_service.ns.svc"));
        check("10.0.0.1:3063", Some("10.0.0.1"));
        check("[::1]:3063", Some("[::1]"));
        check("[::1]", Some("[::1]"));
        check("::1", Some("[::1]"));
        check("[2001:DB8::7]:1", Some("[2001:db8::7]"));
        for bad in [
            "",
            ":3063",
            "[::1",
            "[::1]x",
            "[nonsense]",
            "[::1%25eth0]",
            "a b",
            "a/b",
            "a@b",
            "a:b",
            "a:1:2",
            "a\\b",
            "a:123456",
            "exämple.com",
            ".",
            "a?b",
            "a#b",
            "a%2fb",
            "a\"b",
            "a<b",
            "a,b",
        ] {
            check(bad, None);
        }
        check(&"a".repeat(253), Some(&"a".repeat(253)));
        check(&"a".repeat(254), None);
    }

    #[test]
    fn the_proxy_names_its_host_in_its_own_element() {
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(last(line).and_then(forwarded_host).as_deref(), expected, "{line}");
        };
        check("for=1.2.3.4;host=example.com", Some("example.com"));
        check("Host=\"example.com:8080\"", Some("example.com"));
        check("host=evil.com, for=1.2.3.4; host=good.com", Some("good.com"));
        check("host=evil.com, for=1.2.3.4", None);
        check("host=\"[::1]:80\"", Some("[::1]"));
        check("host=\"a b\"", None);
        check("", None);
    }

    proptest! {
        /// Nothing that ends the host, or begins something else, gets into the URL.
        #[test]
        fn whatever_is_taken_is_the_host_of_the_url(authority in "[ -~]{0,40}") {
            if let Some(host) = host(&authority) {
                let url = url::Url::parse(&format!("https://{host}:3043/path?query"));
                let url = url.map(|url| (url.username().to_owned(), url.port(), url.path().to_owned()));
                prop_assert!(url.is_err() || url == Ok((String::new(), Some(3043), "/path".to_owned())), "{host}");
            }
        }
    }
}
