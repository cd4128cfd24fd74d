//! `If-None-Match` (RFC 9110 13.1.2): whether the client has what we would send.

/// True if the client's list names the tag, by weak comparison, or is `*`: answer 304.
///
/// `lines` are all `If-None-Match` lines; `tag` is a strong tag with its quotes. A list ends where it stops being one.
pub fn none_match<'l>(lines: impl Iterator<Item = &'l [u8]>, tag: &str) -> bool {
    let mut lines = lines;
    lines.any(|line| line == tag.as_bytes() || line == b"*" || list_names(line, tag))
}

fn list_names(line: &[u8], tag: &str) -> bool {
    let mut rest = line;
    while let Some((found, after)) = next_tag(rest) {
        if found == tag.as_bytes() {
            return true;
        }
        rest = after;
    }
    false
}

/// The next tag, its `W/` left out, and what follows its comma. A comma may stand inside the quotes.
fn next_tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let skipped = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b',')).count();
    let text = text.get(skipped..)?;
    let quoted = text.strip_prefix(b"W/").unwrap_or(text);
    let close = quoted.strip_prefix(b"\"")?.iter().position(|byte| *byte == b'"')? + 1;
    let after = quoted.get(close + 1..)?.trim_ascii_start();
    let is_element = after.is_empty() || after.starts_with(b",");
    is_element.then_some((quoted.get(..=close)?, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_compared_weakly() {
        let check = |lines: &[&str], tag, expected| {
            let found = none_match(lines.iter().map(|line| line.as_bytes()), tag);
            assert_eq!(found, expected, "{lines:?} against {tag}");
        };
        check(&["\"a\""], "\"a\"", true);
        check(&["W/\"a\""], "\"a\"", true);
        check(&["\"b\""], "\"a\"", false);
        check(&["\"b\", \"a\""], "\"a\"", true);
        check(&["\"b\"", "W/\"c\" , W/\"a\""], "\"a\"", true);
        check(&["*"], "\"a\"", true);
        check(&["\"*\""], "\"a\"", false);
        check(&["\"b,\\", "\"a\""], "\"a\"", true);
        check(&["\"x,y\", \"a,b\""], "\"a,b\"", true);
        check(&["a"], "\"a\"", false);
        check(&["\"a"], "\"a\"", false);
        check(&[""], "\"a\"", false);
        check(&[], "\"a\"", false);
        check(&["\"aa\""], "\"a\"", false);
        check(&["\"A\""], "\"a\"", false);
        check(&["\"a\"x"], "\"a\"", false);
        check(&["\"b\" \"a\""], "\"a\"", false);
        check(&["w/\"a\""], "\"a\"", false);
        check(&["x, \"a\""], "\"a\"", false);
        check(&[", ,\"a\""], "\"a\"", true);
    }

    proptest! {
        #[test]
        fn a_tag_is_found_among_others(before in "[a-z0-9,-]{0,8}", after in "[a-z0-9,-]{0,8}") {
            let line = format!("W/\"{before}x\",\"t-1\" , \"{after}\"");
            prop_assert!(none_match([line.as_bytes()].into_iter(), "\"t-1\""));
        }

        #[test]
        fn no_bytes_panic(line in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = none_match([line.as_slice()].into_iter(), "\"a\"");
        }
    }
}
