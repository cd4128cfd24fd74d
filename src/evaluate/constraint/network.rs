//! IP networks (evaluation.md 6.7). IPv4 and IPv6 never mix.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Some networks; invalid entries were left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Networks {
    v4: Vec<Network<u32>>,
    v6: Vec<Network<u128>>,
}

/// An address without its host bits, and the mask that cuts them off.
#[derive(Debug, PartialEq, Eq)]
struct Network<Bits> {
    address: Bits,
    mask: Bits,
}

enum Entry {
    V4(Network<u32>),
    V6(Network<u128>),
}

impl<'a> FromIterator<&'a str> for Networks {
    fn from_iter<I: IntoIterator<Item = &'a str>>(entries: I) -> Self {
        let mut networks = Self::default();
        for entry in entries {
            match read(entry) {
                Some(Entry::V4(network)) => networks.v4.push(network),
                Some(Entry::V6(network)) => networks.v6.push(network),
                None => {}
            }
        }
        networks
    }
}

impl Networks {
    pub(in super::super) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    pub(in super::super) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether a value is an address in one of them.
    pub(in super::super) fn contain(&self, value: &str) -> bool {
        match value.parse() {
            Ok(IpAddr::V4(address)) => {
                self.v4.iter().any(|network| address.to_bits() & network.mask == network.address)
            }
            Ok(IpAddr::V6(address)) => {
                self.v6.iter().any(|network| address.to_bits() & network.mask == network.address)
            }
            Err(_) => false,
        }
    }
}

/// An address, an address and a prefix, or an IPv4 address and a mask.
fn read(entry: &str) -> Option<Entry> {
    let (address, size) =
        entry.split_once('/').map_or((entry, None), |(address, size)| (address, Some(size)));
    Some(match address.parse().ok()? {
        IpAddr::V4(address) => Entry::V4(v4(address, size)?),
        IpAddr::V6(address) => Entry::V6(v6(address, size)?),
    })
}

fn v4(address: Ipv4Addr, size: Option<&str>) -> Option<Network<u32>> {
    let mask = match size {
        None => u32::MAX,
        Some(size) => match size.parse::<u8>() {
            Ok(prefix) => u32::try_from(mask(prefix, u32::BITS)?).ok()?,
            Err(_) => mask_of(size.parse().ok()?)?,
        },
    };
    Some(Network { address: address.to_bits() & mask, mask })
}

fn v6(address: Ipv6Addr, size: Option<&str>) -> Option<Network<u128>> {
    let mask = match size {
        None => u128::MAX,
        Some(size) => mask(size.parse().ok()?, u128::BITS)?,
    };
    Some(Network { address: address.to_bits() & mask, mask })
}

/// `prefix` bits set out of `bits`; `None` if that is too many.
fn mask(prefix: u8, bits: u32) -> Option<u128> {
    let hosts = bits.checked_sub(prefix.into())?;
    let all = u128::MAX >> (u128::BITS - bits);
    Some(all.checked_shl(hosts).unwrap_or(0) & all)
}

/// A mask written as an address: set bits, then none.
fn mask_of(address: Ipv4Addr) -> Option<u32> {
    let mask = address.to_bits();
    (mask.leading_ones() + mask.trailing_zeros() == u32::BITS || mask == 0).then_some(mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(entries: &[&str], value: &str, expected: bool) {
        let networks: Networks = entries.iter().copied().collect();
        assert_eq!(networks.contain(value), expected, "{entries:?} {value}");
    }

    #[test]
    fn addresses_and_networks() {
        check(&["10.1.2.3"], "10.1.2.3", true);
        check(&["10.1.2.3"], "10.1.2.4", false);
        check(&["10.1.2.3/16"], "10.1.255.255", true);
        check(&["10.1.2.3/16"], "10.2.0.0", false);
        check(&["10.1.0.0/255.255.0.0"], "10.1.9.9", true);
        check(&["10.1.0.0/255.255.0.0"], "10.2.9.9", false);
        check(&["10.1.0.0/016"], "10.1.9.9", true);
        check(&["10.1.0.0/+16"], "10.1.9.9", true);
        check(&["0.0.0.0/0"], "255.1.1.1", true);
        check(&["0.0.0.0/0.0.0.0"], "255.1.1.1", true);
        check(&["0.0.0.0/0"], "::1", false);
        check(&["::/0"], "::1", true);
        check(&["::/0"], "1.1.1.1", false);
        check(&["2001:db8::/32"], "2001:db8:1::", true);
        check(&["2001:db8::/32"], "2001:db9::", false);
        check(&["10.1.0.0/16"], "::ffff:10.1.2.3", false);
        check(&["bad", "", "10.0.0.0/8"], "10.0.0.1", true);
    }

    #[test]
    fn odd_values_are_in_no_network() {
        for value in ["", "10.1.2", " 10.1.2.3", "10.1.2.03", "10.1.2.3/32", "x"] {
            check(&["0.0.0.0/0", "::/0"], value, false);
        }
    }

    #[test]
    fn bad_entries_are_left_out() {
        for entry in [
            "",
            " 10.0.0.1",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/255.0.255.0",
            "::/ffff::",
            "x",
        ] {
            assert!([entry].into_iter().collect::<Networks>().is_empty(), "{entry}");
        }
    }
}
