//! When a certificate is valid (RFC 5280 section 4.1.2.5): enough of DER to find two dates.
//!
//! rustls checks certificates of others against a clock, but does not tell the dates of our own. Nothing is verified
//! here; whoever can change the file can change the dates.

use chrono::{DateTime, NaiveDateTime, Utc};

const SEQUENCE: u8 = 0x30;
/// Context tag 0, constructed: the version, which is optional.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// From when until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub not_before: DateTime<Utc>,
    pub not_after: DateTime<Utc>,
}

impl Validity {
    /// Of a certificate in DER; `None` if it is none.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let (tag, certificate, _) = element(certificate)?;
        let (inner_tag, to_be_signed, _) = element(certificate)?;
        if (tag, inner_tag) != (SEQUENCE, SEQUENCE) {
            return None;
        }
        let (tag, _, after_version) = element(to_be_signed)?;
        let fields = if tag == VERSION { after_version } else { to_be_signed };
        // Serial number, signature algorithm and issuer come before it.
        let (_, _, fields) = element(fields)?;
        let (_, _, fields) = element(fields)?;
        let (_, _, fields) = element(fields)?;
        let (tag, validity, _) = element(fields)?;
        let (not_before, rest) = time(validity).filter(|_| tag == SEQUENCE)?;
        let (not_after, _) = time(rest)?;
        Some(Self { not_before, not_after })
    }
}

/// Tag and content of the first element, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

fn time(der: &[u8]) -> Option<(DateTime<Utc>, &[u8])> {
    let (tag, text, rest) = element(der)?;
    let text = std::str::from_utf8(text).ok()?;
    let text = match tag {
        GENERALIZED_TIME => text.to_owned(),
        // Two digits mean 1950 to 2049.
        UTC_TIME => format!("{}{text}", if text < "5" { "20" } else { "19" }),
        _ => return None,
    };
    let parsed = NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ").ok()?;
    Some((parsed.and_utc(), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(from: i32, until: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(from, 2, 3);
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn dates_are_found_in_both_forms() {
        for (from, until) in [(1975, 2024), (2024, 2049), (2030, 2051), (2050, 4096)] {
            let found = Validity::of(&certificate(from, until)).expect("a certificate");
            let dates = (found.not_before.to_rfc3339(), found.not_after.to_rfc3339());
            let expected = (format!("{from}-02-03T00:00:00+00:00"), format!("{until}-12-31T00:00:00+00:00"));
            assert_eq!(dates, expected);
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_dates() {
        let whole = certificate(2024, 2030);
        for length in [0, 1, 2, 3, 4, 20, 60] {
            assert_eq!(Validity::of(&whole[..length]), None, "{length}");
        }
        assert_eq!(Validity::of(&[SEQUENCE, 0x85, 0, 0, 0, 0, 1]), None);
        assert_eq!(Validity::of(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff, 1]), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(der in proptest::collection::vec(any::<u8>(), 0..300), at in 0..300_usize, byte in any::<u8>()) {
            let _ = Validity::of(&der);
            let mut changed = certificate(2024, 2030);
            if let Some(place) = changed.get_mut(at) {
                *place = byte;
            }
            let _ = Validity::of(&changed);
        }
    }
}
