//! The `date` line, written once per second and copied into every answer.

use std::time::{Duration, UNIX_EPOCH};

/// `date: Sat, 21 Nov 2026 02:23:51 GMT` and its line end.
const LINE_BYTES: usize = 37;

/// The line for one second.
#[derive(Debug, Clone)]
pub struct DateCache {
    line: [u8; LINE_BYTES],
    second: u64,
}

impl DateCache {
    /// For a time in seconds since 1970.
    pub fn new(unix_seconds: u64) -> Self {
        Self { line: write(unix_seconds), second: unix_seconds }
    }

    /// Writes the line anew if the second has changed.
    pub fn refresh(&mut self, unix_seconds: u64) {
        if unix_seconds != self.second {
            *self = Self::new(unix_seconds);
        }
    }

    /// The line, with its line end.
    pub fn line(&self) -> &[u8] {
        &self.line
    }
}

fn write(unix_seconds: u64) -> [u8; LINE_BYTES] {
    // The last second that the format can write; a clock beyond it is broken anyway.
    const YEAR_9999: u64 = 253_402_300_799;
    let time = UNIX_EPOCH + Duration::from_secs(unix_seconds.min(YEAR_9999));
    let text = format!("date: {}\r\n", httpdate::fmt_http_date(time));
    let mut line = [b' '; LINE_BYTES];
    debug_assert_eq!(text.len(), LINE_BYTES);
    line.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_that_of_its_second() {
        let mut date = DateCache::new(784_111_777);
        assert_eq!(date.line(), b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
        date.refresh(784_111_778);
        assert_eq!(date.line(), b"date: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
        assert_eq!(DateCache::new(u64::MAX).line(), b"date: Fri, 31 Dec 9999 23:59:59 GMT\r\n");
    }
}
