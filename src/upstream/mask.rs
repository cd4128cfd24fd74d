//! Keeps secrets out of everything that may be printed.
//!
//! Upstream's error bodies may echo what we sent; they pass through [`excerpt`] before anyone sees them.

use super::limits::DETAIL_CHARS_MAX;
use crate::tokens::mask::mask;

/// The start of an error body on one line, with every text of `secrets` replaced.
pub(super) fn excerpt<'a>(body: &[u8], secrets: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, &mask(secret));
    }
    let line = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    line.collect::<Vec<_>>().join(" ").chars().take(DETAIL_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_one_short_masked_line() {
        let body = "bad token\r\n  *:dev.s3cret \u{1b}[31m and key-12345678".as_bytes();
        assert_eq!(excerpt(body, ["*:dev.s3cret", "key-12345678", ""]), "bad token *:dev.**** [31m and ****");
        assert_eq!(excerpt(&[b'x'; 9000], []).len(), DETAIL_CHARS_MAX);
        assert_eq!(excerpt(&[0xff, 0xfe], []), "\u{fffd}\u{fffd}");
    }
}
