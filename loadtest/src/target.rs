//! Reads the address of a target and refuses every host but this one.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::failure::Failure;

/// Where to send load: a loopback address and the path with its query.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    pub address: SocketAddr,
    pub path: String,
}

/// Reads `http://HOST[:PORT][/PATH]`. A name must lead to loopback addresses only.
pub fn target(url: &str) -> Result<Target, Failure> {
    let bad = |problem: &str| Failure::BadArgument { argument: "--url", problem: problem.to_owned() };
    let rest = url.strip_prefix("http://").ok_or_else(|| bad("expected http://HOST[:PORT][/PATH]"))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if path.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
        return Err(bad("the path holds blanks or control characters"));
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    let found = authority.to_socket_addrs().map_err(|_| bad("the host is unknown"))?;
    let addresses: Vec<SocketAddr> = found.collect();
    if addresses.iter().any(|address| !address.ip().is_loopback()) {
        return Err(Failure::NotLoopback { target: authority });
    }
    let address = *addresses.first().ok_or_else(|| bad("the host has no address"))?;
    let path = if path.is_empty() { "/" } else { path };
    Ok(Target { address, path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_targets_are_read() {
        let check = |url: &str, address: &str, path: &str| {
            let found = target(url).expect("the address is fine");
            assert_eq!((found.address.to_string().as_str(), found.path.as_str()), (address, path));
        };
        check("http://127.0.0.1:3063/api/client/features?x=1", "127.0.0.1:3063", "/api/client/features?x=1");
        check("http://127.0.0.1", "127.0.0.1:80", "/");
        check("http://[::1]:8080/", "[::1]:8080", "/");
        check("http://[::1]/a", "[::1]:80", "/a");
    }

    #[test]
    fn everything_else_is_refused() {
        for url in ["http://192.0.2.1/", "http://127.0.0.1@192.0.2.1:80/", "http://0.0.0.0:80/"] {
            assert!(target(url).is_err(), "{url}");
        }
        for url in
            ["https://127.0.0.1/", "127.0.0.1", "http://", "http://127.0.0.1:99999/", "http://127.0.0.1/a b"]
        {
            assert!(matches!(target(url), Err(Failure::BadArgument { .. })), "{url}");
        }
    }
}
