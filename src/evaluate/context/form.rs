//! Form decoding into the context's text, and the numbers among the keys.
//!
//! A stray `%` stays as it is, together with the characters that were looked at to find that it is one, as in
//! Unleash Edge 20.4 (`%%41` stays, `%+` keeps its `+`).

use super::super::part::Part;
use super::BadContext;

/// Appends a decoded key or value. Not UTF-8 after decoding is an error.
pub(super) fn append_decoded(raw: &str, text: &mut String) -> Result<Part, BadContext> {
    if !raw.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Ok(Part::appended_text(text, raw));
    }
    let start = text.len();
    let mut bytes = std::mem::take(text).into_bytes();
    decode(raw.as_bytes(), &mut bytes);
    // Only the new part needs a check: the rest was text before.
    let good = bytes.get(start..).is_some_and(|new| std::str::from_utf8(new).is_ok());
    if !good {
        bytes.truncate(start);
    }
    *text = String::from_utf8(bytes).unwrap_or_default();
    if good { Ok(Part { start, end: text.len() }) } else { Err(BadContext::Query) }
}

fn decode(mut raw: &[u8], out: &mut Vec<u8>) {
    while let [byte, after @ ..] = raw {
        raw = match (byte, after) {
            (b'+', _) => push(out, b" ", after),
            (b'%', [first, rest @ ..]) => match (digit(*first), rest) {
                (Some(high), [second, rest @ ..]) => match digit(*second) {
                    Some(low) => push(out, &[high << 4 | low], rest),
                    None => push(out, &[b'%', *first, *second], rest),
                },
                _ => push(out, &[b'%', *first], rest),
            },
            _ => push(out, &[*byte], after),
        };
    }
}

fn push<'a>(out: &mut Vec<u8>, decoded: &[u8], rest: &'a [u8]) -> &'a [u8] {
    out.extend_from_slice(decoded);
    rest
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A key of digits only that fits 32 bits is a number: `007` is the same as `7`.
pub(super) fn number(raw_key: &str) -> Option<u32> {
    let is_digits = !raw_key.is_empty() && raw_key.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| raw_key.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(raw: &str, expected: Option<&str>) {
        let mut text = String::from("before");
        let part = append_decoded(raw, &mut text).ok();
        assert_eq!(part.map(|part| part.of_text(&text)), expected, "{raw}");
        assert!(text.starts_with("before"));
    }

    #[test]
    fn decodes() {
        check("plain", Some("plain"));
        check("", Some(""));
        check("a+b%20c%2B", Some("a b c+"));
        check("%zz%", Some("%zz%"));
        check("%%41%4", Some("%%41%4"));
        check("%+1+", Some("%+1 "));
        check("%a+", Some("%a+"));
        check("%C3%A9\u{e9}", Some("\u{e9}\u{e9}"));
        check("%ff", None);
        check("%C3", None);
    }

    #[test]
    fn numbers() {
        for (raw, expected) in
            [("7", Some(7)), ("007", Some(7)), ("", None), ("4294967296", None), ("+7", None), ("7a", None)]
        {
            assert_eq!(number(raw), expected, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn encoded_text_comes_back(source in ".*") {
            let mut encoded = String::new();
            for byte in source.bytes() {
                encoded.push_str(&format!("%{byte:02X}"));
            }
            let mut text = String::new();
            let part = append_decoded(&encoded, &mut text).expect("UTF-8");
            prop_assert_eq!(part.of_text(&text), source);
        }
    }
}
