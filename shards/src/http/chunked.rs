//! Chunked bodies (RFC 9112 7.1), decoded as they arrive.
//!
//! Strict: CRLF only, plain hexadecimal sizes. Extensions and trailers are read and dropped, within bounds. The
//! result does not depend on how the input is split.

use super::limits::{CHUNK_LINE_BYTES_MAX, EXTENSION_BYTES_MAX, TRAILER_BYTES_MAX};

/// Sixteen hexadecimal digits are the longest size that can be meant.
const SIZE_DIGITS_MAX: usize = 16;

/// Why a body cannot be decoded. The connection must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkError {
    /// The grammar is broken, or a size line or the trailers are too long.
    Malformed,
    /// The body is longer than allowed.
    TooLarge,
}

/// What one piece of input came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkProgress {
    /// Bytes of the input that belong to the body.
    pub consumed: usize,
    /// The body is complete; the rest of the input is the next request's.
    pub done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In a chunk's size line; `digits` of its size read so far, `line` bytes of the line.
    Size {
        size: u64,
        digits: usize,
        line: usize,
    },
    /// Behind the size, in blanks that only an extension may end.
    Blank {
        size: u64,
        line: usize,
    },
    /// In an extension.
    Extension {
        size: u64,
        line: usize,
    },
    /// The size line's CR has come.
    SizeEnd {
        size: u64,
    },
    /// In a chunk's data.
    Data {
        left: u64,
    },
    /// Behind the data, CR expected.
    DataEnd,
    /// Behind the data's CR.
    DataLineFeed,
    /// At the start of a trailer line, or the end.
    TrailerStart,
    /// In a trailer line.
    Trailer,
    /// A trailer line's CR has come.
    TrailerLineFeed,
    /// The last CR has come.
    End,
    Done,
}

/// Decodes one body.
#[derive(Debug)]
pub struct ChunkedDecoder {
    state: State,
    limit: u64,
    decoded: u64,
    extensions: usize,
    trailers: usize,
}

const SIZE_START: State = State::Size { size: 0, digits: 0, line: 0 };

impl ChunkedDecoder {
    /// For a body of at most `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self { state: SIZE_START, limit, decoded: 0, extensions: 0, trailers: 0 }
    }

    /// Takes input, appends data to `out`.
    ///
    /// # Errors
    /// See [`ChunkError`]; the decoder is of no use afterwards.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<ChunkProgress, ChunkError> {
        let mut consumed = 0;
        while let Some(rest) = input.get(consumed..).filter(|rest| !rest.is_empty()) {
            if self.state == State::Done {
                break;
            }
            consumed += match self.state {
                State::Data { left } => self.copy(left, rest, out),
                _ => {
                    self.step(rest.first().copied().unwrap_or_default())?;
                    1
                }
            };
        }
        Ok(ChunkProgress { consumed, done: self.state == State::Done })
    }

    fn copy(&mut self, left: u64, input: &[u8], out: &mut Vec<u8>) -> usize {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        out.extend_from_slice(input.get(..taken).unwrap_or_default());
        let left = left - taken as u64;
        self.state = if left == 0 { State::DataEnd } else { State::Data { left } };
        taken
    }

    fn step(&mut self, byte: u8) -> Result<(), ChunkError> {
        self.state = match (self.state, byte) {
            (State::Size { size, digits, line }, _) => return self.step_size(size, digits, line, byte),
            (State::Extension { size, .. }, b'\r') => State::SizeEnd { size },
            (State::Extension { size, line }, _) if is_text(byte) => self.extend(size, line)?,
            (State::Blank { size, line }, b';') => self.extend(size, line)?,
            (State::Blank { size, line }, b' ' | b'\t') if line < CHUNK_LINE_BYTES_MAX => {
                State::Blank { size, line: line + 1 }
            }
            (State::SizeEnd { size }, b'\n') => self.begin_chunk(size)?,
            (State::DataEnd, b'\r') => State::DataLineFeed,
            (State::DataLineFeed, b'\n') => SIZE_START,
            (State::TrailerStart, b'\r') => State::End,
            (State::Trailer, b'\r') => State::TrailerLineFeed,
            // A blank at the start of a line would continue the line before: obsolete, and read in two ways.
            (State::TrailerStart, b' ' | b'\t') => return Err(ChunkError::Malformed),
            (State::TrailerStart | State::Trailer, _) if is_text(byte) => self.count_trailer()?,
            (State::TrailerLineFeed, b'\n') => State::TrailerStart,
            (State::End, b'\n') => State::Done,
            _ => return Err(ChunkError::Malformed),
        };
        Ok(())
    }

    fn step_size(&mut self, size: u64, digits: usize, line: usize, byte: u8) -> Result<(), ChunkError> {
        self.state = match (char::from(byte).to_digit(16), byte) {
            (Some(digit), _) if digits < SIZE_DIGITS_MAX => {
                State::Size { size: size << 4 | u64::from(digit), digits: digits + 1, line: line + 1 }
            }
            (None, b'\r') if digits > 0 => State::SizeEnd { size },
            (None, b';') if digits > 0 => self.extend(size, line)?,
            (None, b' ' | b'\t') if digits > 0 => State::Blank { size, line: line + 1 },
            _ => return Err(ChunkError::Malformed),
        };
        Ok(())
    }

    fn extend(&mut self, size: u64, line: usize) -> Result<State, ChunkError> {
        self.extensions += 1;
        if line >= CHUNK_LINE_BYTES_MAX || self.extensions > EXTENSION_BYTES_MAX {
            return Err(ChunkError::Malformed);
        }
        Ok(State::Extension { size, line: line + 1 })
    }

    fn begin_chunk(&mut self, size: u64) -> Result<State, ChunkError> {
        if size == 0 {
            return Ok(State::TrailerStart);
        }
        self.decoded = self.decoded.checked_add(size).ok_or(ChunkError::TooLarge)?;
        if self.decoded > self.limit {
            return Err(ChunkError::TooLarge);
        }
        Ok(State::Data { left: size })
    }

    fn count_trailer(&mut self) -> Result<State, ChunkError> {
        self.trailers += 1;
        if self.trailers > TRAILER_BYTES_MAX {
            return Err(ChunkError::Malformed);
        }
        Ok(State::Trailer)
    }
}

/// What may stand in an extension or a trailer line.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(parts: &[&[u8]], limit: u64) -> Result<(Vec<u8>, usize, bool), ChunkError> {
        let mut decoder = ChunkedDecoder::new(limit);
        let (mut out, mut consumed, mut done) = (Vec::new(), 0, false);
        for part in parts {
            let progress = decoder.decode(part, &mut out)?;
            consumed += progress.consumed;
            done = progress.done;
        }
        Ok((out, consumed, done))
    }

    #[track_caller]
    fn check(input: &str, expected: Result<(&str, usize), ChunkError>) {
        let whole = decode(&[input.as_bytes()], 20);
        let by_byte: Vec<&[u8]> = input.as_bytes().chunks(1).collect();
        assert_eq!(whole.is_ok(), decode(&by_byte, 20).is_ok(), "{input:?}");
        let expected = expected.map(|(body, consumed)| (body.as_bytes().to_vec(), consumed, true));
        assert_eq!(whole, expected, "{input:?}");
    }

    #[test]
    fn bodies_are_put_together() {
        check("0\r\n\r\n", Ok(("", 5)));
        check("5\r\nhello\r\n0\r\n\r\nGET", Ok(("hello", 15)));
        check("005\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n", Ok(("hello0123456789", 32)));
        check("5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n", Ok(("hello", 27)));
        check("1\r\nx\r\n0\r\na: b\r\nc: d\r\n\r\n", Ok(("x", 23)));
        check("1 \t; a\r\nx\r\n0\r\n\r\n", Ok(("x", 16)));
    }

    #[test]
    fn what_others_might_read_differently_is_refused() {
        for input in [
            "\r\n",
            "x\r\n",
            "5\nhello",
            "5\r\nhello\n",
            "5\r\nhelloo",
            "+5\r\n",
            "0x5\r\n",
            " 5\r\n",
            "5_0\r\n",
            "-1\r\n",
            "5\r\nhello\r\n0\r\n\n",
            "5;\u{0}\r\n",
            "00000000000000001\r\n",
            "1\r\nx\r\n0\r\na\u{0}\r\n\r\n",
            "1 a\r\n",
            "1\t5\r\n",
            "1 \r\n",
            "0\r\na: b\r\n c\r\n\r\n",
        ] {
            check(input, Err(ChunkError::Malformed));
        }
        check("15\r\n", Err(ChunkError::TooLarge));
        check("10\r\n0123456789abcdef\r\n5\r\n", Err(ChunkError::TooLarge));
        check("ffffffffffffffff\r\n", Err(ChunkError::TooLarge));
        check(&format!("1;{}\r\n", "x".repeat(CHUNK_LINE_BYTES_MAX)), Err(ChunkError::Malformed));
        let tiny = format!("1;{}\r\nx\r\n", "x".repeat(200));
        let mut decoder = ChunkedDecoder::new(1_000);
        let endless = decoder.decode(tiny.repeat(100).as_bytes(), &mut Vec::new());
        assert_eq!(endless, Err(ChunkError::Malformed), "extensions are bounded over the whole body");
        check(&format!("0\r\n{}", "x".repeat(TRAILER_BYTES_MAX + 1)), Err(ChunkError::Malformed));
    }

    proptest! {
        #[test]
        fn any_split_decodes_alike(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            cuts in proptest::collection::vec(0usize..400, 0..8),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (wire.len() + 1)).collect();
            cuts.extend([0, wire.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &wire[pair[0]..pair[1]]).collect();
            let expected = (chunks.concat(), wire.len(), true);
            // An empty part at the end reports as the part before it did.
            prop_assert_eq!(decode(&parts, 1_000), Ok(expected));
        }

        #[test]
        fn no_bytes_panic(input in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&[&input], 50);
        }
    }
}
