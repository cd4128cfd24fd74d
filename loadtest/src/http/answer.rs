//! Finds the end of an answer to GET: by length, by chunks, by status, or by the connection's end
//! (RFC 9112 section 6.3). Never reads beyond it, so that a following answer stays in the buffer.

/// Longest head that is accepted.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Longest line with a chunk's size or a trailer field.
const LINE_BYTES_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 96;

/// The answer is not HTTP as we know it; the connection is of no use any more.
#[derive(Debug, PartialEq, Eq)]
pub enum Broken {
    Head,
    Length,
    Chunk,
    /// The connection ended within an answer.
    CutShort,
}

/// How far the answer is.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// All bytes are used up and the answer goes on.
    More,
    /// The answer is complete; `used` bytes belonged to it.
    Done { used: usize },
}

/// What comes next.
#[derive(Debug)]
enum Stage {
    Head,
    /// So many bytes of body are missing.
    Length(u64),
    ChunkSize,
    /// So many bytes of the chunk and of its line end are missing.
    ChunkBytes(u64),
    Trailer,
    UntilClose,
    Done,
}

/// Reads one answer at a time.
#[derive(Debug)]
pub struct AnswerReader {
    stage: Stage,
    /// The head, kept for look-ups until the next answer begins.
    head: Vec<u8>,
    /// An unfinished line between chunks.
    line: Vec<u8>,
    status: u16,
    body_bytes: u64,
    closes: bool,
}

impl AnswerReader {
    pub fn new() -> Self {
        Self {
            stage: Stage::Head,
            head: Vec::new(),
            line: Vec::new(),
            status: 0,
            body_bytes: 0,
            closes: false,
        }
    }

    /// Gets ready for the next answer; buffers are kept.
    pub fn reset(&mut self) {
        self.stage = Stage::Head;
        self.head.clear();
        self.line.clear();
        self.body_bytes = 0;
        self.closes = false;
    }

    /// The status of the answer; 0 before its head is complete.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Bytes of the body so far, without framing.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// The server will close the connection after this answer.
    pub fn closes(&self) -> bool {
        self.closes
    }

    /// A header of the answer, once its head is complete.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Response::new(&mut fields);
        parsed.parse(&self.head).ok()?;
        let field = parsed.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(field.value).into_owned())
    }

    /// Takes the next bytes of the connection.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, Broken> {
        let mut rest = bytes;
        loop {
            if matches!(self.stage, Stage::Done) {
                return Ok(Progress::Done { used: bytes.len() - rest.len() });
            }
            if rest.is_empty() {
                return Ok(Progress::More);
            }
            rest = self.step(rest)?;
        }
    }

    /// Tells the reader that the connection ended. Ok if the answer is complete by that.
    pub fn end(&mut self) -> Result<(), Broken> {
        match self.stage {
            Stage::Done | Stage::UntilClose => {
                self.stage = Stage::Done;
                Ok(())
            }
            _ => Err(Broken::CutShort),
        }
    }

    fn step<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Broken> {
        match self.stage {
            Stage::Head => self.take_head(bytes),
            Stage::Length(missing) => {
                let (rest, missing) = self.take_body(bytes, missing);
                self.stage = if missing == 0 { Stage::Done } else { Stage::Length(missing) };
                Ok(rest)
            }
            Stage::UntilClose => {
                self.body_bytes += bytes.len() as u64;
                Ok(&[])
            }
            Stage::ChunkSize => self.take_line(bytes, Self::begin_chunk),
            Stage::ChunkBytes(missing) => self.take_chunk(bytes, missing),
            Stage::Trailer => self.take_line(bytes, Self::end_trailer),
            Stage::Done => Ok(bytes),
        }
    }

    fn take_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Broken> {
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Response::new(&mut fields);
        match parsed.parse(&self.head) {
            Ok(httparse::Status::Partial) if self.head.len() > HEAD_BYTES_MAX => Err(Broken::Head),
            Ok(httparse::Status::Partial) => Ok(&[]),
            Ok(httparse::Status::Complete(length)) => {
                self.status = parsed.code.unwrap_or(0);
                (self.stage, self.closes) = framing(self.status, parsed.headers)?;
                self.head.truncate(length);
                Ok(bytes.get(length - before..).unwrap_or_default())
            }
            Err(_) => Err(Broken::Head),
        }
    }

    fn take_body<'a>(&mut self, bytes: &'a [u8], missing: u64) -> (&'a [u8], u64) {
        let here = usize::try_from(missing).unwrap_or(usize::MAX).min(bytes.len());
        self.body_bytes += here as u64;
        (&bytes[here..], missing - here as u64)
    }

    /// Collects a line, and hands it on without its end once it is complete.
    fn take_line<'a>(
        &mut self,
        bytes: &'a [u8],
        finish: fn(&mut Self, &str) -> Result<(), Broken>,
    ) -> Result<&'a [u8], Broken> {
        let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
            self.line.extend_from_slice(bytes);
            return if self.line.len() > LINE_BYTES_MAX { Err(Broken::Chunk) } else { Ok(&[]) };
        };
        let (line, rest) = bytes.split_at(end + 1);
        self.line.extend_from_slice(line);
        let whole = String::from_utf8(std::mem::take(&mut self.line)).map_err(|_| Broken::Chunk)?;
        finish(self, whole.trim_end())?;
        Ok(rest)
    }

    fn begin_chunk(&mut self, line: &str) -> Result<(), Broken> {
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).map_err(|_| Broken::Chunk)?;
        let with_line_end = size.checked_add(2).ok_or(Broken::Chunk)?;
        self.stage = if size == 0 { Stage::Trailer } else { Stage::ChunkBytes(with_line_end) };
        Ok(())
    }

    fn take_chunk<'a>(&mut self, bytes: &'a [u8], missing: u64) -> Result<&'a [u8], Broken> {
        if missing <= 2 {
            // The chunk itself is complete; this is the line end behind it.
            let wanted = if missing == 2 { b'\r' } else { b'\n' };
            let (&first, rest) = bytes.split_first().ok_or(Broken::Chunk)?;
            self.stage = if missing == 2 { Stage::ChunkBytes(1) } else { Stage::ChunkSize };
            return if first == wanted { Ok(rest) } else { Err(Broken::Chunk) };
        }
        let (rest, missing) = self.take_body(bytes, missing - 2);
        self.stage = Stage::ChunkBytes(missing + 2);
        Ok(rest)
    }

    fn end_trailer(&mut self, line: &str) -> Result<(), Broken> {
        if line.is_empty() {
            self.stage = Stage::Done;
        }
        Ok(())
    }
}

/// How the body of an answer to GET is delimited, and whether the connection closes after it.
fn framing(status: u16, headers: &[httparse::Header<'_>]) -> Result<(Stage, bool), Broken> {
    let value = |name: &str| {
        headers.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    };
    let closes = value("connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
    if status < 200 || status == 204 || status == 304 {
        return Ok((Stage::Done, closes));
    }
    if value("transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().ends_with(b"chunked")) {
        return Ok((Stage::ChunkSize, closes));
    }
    let Some(length) = value("content-length") else { return Ok((Stage::UntilClose, true)) };
    let text = std::str::from_utf8(length).map_err(|_| Broken::Length)?;
    match text.trim().parse() {
        Ok(0) => Ok((Stage::Done, closes)),
        Ok(missing) => Ok((Stage::Length(missing), closes)),
        Err(_) => Err(Broken::Length),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\nhello";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nt: v\r\n\r\n";
    const BARE: &[u8] = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n";
    const EMPTY: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    /// Feeds an answer in pieces cut at `cuts`, followed by bytes of the next one.
    fn read(answer: &[u8], cuts: &[usize]) -> Result<(u16, u64, usize), Broken> {
        let mut stream = answer.to_vec();
        stream.extend_from_slice(b"HTTP/1.1 ");
        let mut reader = AnswerReader::new();
        let mut edges: Vec<usize> =
            cuts.iter().map(|cut| cut % stream.len()).chain([0, stream.len()]).collect();
        edges.sort_unstable();
        for edge in edges.windows(2) {
            if let Progress::Done { used } = reader.feed(&stream[edge[0]..edge[1]])? {
                return Ok((reader.status(), reader.body_bytes(), edge[0] + used));
            }
        }
        Err(Broken::CutShort)
    }

    #[test]
    fn the_end_of_an_answer_is_found() {
        let check = |answer: &[u8], status, body| {
            assert_eq!(
                read(answer, &[]),
                Ok((status, body, answer.len())),
                "{}",
                String::from_utf8_lossy(answer)
            );
        };
        check(LENGTH, 200, 5);
        check(CHUNKED, 200, 13);
        check(BARE, 304, 0);
        check(EMPTY, 403, 0);
    }

    #[test]
    fn broken_answers_are_refused() {
        let check = |answer: &[u8], wanted| assert_eq!(read(answer, &[]), Err(wanted));
        check(b"SMTP ready\r\n\r\n", Broken::Head);
        check(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", Broken::Length);
        check(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", Broken::Chunk);
        check(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc", Broken::Chunk);
        check(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort", Broken::CutShort);
    }

    #[test]
    fn a_body_may_run_to_the_end_of_the_connection() {
        let mut reader = AnswerReader::new();
        assert_eq!(reader.feed(b"HTTP/1.1 200 OK\r\n\r\nabc"), Ok(Progress::More));
        assert_eq!(reader.end(), Ok(()));
        assert_eq!(reader.body_bytes(), 3);
        assert!(reader.closes());
    }

    #[test]
    fn headers_are_looked_up_after_the_head() {
        let mut reader = AnswerReader::new();
        assert_eq!(reader.feed(LENGTH), Ok(Progress::Done { used: LENGTH.len() }));
        assert_eq!(reader.header("etag").as_deref(), Some("\"x\""));
        assert_eq!(reader.header("vary"), None);
        reader.reset();
        assert_eq!(reader.feed(EMPTY), Ok(Progress::Done { used: EMPTY.len() }));
        assert!(reader.closes());
    }

    proptest! {
        #[test]
        fn any_split_reads_alike(which in 0..4usize, cuts in prop::collection::vec(0..400usize, 0..6)) {
            let answer = [LENGTH, CHUNKED, BARE, EMPTY][which];
            prop_assert_eq!(read(answer, &cuts), read(answer, &[]));
        }
    }
}
