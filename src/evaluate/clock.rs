//! The time an evaluation was given, as the text that stands in for a missing `currentTime`.

const SECONDS_PER_DAY: i64 = 86_400;
/// `2024-05-01T12:30:00Z`.
const TEXT_BYTES: usize = 20;
/// 9999-12-31T23:59:59Z: the last second of a four-digit year.
const SECONDS_MAX: i64 = 253_402_300_799;

/// The text of an instant, in whole seconds (evaluation.md 15.2). Held where it is made: nothing is allocated.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockText {
    bytes: [u8; TEXT_BYTES],
}

impl ClockText {
    /// From milliseconds since 1970 UTC. Times before 1970 or after 9999 are moved to these ends.
    pub(super) fn new(unix_ms: i64) -> Self {
        let seconds = unix_ms.div_euclid(1000).clamp(0, SECONDS_MAX);
        let (year, month, day) = date(seconds / SECONDS_PER_DAY);
        let second_of_day = seconds % SECONDS_PER_DAY;
        let mut bytes = *b"0000-00-00T00:00:00Z";
        let fields = [
            (0, 4, year),
            (5, 2, month),
            (8, 2, day),
            (11, 2, second_of_day / 3600),
            (14, 2, second_of_day / 60 % 60),
            (17, 2, second_of_day % 60),
        ];
        for (at, width, number) in fields {
            write_digits(bytes.iter_mut().skip(at).take(width), number);
        }
        Self { bytes }
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }
}

fn write_digits<'a>(places: impl DoubleEndedIterator<Item = &'a mut u8>, mut number: i64) {
    for place in places.rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

/// Year, month and day of a day counted from 1970-01-01. Years are counted from March, so that the leap day is
/// the last one, in eras of 400 years, which all have the same days.
fn date(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097;
    const FROM_0000_03_01: i64 = 719_468;
    let days = days + FROM_0000_03_01;
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_whole_seconds() {
        for (unix_ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (999, "1970-01-01T00:00:00Z"),
            (1_714_566_600_123, "2024-05-01T12:30:00Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00Z"),
            (951_868_799_000, "2000-02-29T23:59:59Z"),
            (-1, "1970-01-01T00:00:00Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(ClockText::new(unix_ms).as_str(), text);
        }
    }

    proptest! {
        #[test]
        fn reads_back_as_the_same_second(seconds in 0..SECONDS_MAX) {
            let text = ClockText::new(seconds * 1000);
            let read = text.as_str().parse::<chrono::DateTime<chrono::Utc>>();
            prop_assert_eq!(read.map(|read| read.timestamp()), Ok(seconds));
        }
    }
}
