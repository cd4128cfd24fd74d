//! Which HTTP proxy leads to the upstream, from the environment. Pure: variables come in as a function.
//!
//! As Unleash Edge 20.4 does (upstream.md 4): `HTTP_PROXY` or `HTTPS_PROXY` by the upstream's scheme, else
//! `ALL_PROXY`, none if `NO_PROXY` names the host; upper case wins over lower case. The choice is made once,
//! because there is one upstream and redirects never leave it. Values may hold passwords: nothing here is
//! printed.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

/// A proxy variable and its value.
#[derive(PartialEq, Eq)]
pub(super) struct Choice {
    /// The variable, for messages.
    pub(super) variable: &'static str,
    /// The proxy's URL; may hold a password.
    pub(super) value: String,
}

/// The proxy for `upstream`, `None` to connect directly.
pub(super) fn choose(upstream: &Url, variable: impl Fn(&str) -> Option<String>) -> Option<Choice> {
    let candidates = match upstream.scheme() {
        "https" => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        _ => ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
    };
    let set =
        |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let exceptions = set("NO_PROXY").or_else(|| set("no_proxy")).unwrap_or_default();
    if bypasses(&exceptions, upstream) {
        return None;
    }
    candidates.into_iter().find_map(|name| Some(Choice { variable: name, value: set(name)? }))
}

/// Whether a `NO_PROXY` list, separated by commas or blanks, names the upstream.
fn bypasses(list: &str, upstream: &Url) -> bool {
    let Some(host) = upstream.host() else { return false };
    let port = upstream.port_or_known_default();
    list.split([',', ' ', '\t'])
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .any(|entry| entry == "*" || entry_matches(entry, &host, port))
}

fn entry_matches(entry: &str, host: &Host<&str>, port: Option<u16>) -> bool {
    let (name, wanted_port) = split_port(entry);
    if wanted_port.is_some() && wanted_port != port {
        return false;
    }
    match host {
        Host::Domain(domain) => is_suffix(name, domain),
        Host::Ipv4(address) => covers(name, IpAddr::V4(*address)),
        Host::Ipv6(address) => covers(name, IpAddr::V6(*address)),
    }
}

/// `host:8080` and `[::1]:8080` limit an entry to one port; a bare IPv6 address has no port.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

/// `example.com`, `.example.com` and `*.example.com` all name the domain and everything below it.
fn is_suffix(entry: &str, domain: &str) -> bool {
    let entry = entry.strip_prefix('*').unwrap_or(entry);
    let entry = entry.strip_prefix('.').unwrap_or(entry).trim_end_matches('.').to_ascii_lowercase();
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    match domain.strip_suffix(entry.as_str()) {
        Some(rest) => !entry.is_empty() && (rest.is_empty() || rest.ends_with('.')),
        None => false,
    }
}

/// An address or a network in CIDR form.
fn covers(entry: &str, address: IpAddr) -> bool {
    let entry = entry.trim_start_matches('[').trim_end_matches(']');
    match entry.parse::<IpNet>() {
        Ok(net) => net.contains(&address),
        Err(_) => entry.parse() == Ok(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(upstream: &str, variables: &[(&str, &str)], expected: Option<&str>) {
        let lookup =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let choice = choose(&Url::parse(upstream).unwrap(), lookup);
        assert_eq!(choice.map(|choice| choice.variable), expected, "{upstream} {variables:?}");
    }

    #[test]
    fn scheme_decides_then_all_proxy() {
        let all = [("HTTP_PROXY", "http://a"), ("HTTPS_PROXY", "http://b"), ("ALL_PROXY", "http://c")];
        check("http://h", &all, Some("HTTP_PROXY"));
        check("https://h", &all, Some("HTTPS_PROXY"));
        check("http://h", &all[1..], Some("ALL_PROXY"));
        check("https://h", &[("http_proxy", "http://a")], None);
        check("http://h", &[("http_proxy", "http://a"), ("all_proxy", "http://c")], Some("http_proxy"));
        check("http://h", &[("HTTP_PROXY", "a"), ("http_proxy", "b")], Some("HTTP_PROXY"));
        check("http://h", &[("HTTP_PROXY", " "), ("all_proxy", "http://c")], Some("all_proxy"));
        check("http://h", &[], None);
    }

    #[test]
    fn no_proxy_names_hosts_suffixes_addresses_and_networks() {
        let cases = [
            ("*", "http://anything", true),
            ("h", "http://h", true),
            ("H", "http://h", true),
            ("example.com", "http://example.com", true),
            ("example.com", "http://a.b.example.com", true),
            ("example.com", "http://badexample.com", false),
            (".example.com", "http://a.example.com", true),
            ("*.example.com", "http://a.example.com", true),
            ("a.example.com", "http://example.com", false),
            ("x, example.com", "http://example.com", true),
            ("x example.com", "http://example.com", true),
            ("10.0.0.1", "http://10.0.0.1", true),
            ("10.0.0.1", "http://10.0.0.10", false),
            ("10.0.0.0/8", "http://10.200.3.4", true),
            ("10.0.0.0/8", "http://11.0.0.1", false),
            ("10.0.0.0/8", "http://ten.example", false),
            ("::1", "http://[::1]:4242", true),
            ("[::1]", "http://[::1]", true),
            ("fd00::/8", "http://[fd12::1]", true),
            ("h:4242", "http://h:4242", true),
            ("h:4242", "http://h:4243", false),
            ("h:80", "http://h", true),
            ("[::1]:4242", "http://[::1]:4242", true),
            ("[::1]:4242", "http://[::1]:1", false),
            ("", "http://h", false),
            (",,.", "http://h", false),
        ];
        for (list, upstream, bypassed) in cases {
            let expected = (!bypassed).then_some("ALL_PROXY");
            check(upstream, &[("NO_PROXY", list), ("ALL_PROXY", "http://p")], expected);
            check(upstream, &[("no_proxy", list), ("ALL_PROXY", "http://p")], expected);
        }
    }
}
