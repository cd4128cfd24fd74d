//! Entity tags in the form of Unleash Edge 20.4: `"<length>-<xxh3-128 as a decimal number>"`, strong.
//!
//! The tag is computed over the identity body and serves all its encodings, as the reference does. It is a
//! value without allocation, so that a shard can make one for a body it assembled itself.

use std::fmt;
use std::io::Write;
use std::ops::Deref;
use xxhash_rust::xxh3::xxh3_128;

/// Two quotes, a dash, 20 digits of length and 39 digits of hash.
const TEXT_BYTES_MAX: usize = 62;

/// An entity tag, quotes included.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Etag {
    text: [u8; TEXT_BYTES_MAX],
    text_bytes: usize,
}

impl Etag {
    /// The tag of a body.
    pub fn of(body: &[u8]) -> Self {
        let mut text = [0; TEXT_BYTES_MAX];
        let mut rest = &mut text[..];
        let written = write!(rest, "\"{}-{}\"", body.len(), xxh3_128(body));
        debug_assert!(written.is_ok(), "the longest tag fits");
        let text_bytes = TEXT_BYTES_MAX - rest.len();
        Self { text, text_bytes }
    }

    /// The lower half of a half of the hash: enough to tell a few bodies apart.
    pub fn mark(&self) -> u32 {
        let digits = self.as_str().trim_matches('"').rsplit('-').next().unwrap_or_default();
        // Cutting off is what is meant.
        digits.parse::<u128>().unwrap_or_default() as u32
    }

    /// The tag as it stands in the header.
    pub fn as_str(&self) -> &str {
        let text = self.text.get(..self.text_bytes).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl Deref for Etag {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Debug for Etag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Etag({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_that_of_the_reference() {
        assert_eq!(Etag::of(b"null").as_str(), "\"4-292691467350511291627521268689328549594\"");
    }

    #[test]
    fn the_longest_tag_fits() {
        let longest = format!("\"{}-{}\"", u64::MAX, u128::MAX);
        assert_eq!(longest.len(), TEXT_BYTES_MAX);
    }
}
