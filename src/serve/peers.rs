//! Allow and deny lists. They look at the TCP peer, whatever proxies say; deny comes first.

use std::net::IpAddr;

use ipnet::IpNet;

/// The lists, as configured.
#[derive(Debug)]
pub struct Peers {
    allow: Box<[IpNet]>,
    deny: Box<[IpNet]>,
}

impl Peers {
    /// Copies the lists.
    pub fn new(allow: &[IpNet], deny: &[IpNet]) -> Self {
        Self { allow: allow.into(), deny: deny.into() }
    }

    /// Whether a peer is answered. IPv4-mapped addresses must have been converted.
    pub fn admits(&self, peer: IpAddr) -> bool {
        let within = |list: &[IpNet]| list.iter().any(|net| net.contains(&peer));
        !within(&self.deny) && (self.allow.is_empty() || within(&self.allow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deny_comes_before_allow() {
        let nets = |list: &[&str]| list.iter().map(|net| net.parse().expect("a net")).collect::<Vec<IpNet>>();
        let check = |allow: &[&str], deny: &[&str], peer: &str, admitted| {
            let peers = Peers::new(&nets(allow), &nets(deny));
            assert_eq!(
                peers.admits(peer.parse().expect("an address")),
                admitted,
                "{allow:?} {deny:?} {peer}"
            );
        };
        check(&[], &[], "203.0.113.9", true);
        check(&["10.0.0.0/8"], &[], "10.1.2.3", true);
        check(&["10.0.0.0/8"], &[], "11.1.2.3", false);
        check(&[], &["127.0.0.0/8"], "127.0.0.1", false);
        check(&["127.0.0.0/8"], &["127.0.0.1/32"], "127.0.0.1", false);
        check(&["2001:db8::/32"], &[], "2001:db8::7", true);
    }
}
