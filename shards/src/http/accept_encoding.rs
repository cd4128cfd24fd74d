//! `Accept-Encoding` (RFC 9110 12.5.3): which form of a body to send.
//!
//! The highest weight wins; ties go to zstd, br, gzip, the body as it is, in this order, as in Unleash Edge 20.4.
//! An element whose weight cannot be read is ignored.

use super::list::elements;

/// A form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// `gzip`, also known as `x-gzip`.
    Gzip,
    /// `br`
    Brotli,
    /// `zstd`
    Zstd,
}

/// The forms there are, beside the body itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// There is a gzip form.
    pub gzip: bool,
    /// There is a brotli form.
    pub br: bool,
    /// There is a zstd form.
    pub zstd: bool,
}

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// This form.
    Use(Coding),
    /// The client takes none of those there are.
    NotAcceptable,
}

/// Weights in thousandths, by coding; `None` where the client does not name it.
#[derive(Debug, Default, Clone, Copy)]
struct Weights {
    identity: Option<u16>,
    gzip: Option<u16>,
    br: Option<u16>,
    zstd: Option<u16>,
    any: Option<u16>,
}

/// Chooses among the forms there are. `lines` are all `Accept-Encoding` lines.
pub fn choose<'l>(lines: impl Iterator<Item = &'l [u8]>, offered: Offered) -> Choice {
    let weights = Weights::read(lines);
    let mut best = (weights.identity.or(weights.any_refused()).unwrap_or(1), Coding::Identity);
    let rivals = [
        (offered.gzip, weights.gzip, Coding::Gzip),
        (offered.br, weights.br, Coding::Brotli),
        (offered.zstd, weights.zstd, Coding::Zstd),
    ];
    for (is_offered, weight, coding) in rivals {
        let weight = weight.or(weights.any).unwrap_or(0);
        if is_offered && weight > 0 && weight >= best.0 {
            best = (weight, coding);
        }
    }
    if best.0 == 0 { Choice::NotAcceptable } else { Choice::Use(best.1) }
}

/// The form that would be chosen if there were all.
pub fn wanted<'l>(lines: impl Iterator<Item = &'l [u8]>) -> Coding {
    match choose(lines, Offered { gzip: true, br: true, zstd: true }) {
        Choice::Use(coding) => coding,
        Choice::NotAcceptable => Coding::Identity,
    }
}

impl Weights {
    fn read<'l>(lines: impl Iterator<Item = &'l [u8]>) -> Self {
        let mut weights = Self::default();
        for element in lines.flat_map(elements) {
            if let Some((name, weight)) = parse_element(element) {
                weights.note(name, weight);
            }
        }
        weights
    }

    fn note(&mut self, name: &[u8], weight: u16) {
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        let place = if is(b"gzip") || is(b"x-gzip") {
            &mut self.gzip
        } else if is(b"br") {
            &mut self.br
        } else if is(b"zstd") {
            &mut self.zstd
        } else if is(b"identity") {
            &mut self.identity
        } else if is(b"*") {
            &mut self.any
        } else {
            return;
        };
        *place = Some(weight);
    }

    /// `*;q=0` refuses the body as it is, too; a positive `*` says nothing about it that matters.
    fn any_refused(&self) -> Option<u16> {
        self.any.filter(|weight| *weight == 0)
    }
}

/// `name` or `name;q=weight`; the weight in thousandths.
fn parse_element(element: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next()?;
    let mut weight = 1_000;
    for parameter in parts {
        match parameter {
            [b'q' | b'Q', b'=', value @ ..] => weight = parse_weight(value)?,
            _ => return None,
        }
    }
    Some((name, weight))
}

/// `0`, `1`, `0.5`, `1.000`: at most three digits behind the dot (RFC 9110 12.4.2).
fn parse_weight(text: &[u8]) -> Option<u16> {
    let (whole, fraction) = match text {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    let mut weight = u16::from(*whole - b'0') * 1_000;
    for (digit, worth) in fraction.iter().zip([100, 10, 1]) {
        weight += u16::from(digit.is_ascii_digit().then(|| digit - b'0')?) * worth;
    }
    (weight <= 1_000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: Offered = Offered { gzip: true, br: true, zstd: true };
    const GZIP: Offered = Offered { gzip: true, br: false, zstd: false };

    #[track_caller]
    fn check(line: &str, offered: Offered, expected: Choice) {
        assert_eq!(choose([line.as_bytes()].into_iter(), offered), expected, "{line:?}");
    }

    #[test]
    fn the_best_form_that_is_there_is_chosen() {
        use Coding::{Brotli, Gzip, Identity, Zstd};
        for (line, coding) in [
            ("gzip, deflate, br", Brotli),
            ("gzip, deflate, br, zstd", Zstd),
            ("*", Zstd),
            ("gzip;q=1.0, br;q=0.5", Gzip),
            ("GZIP", Gzip),
            ("x-gzip", Gzip),
            ("gzip;q=0", Identity),
            ("deflate", Identity),
            ("snappy", Identity),
            ("", Identity),
            ("identity;q=1, gzip;q=0.5", Identity),
            ("identity, gzip", Gzip),
            ("gzip;q=x, br;q=0.1", Brotli),
            ("gzip;q=2", Identity),
            ("gzip;q=0.0001", Identity),
            ("gzip ; q=0.001", Gzip),
            ("gzip;level=9", Identity),
            ("*;q=0, gzip", Gzip),
            ("br;q=0, *", Zstd),
            ("identity;q=0, gzip;q=0.2", Gzip),
        ] {
            check(line, ALL, Choice::Use(coding));
        }
        check("br, gzip;q=0.5", GZIP, Choice::Use(Gzip));
        check("br", GZIP, Choice::Use(Identity));
        check("zstd;q=0.9, *;q=0.1", GZIP, Choice::Use(Gzip));
    }

    #[test]
    fn a_client_that_takes_nothing_is_told() {
        check("identity;q=0", Offered { gzip: false, br: false, zstd: false }, Choice::NotAcceptable);
        check("identity;q=0", ALL, Choice::NotAcceptable);
        check("*;q=0", ALL, Choice::NotAcceptable);
        check("br, identity;q=0", GZIP, Choice::NotAcceptable);
    }

    #[test]
    fn several_lines_are_one_list() {
        let lines: [&[u8]; 2] = [b"gzip;q=0.5", b"br"];
        assert_eq!(wanted(lines.into_iter()), Coding::Brotli);
        assert_eq!(wanted(std::iter::empty()), Coding::Identity);
    }

    proptest! {
        #[test]
        fn only_what_is_offered_is_chosen(line in "[a-z*;=0-9., ]{0,40}", gzip: bool, br: bool, zstd: bool) {
            let choice = choose([line.as_bytes()].into_iter(), Offered { gzip, br, zstd });
            let fine = match choice {
                Choice::Use(Coding::Gzip) => gzip,
                Choice::Use(Coding::Brotli) => br,
                Choice::Use(Coding::Zstd) => zstd,
                Choice::Use(Coding::Identity) | Choice::NotAcceptable => true,
            };
            prop_assert!(fine, "{:?}", choice);
        }
    }
}
