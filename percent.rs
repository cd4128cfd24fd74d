//! Percent-decoding of path segments and form values.
//!
//! Lenient as Unleash Edge 20.4: an escape that is none stays as text. Decoding happens after splitting, so an
//! escaped separator never separates. Borrowed when there is nothing to decode.

use std::borrow::Cow;

/// What a `+` means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    Literal,
    Blank,
}

/// Decodes one path segment into bytes, which may be any.
pub fn decode_segment(segment: &str) -> Cow<'_, [u8]> {
    decode(segment, Plus::Literal)
}

/// Decodes one path segment into text, `None` if the result is not UTF-8.
pub fn decode_segment_text(segment: &str) -> Option<Cow<'_, str>> {
    text(segment, decode(segment, Plus::Literal))
}

/// Decodes a key or value of a query string, where `+` is a blank. `None` if the result is not UTF-8.
pub fn decode_form(value: &str) -> Option<Cow<'_, str>> {
    text(value, decode(value, Plus::Blank))
}

fn decode(input: &str, plus: Plus) -> Cow<'_, [u8]> {
    let needs_work = |byte: &u8| *byte == b'%' || (*byte == b'+' && plus == Plus::Blank);
    match input.as_bytes().iter().position(needs_work) {
        None => Cow::Borrowed(input.as_bytes()),
        Some(first) => Cow::Owned(decode_from(input.as_bytes(), first, plus)),
    }
}

/// Decodes from the byte at `first`; what is before it needs no work.
fn decode_from(input: &[u8], first: usize, plus: Plus) -> Vec<u8> {
    let (plain, mut rest) = input.split_at_checked(first).unwrap_or((input, &[]));
    let mut out = Vec::with_capacity(input.len());
    out.extend_from_slice(plain);
    while let [byte, after @ ..] = rest {
        let (decoded, left) = match (byte, escape(after)) {
            (b'%', Some((value, left))) => (value, left),
            (b'+', _) if plus == Plus::Blank => (b' ', after),
            _ => (*byte, after),
        };
        out.push(decoded);
        rest = left;
    }
    out
}

/// Two hexadecimal digits and what follows them.
fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, rest @ ..] = text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(*high)? << 4 | digit(*low)?;
    Some((u8::try_from(value).ok()?, rest))
}

fn text<'a>(input: &'a str, decoded: Cow<'a, [u8]>) -> Option<Cow<'a, str>> {
    match decoded {
        // Borrowed means unchanged, and the input was text.
        Cow::Borrowed(_) => Some(Cow::Borrowed(input)),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(input: &str, segment: Option<&str>, form: Option<&str>) {
        assert_eq!(decode_segment_text(input).as_deref(), segment, "segment {input:?}");
        assert_eq!(decode_form(input).as_deref(), form, "form {input:?}");
    }

    #[test]
    fn escapes_are_decoded_and_others_kept() {
        check("alpha", Some("alpha"), Some("alpha"));
        check("al%70ha", Some("alpha"), Some("alpha"));
        check("a%2Fb%2fc", Some("a/b/c"), Some("a/b/c"));
        check("a+b%2B", Some("a+b+"), Some("a b+"));
        check("%C3%BC", Some("\u{fc}"), Some("\u{fc}"));
        check("\u{fc}%20", Some("\u{fc} "), Some("\u{fc} "));
        check("%", Some("%"), Some("%"));
        check("%4", Some("%4"), Some("%4"));
        check("%zz%+1", Some("%zz%+1"), Some("%zz% 1"));
        check("%%41", Some("%A"), Some("%A"));
        check("%2541", Some("%41"), Some("%41"));
        check("", Some(""), Some(""));
    }

    #[test]
    fn what_is_not_utf8_is_bytes_only() {
        check("%ff", None, None);
        check("a%C3", None, None);
        assert_eq!(decode_segment("a%ff").as_ref(), b"a\xff");
    }

    #[test]
    fn nothing_to_decode_is_borrowed() {
        assert!(matches!(decode_segment("a+b"), Cow::Borrowed(_)));
        assert!(matches!(decode_form("a-b"), Some(Cow::Borrowed(_))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn fully_escaped_text_comes_back(original in "\\PC{0,20}") {
            let escaped: String = original.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(decode_segment_text(&escaped).as_deref(), Some(original.as_str()));
            prop_assert_eq!(decode_form(&escaped).as_deref(), Some(original.as_str()));
        }

        #[test]
        fn any_text_decodes_to_no_more_bytes(input in "[%+a-f0-9\u{e9}]{0,30}") {
            prop_assert!(decode_segment(&input).len() <= input.len());
            prop_assert!(decode_form(&input).is_none_or(|text| text.len() <= input.len()));
        }
    }
}
