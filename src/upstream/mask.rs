//! Keeps secrets out of everything that may be printed.
//!
//! Upstream's error bodies may echo what we sent; they pass through [`excerpt`] before anyone sees them.

use super::limits::DETAIL_CHARS_MAX;
use crate::tokens::mask::{HIDDEN, mask};

/// The start of an error body on one line, with every text of `secrets` replaced, and everything in token grammar: upstream
/// may name tokens of other calls.
pub(super) fn excerpt<'a>(body: &[u8], secrets: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, &mask(secret));
    }
    let line = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    line.map(without_tokens).collect::<Vec<_>>().join(" ").chars().take(DETAIL_CHARS_MAX).collect()
}

/// A word whose parts between quotes, brackets and the like are masked if they are tokens.
fn without_tokens(word: &str) -> String {
    let is_end = |sign: char| "\"'`,;&=?/<>()[]{}|".contains(sign);
    let masked = word.split_inclusive(is_end).map(|part| {
        let piece = part.trim_end_matches(is_end);
        let token = Some(mask(piece)).filter(|masked| masked != HIDDEN && !is_masked(piece));
        token.map_or_else(|| part.to_owned(), |token| part.replace(piece, &token))
    });
    masked.collect()
}

/// What a mask has left of a token: masked again it would show less.
fn is_masked(piece: &str) -> bool {
    let shown = piece.strip_suffix(HIDDEN).and_then(|shown| shown.rsplit('.').next());
    shown.is_some_and(|shown| shown.len() <= 4 || shown.starts_with("v2_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_one_short_masked_line() {
        let body = "bad token\r\n  *:dev.s3cret \u{1b}[31m and key-12345678".as_bytes();
        assert_eq!(excerpt(body, ["*:dev.s3cret", "key-12345678", ""]), "bad token *:dev.**** [31m and ****");
        let body = br#"{"message":"neither *:dev.0123456789abcdef, p:e.x nor http://h:80/a.b"}"#;
        let masked = r#"{"message":"neither *:dev.0123****, p:e.**** nor http://h:80/a.b"}"#;
        assert_eq!(excerpt(body, []), masked);
        assert_eq!(excerpt(b"*:dev.hunter2****", []), "*:dev.****");
        assert_eq!(excerpt(b"*:dev.0123456789abcdef", ["*:dev.0123456789abcdef"]), "*:dev.0123****");
        assert_eq!(excerpt(&[b'x'; 9000], []).len(), DETAIL_CHARS_MAX);
        assert_eq!(excerpt(&[0xff, 0xfe], []), "\u{fffd}\u{fffd}");
    }
}
