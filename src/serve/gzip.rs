//! Compressing an answer made for one request, in pieces of bounded size. Owned by a shard, which reuses it: only
//! [`super::entity`] compresses on a shard, stored bodies are compressed on a control thread.
//!
//! Only gzip: every client that takes a better coding takes it as well.

use flate2::{Compress, Compression, FlushCompress, Status};

/// Measured (`benches/compress.rs`) on an answer of 16 kB: level 1 makes 1.7 kB in 8 µs, level 2 1.4 kB in 16 µs, level
/// 6 1.2 kB in 37 µs; on one of 244 kB: 20 kB in 0.1 ms, 16 kB in 0.14 ms, 13 kB in 0.54 ms. An answer made for one
/// request is worth the least time; what level 1 costs is about what sending fewer bytes saves.
const LEVEL: u32 = 1;
/// Base two logarithm of how far back a repetition is found: the most that gzip has.
const WINDOW_BITS: u8 = 15;
/// Room made for output in one step.
const ROOM_BYTES: usize = 16 << 10;

/// A compressor and what it has made so far.
pub struct Gzip {
    compress: Compress,
    out: Vec<u8>,
    /// Bytes of the body that were taken.
    taken: usize,
}

/// How far a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// There is more to take.
    Partly,
    /// [`Gzip::bytes`] is the whole.
    Whole,
    /// The compressor refuses, which it never should: send the body as it is.
    Failed,
}

impl Default for Gzip {
    fn default() -> Self {
        let compress = Compress::new_gzip(Compression::new(LEVEL), WINDOW_BITS);
        Self { compress, out: Vec::new(), taken: 0 }
    }
}

impl Gzip {
    /// Forgets what was made before; its memory stays.
    pub fn restart(&mut self) {
        self.compress.reset();
        self.out.clear();
        self.taken = 0;
    }

    /// What was made so far.
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// Takes at most this much more of the body, which must be the same each time.
    pub fn take(&mut self, body: &[u8], bytes_max: usize) -> Pressed {
        let end = self.taken.saturating_add(bytes_max).min(body.len());
        let flush = if end == body.len() { FlushCompress::Finish } else { FlushCompress::None };
        while self.taken < end || end == body.len() {
            self.out.reserve(ROOM_BYTES);
            let piece = body.get(self.taken..end).unwrap_or_default();
            let before = self.compress.total_in();
            let status = self.compress.compress_vec(piece, &mut self.out, flush);
            self.taken += usize::try_from(self.compress.total_in() - before).unwrap_or(usize::MAX);
            match status {
                Ok(Status::StreamEnd) => return Pressed::Whole,
                Ok(Status::Ok) => {}
                Ok(Status::BufError) | Err(_) => return Pressed::Failed,
            }
        }
        Pressed::Partly
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn pressed(gzip: &mut Gzip, body: &[u8], bytes_max: usize) -> Vec<u8> {
        gzip.restart();
        while gzip.take(body, bytes_max) == Pressed::Partly {}
        gzip.bytes().to_vec()
    }

    fn restored(pressed: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        flate2::read::GzDecoder::new(pressed).read_to_end(&mut body).expect("gzip");
        body
    }

    fn noise(bytes: usize) -> Vec<u8> {
        (0..bytes as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
    }

    #[test]
    fn bodies_of_any_size_come_back_in_pieces_of_any_size() {
        let mut gzip = Gzip::default();
        for bytes in [0, 1, 100, 20_000, 300_000] {
            let text: Vec<u8> = b"{\"name\":\"flag\"},".iter().copied().cycle().take(bytes).collect();
            for body in [text, noise(bytes)] {
                for bytes_max in [977, ROOM_BYTES, 128 << 10, usize::MAX] {
                    let made = pressed(&mut gzip, &body, bytes_max);
                    assert!(restored(&made) == body, "{bytes} by {bytes_max}");
                }
            }
        }
    }

    #[test]
    fn a_piece_takes_no_more_than_it_may() {
        let mut gzip = Gzip::default();
        let body = noise(1_000);
        let steps: Vec<Pressed> = (0..3).map(|_| gzip.take(&body, 400)).collect();
        assert_eq!(steps, [Pressed::Partly, Pressed::Partly, Pressed::Whole]);
    }

    proptest! {
        #[test]
        fn no_body_is_left_over_from_the_one_before(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..4), bytes_max in 1..200_usize) {
            let mut gzip = Gzip::default();
            for body in bodies {
                let made = pressed(&mut gzip, &body, bytes_max);
                prop_assert_eq!(restored(&made), body);
            }
        }
    }
}
