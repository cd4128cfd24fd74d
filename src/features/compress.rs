//! Compressing a finished body, once per change and coding. Runs on control threads, never on a shard.
//!
//! `deflate` is not offered: every client that knows it knows gzip. Levels are free (http-api.md 5).

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write};
use std::sync::Arc;

/// Bodies below this go out as they are: they fit one packet with their head either way, and gzip's own
/// frame eats much of the gain. Unleash Edge 20.4 starts at 32 bytes.
pub const COMPRESS_BYTES_MIN: usize = 512;

/// Above this size speed counts more than size: 3 MB in 50 scopes must not hold a change back.
const LARGE_BYTES: usize = 256 * 1024;

/// Measured on 100 kB and 3 MB of features: level 6 makes 7.6 kB in 0.4 ms and 255 kB in 16 ms, level 4
/// makes 8.4 kB in 0.3 ms and 293 kB in 9 ms. Level 1 takes 4 ms for the large one, but makes 484 kB.
const GZIP_LEVEL: u32 = 6;
const GZIP_LEVEL_LARGE: u32 = 4;

/// zstd is what a client gets that takes everything, so the common sizes are worth a little more than its
/// default of 3: level 5 makes 7.8 kB in 0.3 ms instead of 9.6 kB in 0.1 ms. The 3 MB take 4 ms instead of 11.
const ZSTD_LEVEL: i32 = 5;
const ZSTD_LEVEL_LARGE: i32 = 3;

/// Levels above 5 cost more than they save; above 1 MB even 5 is slow: 31 ms for 3 MB (239 kB) instead of
/// 18 ms (269 kB).
const BROTLI_QUALITY: i32 = 5;
const BROTLI_QUALITY_LARGE: i32 = 4;
const BROTLI_LARGE_BYTES: usize = 1024 * 1024;
/// 4 MiB: every decoder takes it, and repeated flags are found across most of a large body.
const BROTLI_WINDOW_BITS: i32 = 22;

const _: () = assert!(COMPRESS_BYTES_MIN < LARGE_BYTES && LARGE_BYTES < BROTLI_LARGE_BYTES);

/// A content coding a body can be kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coding {
    /// `gzip`.
    Gzip,
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
}

impl Coding {
    /// All codings, dearest to make last.
    pub const ALL: [Self; 3] = [Self::Gzip, Self::Zstd, Self::Brotli];

    /// The name in `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// The body in this coding. `None` if it is too small to bother or would not become smaller.
pub fn compress(coding: Coding, body: &[u8]) -> Option<Arc<[u8]>> {
    if body.len() < COMPRESS_BYTES_MIN {
        return None;
    }
    let compressed = match coding {
        Coding::Gzip => gzip(body),
        Coding::Brotli => brotli(body),
        Coding::Zstd => zstd(body),
    };
    compressed.ok().filter(|compressed| compressed.len() < body.len()).map(Arc::from)
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let level = if body.len() > LARGE_BYTES { GZIP_LEVEL_LARGE } else { GZIP_LEVEL };
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::new(level));
    encoder.write_all(body)?;
    encoder.finish()
}

fn zstd(body: &[u8]) -> io::Result<Vec<u8>> {
    let level = if body.len() > LARGE_BYTES { ZSTD_LEVEL_LARGE } else { ZSTD_LEVEL };
    zstd::bulk::compress(body, level)
}

fn brotli(mut body: &[u8]) -> io::Result<Vec<u8>> {
    let is_large = body.len() > BROTLI_LARGE_BYTES;
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: if is_large { BROTLI_QUALITY_LARGE } else { BROTLI_QUALITY },
        lgwin: BROTLI_WINDOW_BITS,
        size_hint: body.len(),
        ..Default::default()
    };
    let mut out = Vec::with_capacity(body.len() / 4);
    brotli::BrotliCompress(&mut body, &mut out, &parameters)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn restore(coding: Coding, compressed: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut source = compressed;
        match coding {
            Coding::Gzip => drop(flate2::read::GzDecoder::new(source).read_to_end(&mut out).expect("gzip")),
            Coding::Brotli => brotli::BrotliDecompress(&mut source, &mut out).expect("brotli"),
            Coding::Zstd => out = zstd::decode_all(source).expect("zstd"),
        }
        out
    }

    #[test]
    fn every_coding_gives_the_body_back_at_every_level() {
        for bytes in [COMPRESS_BYTES_MIN, LARGE_BYTES + 1, BROTLI_LARGE_BYTES + 1] {
            let body: Vec<u8> =
                br#"{"name":"some.flag","enabled":true},"#.iter().copied().cycle().take(bytes).collect();
            for coding in Coding::ALL {
                let compressed = compress(coding, &body).expect("repetitive text shrinks");
                assert!(compressed.len() < body.len() / 2, "{coding:?} of {bytes}");
                assert!(restore(coding, &compressed) == body, "{coding:?} of {bytes}");
            }
        }
    }

    #[test]
    fn what_does_not_shrink_stays_as_it_is() {
        let mut state = 1_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        let noise: Vec<u8> = (0..4096).map(|_| random()).collect();
        for coding in Coding::ALL {
            assert_eq!(compress(coding, &noise), None, "{coding:?}");
            assert_eq!(compress(coding, &[b'a'; COMPRESS_BYTES_MIN - 1]), None, "{coding:?}");
            assert_eq!(compress(coding, b""), None, "{coding:?}");
        }
    }
}
