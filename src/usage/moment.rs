//! Points in time as SDKs write them, and the hours that counts are kept by.
//!
//! No clock: what time it is comes as an argument.

use std::fmt;

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::limits::FUTURE_MAX;

/// A point in time, read and written as RFC 3339, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(DateTime<Utc>);

/// An hour since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(i64);

impl Moment {
    /// Reads a text. Years have four digits. A leap second becomes the end of the second before, because readers in
    /// JavaScript know none and would refuse a whole post for it.
    pub fn parse(text: &str) -> Option<Self> {
        let time: DateTime<Utc> = text.parse().ok()?;
        let time =
            DateTime::from_timestamp(time.timestamp(), time.timestamp_subsec_nanos().min(999_999_999))?;
        (0..=9_999).contains(&time.year()).then_some(Self(time))
    }

    /// The hour it is in.
    pub fn hour(self) -> Hour {
        Hour(self.0.timestamp().div_euclid(3_600))
    }

    /// Whether counts of this time are taken: since 1970, and not too far ahead.
    pub fn is_believable(self, now_unix_ms: i64) -> bool {
        let future_ms = i64::try_from(FUTURE_MAX.as_millis()).unwrap_or(i64::MAX);
        (0..=now_unix_ms.saturating_add(future_ms)).contains(&self.0.timestamp_millis())
    }
}

/// As chrono writes it: `T`, `Z`, and a fraction of three, six or nine digits if there is one.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Visitor)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 formatted date and time")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Moment, E> {
        Moment::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_written() {
        let check = |text: &str, written: &str, hour| {
            let moment = Moment::parse(text).expect(text);
            assert_eq!((moment.to_string().as_str(), moment.hour()), (written, Hour(hour)), "{text}");
        };
        check("1970-01-01T00:59:59Z", "1970-01-01T00:59:59Z", 0);
        check("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z", -1);
        check("2026-11-21T02:10:00.000Z", "2026-11-21T02:10:00Z", 498_674);
        check("2026-11-21T02:10:00.250Z", "2026-11-21T02:10:00.250Z", 498_674);
        check("2026-11-21T04:10:00+02:00", "2026-11-21T02:10:00Z", 498_674);
        check("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999999Z", 412_007);
        for text in [
            "",
            "+12026-11-21T02:10:00Z",
            "-0001-11-21T02:10:00Z",
            "yesterday",
            "2026-11-21",
            "1795000000",
            "2026-13-01T00:00:00Z",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_future_is_bounded_and_the_past_begins_in_1970() {
        let now = Moment::parse("2026-11-21T02:10:00Z").expect("a date").0.timestamp_millis();
        let check = |text: &str, expected| {
            assert_eq!(Moment::parse(text).expect(text).is_believable(now), expected, "{text}");
        };
        check("2026-11-21T02:10:00Z", true);
        check("2026-11-22T02:10:00Z", true);
        check("2026-11-22T02:10:01Z", false);
        check("1970-01-01T00:00:00Z", true);
        check("1969-12-31T23:59:59Z", false);
        check("9999-12-31T23:59:59Z", false);
    }
}
