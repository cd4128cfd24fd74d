//! Looks for a text in what a stream brings, in whatever pieces. Pure.

/// More than any text that is looked for.
const TEXT_BYTES_MAX: usize = 32;
/// `HTTP/1.1 200`, of which the last three say how it goes.
const STATUS_BYTES: usize = 12;

/// What a piece has brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The answer's first bytes were in it.
    pub begins: bool,
    /// The text has come.
    pub found: bool,
    /// It is no stream: the beginning of its head.
    pub refused: Option<String>,
}

/// The state of one stream.
#[derive(Default)]
pub struct Scan {
    /// The end of what has come, as far as a text might have begun in it; before that the status line.
    tail: Vec<u8>,
    has_begun: bool,
    /// Empty while nothing is looked for.
    text: Vec<u8>,
}

impl Scan {
    /// From now on this text is looked for, until it has come once.
    pub fn look_for(&mut self, text: &[u8]) {
        debug_assert!(text.len() <= TEXT_BYTES_MAX);
        self.text = text.to_vec();
    }

    pub fn feed(&mut self, bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        if !self.has_begun {
            self.tail.extend_from_slice(bytes.get(..bytes.len().min(STATUS_BYTES)).unwrap_or_default());
            if self.tail.len() < STATUS_BYTES {
                return seen;
            }
            self.has_begun = true;
            seen.begins = true;
            if self.tail.get(9..STATUS_BYTES) != Some(b"200") {
                self.tail.truncate(STATUS_BYTES);
                seen.refused = Some(String::from_utf8_lossy(&self.tail).into_owned());
            }
            self.tail.clear();
        }
        if !self.text.is_empty() && self.holds_text(bytes) {
            seen.found = true;
            self.text.clear();
        }
        self.keep(bytes);
        seen
    }

    fn holds_text(&self, bytes: &[u8]) -> bool {
        let across = self.text.len() - 1;
        let mut seam = self.tail.get(self.tail.len().saturating_sub(across)..).unwrap_or_default().to_vec();
        seam.extend_from_slice(bytes.get(..bytes.len().min(across)).unwrap_or_default());
        let holds = |place: &[u8]| place.windows(self.text.len()).any(|window| window == self.text);
        holds(&seam) || holds(bytes)
    }

    fn keep(&mut self, bytes: &[u8]) {
        let last = bytes.get(bytes.len().saturating_sub(TEXT_BYTES_MAX)..).unwrap_or_default();
        self.tail.extend_from_slice(last);
        let surplus = self.tail.len().saturating_sub(TEXT_BYTES_MAX);
        self.tail.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

    proptest! {
        #[test]
        fn a_text_is_found_once_however_it_comes(
            before in "[a-f-]{0,60}",
            after in "[a-f-]{0,60}",
            cuts in prop::collection::vec(1..20_usize, 1..9),
        ) {
            let text = b"flip-00000001-x";
            let wire = [HEAD, before.as_bytes(), text, after.as_bytes(), text].concat();
            let mut scan = Scan::default();
            scan.look_for(text);
            let (mut rest, mut begins, mut found_at) = (&*wire, 0, Vec::new());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                rest = behind;
                let seen = scan.feed(piece);
                prop_assert_eq!(seen.refused, None);
                begins += usize::from(seen.begins);
                if seen.found {
                    found_at.push(wire.len() - rest.len());
                }
            }
            let end = HEAD.len() + before.len() + text.len();
            prop_assert_eq!(begins, 1);
            prop_assert_eq!(found_at.len(), 1);
            prop_assert!((end..end + 20).contains(&found_at[0]));
        }
    }

    #[test]
    fn refusals_are_told() {
        let mut scan = Scan::default();
        assert_eq!(scan.feed(b"HTTP/1.1"), Seen::default());
        assert_eq!(scan.feed(b" 429 Too").refused.as_deref(), Some("HTTP/1.1 429"));
    }
}
