//! How points in time are written.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat};

/// RFC 3339 in UTC with nanoseconds, `2026-11-21T02:22:40.637423266Z`. Times before 1970 become 1970.
pub fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let utc = DateTime::from_timestamp(seconds, since.subsec_nanos()).unwrap_or_default();
    utc.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        let cases = [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (19_723, (2024, 1, 1)),
            (20_088, (2024, 12, 31)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ];
        for (days, date) in cases {
            let (year, month, day): (u64, u64, u64) = date;
            let written = rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400));
            assert_eq!(written, format!("{year:04}-{month:02}-{day:02}T00:00:00.000000000Z"), "day {days}");
        }
        assert_eq!(
            rfc3339(SystemTime::UNIX_EPOCH - Duration::from_secs(5)),
            "1970-01-01T00:00:00.000000000Z"
        );
    }
}
