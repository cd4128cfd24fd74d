//! `If-None-Match` (RFC 9110 13.1.2): whether the client has what we would send.

/// True if the client's list names the tag, by weak comparison, or is `*`: answer 304.
///
/// `lines` are all `If-None-Match` lines; `tag` is a strong tag with its quotes. What is not a tag is skipped.
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

/// The next quoted tag, its `W/` left out, and what follows it. A comma may stand inside the quotes.
fn next_tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let open = text.iter().position(|byte| *byte == b'"')?;
    let body = text.get(open + 1..)?;
    let close = body.iter().position(|byte| *byte == b'"')?;
    Some((text.get(open..open + close + 2)?, body.get(close + 1..)?))
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
