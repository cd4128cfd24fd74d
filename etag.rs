//! `If-None-Match` against the current entity tag (RFC 9110 section 13.1.2), by weak comparison.
//!
//! Unleash Edge 20.4 only knows one strong value; lists, `*` and weak tags are accepted here because proxies that
//! recompress bodies weaken tags. Which methods and statuses may become 304 is the service's decision.

/// Whether the condition matches, so that the answer is 304.
///
/// `lines` are all `If-None-Match` lines. `tag` is the current strong tag with its quotes, as `etag` sends it.
/// A line is read up to the first thing that is no entity tag; tags before it count.
pub fn none_match<'a>(lines: impl Iterator<Item = &'a [u8]>, tag: &str) -> bool {
    debug_assert!(tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"'), "a strong tag has its quotes");
    let tag = tag.as_bytes();
    // Nearly every request has one line with the tag exactly as we sent it, or no longer the current one.
    lines.into_iter().any(|line| line == tag || line == b"*" || Tags { rest: line }.any(|found| found == tag))
}

/// The entity tags of one line, quotes included, weakness dropped. Ends at the first syntax error.
struct Tags<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Tags<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while let [b' ' | b'\t' | b',', rest @ ..] = self.rest {
            self.rest = rest;
        }
        let text = self.rest.strip_prefix(b"W/").unwrap_or(self.rest);
        // After an error nothing is left to read.
        let (tag, rest) = split_tag(text).unwrap_or_default();
        self.rest = rest;
        (!tag.is_empty()).then_some(tag)
    }
}

/// Splits a quoted tag off; a comma or the end must follow it. A comma inside the quotes belongs to the tag.
fn split_tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let opaque = text.strip_prefix(b"\"")?;
    let end = opaque.iter().position(|byte| !is_etagc(*byte)).filter(|end| opaque.get(*end) == Some(&b'"'))?;
    let (tag, rest) = text.split_at_checked(end + 2)?;
    let ends_well = matches!(rest.trim_ascii_start(), [] | [b',', ..]);
    ends_well.then_some((tag, rest))
}

/// RFC 9110 section 8.8.3: visible characters without the quote, and everything beyond ASCII.
fn is_etagc(byte: u8) -> bool {
    byte > b' ' && byte != b'"' && byte != 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TAG: &str = "\"1622-64242992792442176694802010148259247670\"";

    /// `TAG` in `lines` stands for the current tag.
    fn check(lines: &[&str], expected: bool) {
        let lines: Vec<String> = lines.iter().map(|line| line.replace("TAG", TAG)).collect();
        assert_eq!(none_match(lines.iter().map(|line| line.as_bytes()), TAG), expected, "{lines:?}");
    }

    #[test]
    fn the_current_tag_matches_in_every_form() {
        check(&["TAG"], true);
        check(&["W/TAG"], true);
        check(&["*"], true);
        check(&["\"a\", TAG"], true);
        check(&["\"a\",TAG,\"b\""], true);
        check(&[" ,, \"a,b\" ,\tW/TAG "], true);
        check(&["\"a\"", "TAG"], true);
        check(&["\"\", TAG"], true);
        check(&["TAG, broken"], true);
        check(&["broken", "TAG"], true);
    }

    #[test]
    fn anything_else_does_not() {
        check(&[], false);
        check(&[""], false);
        check(&[","], false);
        check(&["\"a\""], false);
        check(&["w/TAG"], false);
        check(&["W/ TAG"], false);
        check(&["TAGx"], false);
        check(&["TAG TAG"], false);
        check(&["\"a\" TAG"], false);
        check(&["broken, TAG"], false);
        check(&["\"a TAG"], false);
        check(&["\"*\""], false);
        check(&["*, \"a\""], false);
        check(&["\""], false);
        check(&["W/"], false);
        check(&[&TAG[1..TAG.len() - 1]], false);
        check(&[&TAG[..TAG.len() - 1]], false);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_bytes_are_read_to_an_end(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let tags: Vec<_> = Tags { rest: &line }.collect();
            for tag in tags {
                prop_assert!(tag.len() >= 2 && tag.starts_with(b"\"") && tag.ends_with(b"\""));
            }
        }

        #[test]
        fn a_list_matches_exactly_its_members(opaque in prop::collection::vec("[!#-~]{0,4}", 1..5), wanted in "[!#-~]{0,2}") {
            let line = opaque.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(", ");
            let found = none_match(std::iter::once(line.as_bytes()), &format!("\"{wanted}\""));
            prop_assert_eq!(found, opaque.contains(&wanted));
        }
    }
}
