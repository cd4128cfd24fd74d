//! Which content coding an answer gets, from `Accept-Encoding` (RFC 9110 section 12.5.3).
//!
//! The choice is that of Unleash Edge 20.4: the highest q wins, and between equals zstd, br, gzip, identity in this
//! order. `deflate` is understood, so that `deflate, *;q=0` is not mistaken for a wish for anything else, but never
//! offered. Nothing is compressed here.

use super::list::{members, trim};

/// A content coding we can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// As it is; no `content-encoding` header.
    Identity,
    /// gzip
    Gzip,
    /// Brotli
    Brotli,
    /// Zstandard
    Zstd,
}

impl Coding {
    /// The `content-encoding` value, `None` for identity.
    pub fn token(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// The compressed forms a body has. Identity is always offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offered {
    /// There is a gzip form.
    pub gzip: bool,
    /// There is a Brotli form.
    pub br: bool,
    /// There is a Zstandard form.
    pub zstd: bool,
}

impl Offered {
    /// Every form.
    pub const ALL: Self = Self { gzip: true, br: true, zstd: true };
}

/// The outcome of a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Send the body in this coding.
    Use(Coding),
    /// The client refuses every form there is: 406.
    NotAcceptable,
}

/// Chooses among the forms there are. No line at all means identity.
pub fn choose<'a>(lines: impl Iterator<Item = &'a [u8]>, offered: Offered) -> Choice {
    Preferences::read(lines).choose(offered)
}

/// The choice if every form were there: what to compress on demand.
pub fn wanted<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Choice {
    choose(lines, Offered::ALL)
}

/// What a client said about each coding, read once for several choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Preferences {
    zstd: Weight,
    br: Weight,
    gzip: Weight,
    identity: Weight,
    /// `*`: all codings not named.
    rest: Weight,
}

/// A q value in thousandths; `None` if not named.
type Weight = Option<u16>;

impl Preferences {
    /// Reads all `Accept-Encoding` lines as one list. Members with a bad q and unknown names are passed over.
    pub fn read<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut preferences = Self::default();
        for (name, weight) in lines.flat_map(members).filter_map(weighted) {
            preferences.take(name, weight);
        }
        preferences
    }

    /// Chooses among the forms there are.
    pub fn choose(&self, offered: Offered) -> Choice {
        let coded = |weight: Weight| weight.or(self.rest).unwrap_or(0);
        // Identity needs no mention to be acceptable, but then anything asked for is better.
        let identity = self.identity.or(self.rest);
        let mut best = (Coding::Identity, identity.unwrap_or(0));
        let candidates = [
            (Coding::Gzip, offered.gzip, self.gzip),
            (Coding::Brotli, offered.br, self.br),
            (Coding::Zstd, offered.zstd, self.zstd),
        ];
        for (coding, there, weight) in candidates {
            let weight = coded(weight);
            if there && weight > 0 && weight >= best.1 {
                best = (coding, weight);
            }
        }
        let refused = best.0 == Coding::Identity && identity == Some(0);
        if refused { Choice::NotAcceptable } else { Choice::Use(best.0) }
    }

    /// Keeps the highest weight where a name is repeated.
    fn take(&mut self, name: &[u8], weight: u16) {
        let is = |lower_name: &[u8]| name.eq_ignore_ascii_case(lower_name);
        let slot = match name.len() {
            1 if is(b"*") => &mut self.rest,
            2 if is(b"br") => &mut self.br,
            4 if is(b"gzip") => &mut self.gzip,
            4 if is(b"zstd") => &mut self.zstd,
            6 if is(b"x-gzip") => &mut self.gzip,
            8 if is(b"identity") => &mut self.identity,
            _ => return,
        };
        *slot = (*slot).max(Some(weight));
    }
}

/// A member's name and weight, `None` if the weight is malformed.
fn weighted(member: &[u8]) -> Option<(&[u8], u16)> {
    match member.iter().position(|byte| *byte == b';') {
        None => Some((member, 1000)),
        Some(at) => {
            let (name, parameter) = member.split_at(at);
            Some((trim(name), weight(trim(parameter.get(1..)?))?))
        }
    }
}

/// `q=` and a qvalue (RFC 9110 section 12.4.2), in thousandths.
fn weight(parameter: &[u8]) -> Option<u16> {
    let (b"q=" | b"Q=", value) = parameter.split_at_checked(2)? else { return None };
    let (whole, decimals) = match value {
        [whole @ (b'0' | b'1')] => (whole, [].as_slice()),
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut thousandths = u16::from(whole - b'0') * 1000;
    for (digit, unit) in decimals.iter().zip([100, 10, 1]) {
        thousandths += digit.is_ascii_digit().then(|| u16::from(digit - b'0') * unit)?;
    }
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::Coding::*;
    use super::*;
    use proptest::prelude::*;

    fn check(lines: &[&str], offered: Offered, expected: Choice) {
        let found = choose(lines.iter().map(|line| line.as_bytes()), offered);
        assert_eq!(found, expected, "{lines:?} {offered:?}");
    }

    fn check_all(line: &str, expected: Coding) {
        check(&[line], Offered::ALL, Choice::Use(expected));
    }

    #[test]
    fn the_highest_weight_wins_and_ties_have_an_order() {
        check(&[], Offered::ALL, Choice::Use(Identity));
        for (line, expected) in [
            ("", Identity),
            ("gzip", Gzip),
            ("x-gzip", Gzip),
            ("GZip", Gzip),
            ("gzip, deflate, br", Brotli),
            ("gzip, deflate, br, zstd", Zstd),
            ("*", Zstd),
            ("gzip;q=1.0, br;q=0.5", Gzip),
            ("gzip;q=0.5, br;q=1.0", Brotli),
            ("identity, gzip", Gzip),
            ("identity, gzip;q=0.9", Identity),
            ("gzip;q=0.001", Gzip),
            ("*;q=0.5, gzip;q=0.4", Zstd),
            ("*;q=0.5, zstd;q=0, br;q=0", Gzip),
            ("*;q=0.5, identity;q=0.6", Identity),
            ("zstd;q=0.5,br;q=0.5,gzip;q=0.5", Zstd),
            ("gzip;q=0.3, gzip;q=0.7, br;q=0.5", Gzip),
        ] {
            check_all(line, expected);
        }
    }

    #[test]
    fn what_is_unknown_or_malformed_is_passed_over() {
        for line in ["deflate", "foo, bar;q=1", ",,", ";q=1", "gzip;q=0", "gzip;q=0.000", "g zip", "gzi\u{e9}"] {
            check_all(line, Identity);
        }
        for weight in
            ["q=2", "q=1.001", "q=0.0001", "q=", "q", "q=.5", "q=-1", "q=a", "q=0,5", "x=1", "q=1;x", "", "q =1", "q=0.5a"]
        {
            check_all(&format!("br, zstd;{weight}"), Brotli);
        }
        for weight in ["q=1", "q=1.", "q=1.000", " q=1 ", "\tQ=1.00"] {
            check_all(&format!("br, zstd ;{weight}"), Zstd);
        }
    }

    #[test]
    fn a_form_that_is_not_there_is_not_chosen() {
        let gzip = Offered { gzip: true, ..Offered::default() };
        check(&["gzip, br, zstd"], gzip, Choice::Use(Gzip));
        check(&["br, zstd"], gzip, Choice::Use(Identity));
        check(&["zstd, gzip;q=0.1"], gzip, Choice::Use(Gzip));
        check(&["gzip"], Offered::default(), Choice::Use(Identity));
        check(&["*"], Offered::default(), Choice::Use(Identity));
    }

    #[test]
    fn several_lines_are_one_list() {
        check(&["gzip", "br"], Offered::ALL, Choice::Use(Brotli));
        check(&["gzip;q=0.5", "", "identity;q=0.2"], Offered::ALL, Choice::Use(Gzip));
    }

    #[test]
    fn refusing_every_form_is_not_acceptable() {
        for line in ["identity;q=0", "*;q=0", "*;q=0, deflate", "identity;q=0, gzip;q=0", "identity;q=0, foo"] {
            check(&[line], Offered::ALL, Choice::NotAcceptable);
        }
        check(&["*;q=0, identity;q=0.1"], Offered::ALL, Choice::Use(Identity));
        check(&["*;q=0, gzip"], Offered::ALL, Choice::Use(Gzip));
        check(&["*;q=0, gzip"], Offered::default(), Choice::NotAcceptable);
        check(&["*, identity;q=0"], Offered::default(), Choice::NotAcceptable);
    }

    #[test]
    fn wanted_looks_past_what_is_there() {
        assert_eq!(wanted([b"gzip, br".as_slice()].into_iter()), Choice::Use(Brotli));
        assert_eq!(wanted(std::iter::empty()), Choice::Use(Identity));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_bytes_get_an_offered_coding(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..3),
                                           gzip: bool, br: bool, zstd: bool) {
            let found = choose(lines.iter().map(Vec::as_slice), Offered { gzip, br, zstd });
            let there = match found {
                Choice::Use(Gzip) => gzip,
                Choice::Use(Brotli) => br,
                Choice::Use(Zstd) => zstd,
                Choice::Use(Identity) | Choice::NotAcceptable => true,
            };
            prop_assert!(there);
        }

        #[test]
        fn lines_and_commas_separate_alike(names in prop::collection::vec(
            prop::sample::select(vec!["gzip", "br;q=0.5", "zstd;q=0", "*;q=0.1", "identity;q=0", "x"]), 0..6)) {
            let joined = names.join(", ");
            prop_assert_eq!(
                Preferences::read(names.iter().map(|name| name.as_bytes())),
                Preferences::read(std::iter::once(joined.as_bytes()))
            );
        }
    }
}
