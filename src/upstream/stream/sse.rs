//! Server-sent events, incrementally: bytes in, events out (WHATWG HTML, section 9.2.6).
//!
//! Pure. Any split of the bytes gives the same events. Differs from the text of the standard in two points: `data` stays
//! bytes, so that whoever reads it can refuse what is not UTF-8 instead of working with replacement characters, and comments
//! are told, since they show how often the other side speaks. An event that is not complete when the stream ends is dropped
//! with the parser.

use std::time::Duration;

/// What a stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An event with data.
    Event(Event),
    /// How long to wait before a new connection.
    Retry(Duration),
    /// A line that means nothing: the other side is alive.
    Comment,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its type; empty if none was given.
    pub name: String,
    /// Its lines, joined by line feeds.
    pub data: Vec<u8>,
    /// The id in force: its own, else that of an earlier event of the connection. Empty if the stream says so.
    pub id: Option<String>,
}

/// An event, or a line, is longer than allowed. The parser is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// Reads one connection's stream.
#[derive(Debug)]
pub struct Parser {
    bytes_max: usize,
    /// The line that is not complete yet.
    line: Vec<u8>,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
    /// No line was complete yet: a byte order mark may be in front.
    at_start: bool,
    name: String,
    data: Vec<u8>,
    id: Option<String>,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Parser {
    /// `bytes_max` bounds a line, and the data of an event.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            line: Vec::new(),
            after_cr: false,
            at_start: true,
            name: String::new(),
            data: Vec::new(),
            id: None,
        }
    }

    /// Takes the next bytes and hands out what is complete.
    ///
    /// # Errors
    /// If a line or an event exceeds the bound. What was complete before has been handed out.
    pub fn feed(&mut self, bytes: &[u8], mut take: impl FnMut(Item)) -> Result<(), TooLarge> {
        let mut rest = bytes;
        while let Some((&first, after)) = rest.split_first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                rest = after;
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
            if self.line.len() + part.len() > self.bytes_max {
                return Err(TooLarge);
            }
            self.line.extend_from_slice(part);
            rest = after;
            if let Some((&ending, after)) = rest.split_first() {
                self.after_cr = ending == b'\r';
                rest = after;
                let line = std::mem::take(&mut self.line);
                self.end_line(&line, &mut take)?;
            }
        }
        Ok(())
    }

    fn end_line(&mut self, line: &[u8], take: &mut impl FnMut(Item)) -> Result<(), TooLarge> {
        let is_first = std::mem::take(&mut self.at_start);
        let line = line.strip_prefix(BYTE_ORDER_MARK).filter(|_| is_first).unwrap_or(line);
        if line.is_empty() {
            self.dispatch(take);
            return Ok(());
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = match colon {
            Some(at) => (line.get(..at).unwrap_or_default(), line.get(at + 1..).unwrap_or_default()),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"" => take(Item::Comment),
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"data" => self.add(value)?,
            b"id" if !value.contains(&0) => self.id = Some(String::from_utf8_lossy(value).into_owned()),
            b"retry" => take_retry(value, take),
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, value: &[u8]) -> Result<(), TooLarge> {
        if self.data.len() + value.len() >= self.bytes_max {
            return Err(TooLarge);
        }
        self.data.extend_from_slice(value);
        self.data.push(b'\n');
        Ok(())
    }

    fn dispatch(&mut self, take: &mut impl FnMut(Item)) {
        let name = std::mem::take(&mut self.name);
        let mut data = std::mem::take(&mut self.data);
        // Without a line of data it is none; one empty line is.
        if data.pop().is_some() {
            take(Item::Event(Event { name, data, id: self.id.clone() }));
        }
    }
}

fn take_retry(value: &[u8], take: &mut impl FnMut(Item)) {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).unwrap_or_default();
    if digits {
        // More digits than fit mean "very long"; whoever waits has a cap.
        take(Item::Retry(Duration::from_millis(text.parse().unwrap_or(u64::MAX))));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(parts: &[&[u8]]) -> Vec<Item> {
        let (mut parser, mut items) = (Parser::new(1_000), Vec::new());
        for part in parts {
            parser.feed(part, |item| items.push(item)).expect("short");
        }
        items
    }

    fn event(name: &str, data: &str, id: Option<&str>) -> Item {
        let (name, data, id) = (name.to_owned(), data.as_bytes().to_vec(), id.map(str::to_owned));
        Item::Event(Event { name, data, id })
    }

    /// With each of the three line endings, in one piece and byte by byte.
    #[track_caller]
    fn check(text: &str, expected: &[Item]) {
        for ending in ["\n", "\r", "\r\n"] {
            let text = text.replace('\n', ending);
            assert_eq!(read(&[text.as_bytes()]), expected, "{text:?}");
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(read(&bytes), expected, "{text:?} byte by byte");
        }
    }

    #[test]
    fn the_stream_of_an_unleash() {
        check(
            "event: unleash-connected\nid: 42\ndata: {\"events\":[]}\n\n: keep-alive\n\nevent: unleash-updated\ndata: x\n\n",
            &[
                event("unleash-connected", "{\"events\":[]}", Some("42")),
                Item::Comment,
                event("unleash-updated", "x", Some("42")),
            ],
        );
    }

    #[test]
    fn fields() {
        check("data: a\ndata:b\ndata\ndata:  c\n\n", &[event("", "a\nb\n\n c", None)]);
        check("data\n\n", &[event("", "", None)]);
        check("event: x\nid: 7\n\ndata: a\n\n", &[event("", "a", Some("7"))]);
        check(
            "id: 7\nid: 8\ndata: a\n\nid\ndata: b\n\n",
            &[event("", "a", Some("8")), event("", "b", Some(""))],
        );
        check("id: 1\0\ndata: a\n\n", &[event("", "a", None)]);
        check("event: a\nevent: b\ndata: 1\n\ndata: 2\n\n", &[event("b", "1", None), event("", "2", None)]);
        check("other: x\ndatas: y\n data: z\nDATA: w\n\n", &[]);
        check("\n\n\n:\n:x\n", &[Item::Comment, Item::Comment]);
        check("data: cut off", &[]);
        check("data: cut off\n", &[]);
    }

    #[test]
    fn retries() {
        let millis = |millis| Item::Retry(Duration::from_millis(millis));
        check("retry: 1500\n", &[millis(1_500)]);
        check("retry:0\n", &[millis(0)]);
        check("retry: 99999999999999999999999\n", &[millis(u64::MAX)]);
        for bad in ["", "-1", "+1", "1.5", "1 ", "x"] {
            check(&format!("retry: {bad}\n"), &[]);
        }
    }

    #[test]
    fn a_byte_order_mark_counts_at_the_start_only() {
        check("\u{feff}data: a\n\n", &[event("", "a", None)]);
        check("\u{feff}\n\u{feff}data: a\n\n", &[]);
    }

    #[test]
    fn data_stays_as_it_came() {
        let items = read(&[b"data: \xff\xfe\nevent: \xff\n\n"]);
        let expected = Event { name: "\u{fffd}".into(), data: b"\xff\xfe".to_vec(), id: None };
        assert_eq!(items, [Item::Event(expected)]);
    }

    #[test]
    fn lines_and_events_are_bounded() {
        let feed = |text: String| Parser::new(100).feed(text.as_bytes(), |_| {});
        assert_eq!(feed(format!("data: {}\n\n", "x".repeat(94))), Ok(()));
        assert_eq!(feed(format!("data: {}", "x".repeat(95))), Err(TooLarge));
        assert_eq!(feed("data: 1234567890\n".repeat(9)), Ok(()));
        assert_eq!(feed("data: 1234567890\n".repeat(10)), Err(TooLarge));
        assert_eq!(feed("data: 1234567890\n\n".repeat(50)), Ok(()));
        let (mut parser, mut items) = (Parser::new(20), Vec::new());
        let result =
            parser.feed(format!("data: a\n\n{}", "x".repeat(21)).as_bytes(), |item| items.push(item));
        assert_eq!((result, items), (Err(TooLarge), vec![event("", "a", None)]));
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop::sample::select(vec![
            &b"data"[..],
            b"event",
            b"id",
            b"retry",
            b":",
            b" ",
            b"\r",
            b"\n",
            b"\r\n",
            b"\n\n",
            b"7",
            b"x",
            b"\0",
            b"\xEF\xBB\xBF",
            b"\xff",
        ]);
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_split_reads_alike(bytes in stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let whole = read(&[&bytes]);
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let parts: Vec<&[u8]> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&parts), whole);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Parser::new(40).feed(&bytes, |_| {});
        }
    }
}
