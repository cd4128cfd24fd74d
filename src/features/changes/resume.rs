//! Where a client stands: what it is given with each answer and gives back to go on from there.
//!
//! It is upstream's revision, in decimal, wherever that names what the client has got, as Unleash Edge 20.4 has it. Where it
//! does not, a mark follows: eight hexadecimal digits of a hash of the scope's body. SDKs give back what they were
//! given, byte by byte, in `last-event-id` or `if-none-match`.

use std::fmt;

/// Digits of a mark.
const MARK_DIGITS: usize = 8;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResumeToken {
    /// Upstream's revision; 0 if there is none.
    pub revision: u64,
    /// Of the body, where the revision is not enough.
    pub mark: Option<u32>,
}

impl ResumeToken {
    /// Reads what a client gave: quotes and `W/` may be there. `None` for what we never gave.
    pub fn read(given: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(given).ok()?.trim();
        let text = text.strip_prefix("W/").unwrap_or(text);
        let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        let (revision, mark) = match text.split_once('-') {
            Some((revision, mark)) => (revision, Some(read_mark(mark)?)),
            None => (text, None),
        };
        let is_decimal = !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit());
        is_decimal.then(|| revision.parse().ok())?.map(|revision| Self { revision, mark })
    }
}

fn read_mark(text: &str) -> Option<u32> {
    let is_hex = text.len() == MARK_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(text, 16).ok())?
}

impl fmt::Display for ResumeToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.revision)?;
        self.mark.map_or(Ok(()), |mark| write!(out, "-{mark:0MARK_DIGITS$x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_clients_give_back() {
        #[track_caller]
        fn check(given: &str, expected: Option<(u64, Option<u32>)>) {
            let read = ResumeToken::read(given.as_bytes()).map(|token| (token.revision, token.mark));
            assert_eq!(read, expected, "{given:?}");
        }
        check("42", Some((42, None)));
        check("\"42\"", Some((42, None)));
        check("W/\"42\"", Some((42, None)));
        check(" 42 ", Some((42, None)));
        check("18446744073709551615", Some((u64::MAX, None)));
        check("\"42-0000abcd\"", Some((42, Some(0xabcd))));
        for never_given in
            ["", "\"\"", "abc", "+42", "-42", "4 2", "42-", "42-abcd", "42-0000abcdef", "42-+000abcd"]
        {
            check(never_given, None);
        }
        check("18446744073709551616", None);
        check("\"1\", \"2\"", None);
        assert_eq!(ResumeToken::read(b"\xff"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(revision: u64, mark: Option<u32>) {
            let token = ResumeToken { revision, mark };
            prop_assert_eq!(ResumeToken::read(token.to_string().as_bytes()), Some(token));
            prop_assert_eq!(ResumeToken::read(format!("\"{token}\"").as_bytes()), Some(token));
        }

        #[test]
        fn anything_can_be_given(given: Vec<u8>) {
            let _ = ResumeToken::read(&given);
        }
    }
}
