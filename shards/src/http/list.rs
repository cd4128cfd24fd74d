//! Comma-separated header values (RFC 9110 5.6.1).

/// The elements of one line, trimmed, empty ones left out. Not for values that may hold quoted commas.
pub fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}
