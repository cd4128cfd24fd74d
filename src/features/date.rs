//! Dates inside a document: recognised and shortened, never computed with.
//!
//! A date that no reader takes refuses the document (evaluation.md 3). The grammar here is the generous one
//! of 6.4: `T`, `t` or a space in the middle, single digits, any fraction, `Z`, ` UTC` or a numeric offset.
//! The text is kept as it came, except that an all-zero fraction is dropped as Unleash Edge 20.4 does.

use std::borrow::Cow;

/// Whether a reader of date-times takes this text.
pub(super) fn is_date(text: &str) -> bool {
    read(text.trim()).is_some()
}

/// The text without a fraction that is all zeros (`.000`).
pub(super) fn without_zero_fraction(text: &str) -> Cow<'_, str> {
    let Some((head, tail)) = text.split_once('.') else { return Cow::Borrowed(text) };
    let rest = tail.trim_start_matches('0');
    if rest.starts_with(|next: char| next.is_ascii_digit()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{head}{rest}"))
}

fn read(text: &str) -> Option<()> {
    let rest = number(text.trim_start_matches(['+', '-']), 1, 6, 0..=999_999)?;
    let rest = number(rest.strip_prefix('-')?, 1, 2, 1..=12)?;
    let rest = number(rest.strip_prefix('-')?, 1, 2, 1..=31)?;
    let rest = number(rest.trim_start_matches(['T', 't', ' ']), 1, 2, 0..=23)?;
    let rest = number(rest.strip_prefix(':')?, 1, 2, 0..=59)?;
    let rest = number(rest.strip_prefix(':')?, 1, 2, 0..=60)?;
    offset(fraction(rest)?.trim_start())
}

fn fraction(text: &str) -> Option<&str> {
    let Some(digits) = text.strip_prefix('.') else { return Some(text) };
    let rest = digits.trim_start_matches(|next: char| next.is_ascii_digit());
    (rest.len() < digits.len()).then_some(rest)
}

fn offset(text: &str) -> Option<()> {
    if text.eq_ignore_ascii_case("Z") || text.eq_ignore_ascii_case("UTC") {
        return Some(());
    }
    let rest = number(text.strip_prefix(['+', '-'])?, 2, 2, 0..=23)?;
    let rest = number(rest.strip_prefix(':').unwrap_or(rest), 2, 2, 0..=59)?;
    rest.is_empty().then_some(())
}

/// Takes `least` to `most` digits and returns what follows them.
fn number(text: &str, least: usize, most: usize, range: std::ops::RangeInclusive<u32>) -> Option<&str> {
    let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(digits)?;
    let value = digits.parse().ok()?;
    (digits.len() >= least && range.contains(&value)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let good = [
            "2022-06-15T12:00:00Z",
            "2022-06-15T12:00:00.000Z",
            "2022-06-15T12:00:00.123456789Z",
            "2022-06-15t12:00:00z",
            "2022-06-15 12:00:00 UTC",
            "2022-6-1T0:0:0Z",
            "2022-06-15T12:00:00+02:00",
            "2022-06-15T12:00:00-0330",
            " 2022-06-15T12:00:00 +02:00 ",
        ];
        for text in good {
            assert!(is_date(text), "{text:?}");
        }
        let bad = [
            "",
            "yesterday",
            "2022-06-15",
            "1655294400",
            "2022-06-15T12:00:00",
            "2022-06-15T12:00Z",
            "2022-13-15T12:00:00Z",
            "2022-06-15T24:00:00Z",
            "2022-06-15T12:00:00.Z",
            "2022-06-15T12:00:00+02",
            "2022-06-15T12:00:00Zx",
            "2022-06-15T12:00:00é",
        ];
        for text in bad {
            assert!(!is_date(text), "{text:?}");
        }
    }

    #[test]
    fn only_zero_fractions_go() {
        let cases = [
            ("2022-06-15T12:00:00.000Z", "2022-06-15T12:00:00Z"),
            ("2022-06-15T12:00:00.000000+02:00", "2022-06-15T12:00:00+02:00"),
            ("2022-06-15T12:00:00.120Z", "2022-06-15T12:00:00.120Z"),
            ("2022-06-15T12:00:00.001Z", "2022-06-15T12:00:00.001Z"),
            ("2022-06-15T12:00:00Z", "2022-06-15T12:00:00Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_zero_fraction(text), expected);
        }
    }
}
