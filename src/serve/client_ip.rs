//! The address of the client behind proxies (http-api.md 12). Fills `remoteAddress` of evaluations, and tells floods of
//! unknown tokens apart.
//!
//! Without `--trust-proxy` it is the TCP peer. With it, the first header that yields an address counts: `Forwarded`
//! (RFC 7239), then `X-Forwarded-For`; only the first line of each is read, as Unleash Edge 20.4 does.

use std::net::{IpAddr, SocketAddr};

use brink_shards::Request;
use ipnet::IpNet;

use crate::config::settings::ProxyTrust;

/// Whom to believe.
#[derive(Debug)]
pub struct ClientIp {
    enabled: bool,
    /// Proxies of ours. Empty: the leftmost address is believed, whoever wrote it.
    servers: Box<[IpNet]>,
}

impl ClientIp {
    /// From the configuration.
    pub fn new(trust: &ProxyTrust) -> Self {
        Self { enabled: trust.enabled, servers: trust.servers.clone().into() }
    }

    /// The client's address.
    pub fn of(&self, request: &Request<'_>) -> IpAddr {
        if !self.enabled {
            return request.origin.peer;
        }
        let line = |name| request.head.find(name).and_then(|value| std::str::from_utf8(value).ok());
        self.resolve(line("forwarded"), line("x-forwarded-for"), request.origin.peer)
    }

    /// Who is held to account for a request: the client where proxies of ours name it, else the TCP peer. What any client
    /// can write into a header is not believed here.
    pub fn accountable(&self, request: &Request<'_>) -> IpAddr {
        if self.servers.is_empty() { request.origin.peer } else { self.of(request) }
    }

    fn resolve(&self, forwarded: Option<&str>, x_forwarded_for: Option<&str>, peer: IpAddr) -> IpAddr {
        let forwarded = forwarded.map(|line| line.split(',').filter_map(forwarded_for).collect());
        let x_forwarded_for = x_forwarded_for.map(|line| line.split(',').filter_map(address).collect());
        let chains: [Option<Vec<IpAddr>>; 2] = [forwarded, x_forwarded_for];
        chains.into_iter().flatten().find_map(|chain| self.pick(&chain, peer)).unwrap_or(peer)
    }

    /// The client in one header's chain, leftmost first; `None` if it names nobody but our own proxies.
    fn pick(&self, chain: &[IpAddr], peer: IpAddr) -> Option<IpAddr> {
        if self.servers.is_empty() {
            return chain.first().copied();
        }
        let is_ours = |address: &IpAddr| self.servers.iter().any(|net| net.contains(address));
        let mut hops = chain.iter().chain([&peer]).rev();
        hops.find(|hop| !is_ours(hop)).copied()
    }
}

/// The `for` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| address(value.trim().trim_matches('"')))?
    })
}

/// An address with or without port and brackets; IPv4-mapped ones as IPv4.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|one| one.ip()));
    parsed.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "10.0.0.1";

    #[track_caller]
    fn check(servers: &[&str], forwarded: Option<&str>, x_forwarded_for: Option<&str>, expected: &str) {
        let servers = servers.iter().map(|net| net.parse().expect("a network")).collect();
        let client_ip = ClientIp { enabled: true, servers };
        let found = client_ip.resolve(forwarded, x_forwarded_for, PEER.parse().expect("an address"));
        assert_eq!(found.to_string(), expected, "{forwarded:?} {x_forwarded_for:?}");
    }

    #[test]
    fn without_a_list_the_leftmost_is_believed() {
        check(&[], None, None, PEER);
        check(&[], None, Some("203.0.113.9, 10.0.0.2"), "203.0.113.9");
        check(&[], None, Some("unknown, 203.0.113.9:1234"), "203.0.113.9");
        check(&[], Some("for=192.0.2.60;proto=http;by=203.0.113.43"), Some("1.1.1.1"), "192.0.2.60");
        check(&[], Some("For=\"[2001:db8::1]:443\", for=192.0.2.1"), None, "2001:db8::1");
        check(&[], Some("proto=https;for=192.0.2.1"), None, "192.0.2.1");
        check(&[], Some("for=_hidden"), Some("192.0.2.7"), "192.0.2.7");
        check(&[], None, Some("::ffff:192.0.2.1"), "192.0.2.1");
        check(&[], None, Some(""), PEER);
    }

    #[test]
    fn with_a_list_our_proxies_are_taken_off_from_the_right() {
        let ours = ["10.0.0.0/8", "2001:db8::/32"];
        check(&ours, None, Some("6.6.6.6, 203.0.113.9, 10.0.0.2"), "203.0.113.9");
        check(&ours, None, Some("10.0.0.3, 10.0.0.2"), PEER);
        check(&ours, Some("for=10.0.0.3"), Some("203.0.113.9"), "203.0.113.9");
        check(&ours, None, Some("203.0.113.9, garbage, [2001:db8::7]"), "203.0.113.9");
        check(&["192.0.2.0/24"], None, Some("203.0.113.9"), PEER);
    }
}
