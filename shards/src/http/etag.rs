//! etag
pub fn none_match<'a>(lines: impl Iterator<Item=&'a [u8]>, tag: &str) -> bool { let mut l = lines; l.any(|v| v == tag.as_bytes()) }
